// A lock that the gates of a fleet share: a row in the gate's own keyspace, made by a lightweight
// transaction with a time to live, and renewed while it is held. Time is counted by the cluster alone, and
// here only as "since before I asked", so that no clock must be right.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { quoteIfNeeded } from '../cql/resource.ts';
import { CqlErrorCode } from '../errors.ts';
import { LANE } from '../limits.ts';
import { Consistency } from '../protocol/consistency.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodeError } from '../protocol/messages/error.ts';
import { decodeRows } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import type { FleetLock, HeldLock } from './ddl-lane.ts';
import { UpstreamFault } from './faults.ts';
import { CONTROL_VERSION, type OwnQuery } from './own-query.ts';

export interface FleetLockListener {
  /** Whether the fleet has a table of locks that this gate may use; told at the first use and at each change. */
  shared(isShared: boolean): void;
  /** A lock could not be renewed in time: another gate may hold it now. */
  lost(name: string): void;
}

/** Of an absent table; of one that the gate's login has no right on, whether it is there or not. */
const ABSENT: ReadonlySet<number> = new Set([CqlErrorCode.INVALID, CqlErrorCode.UNAUTHORIZED]);

export class LockTable implements FleetLock {
  readonly #table: string;
  readonly #query: OwnQuery;
  readonly #listener: FleetLockListener;
  #isShared: boolean | null = null;
  #lookAgainAtMs = 0;

  constructor(keyspace: string, query: OwnQuery, listener: FleetLockListener) {
    this.#table = `${quoteIfNeeded(keyspace)}.locks`;
    this.#query = query;
    this.#listener = listener;
  }

  /** null before it was used. */
  get isShared(): boolean | null {
    return this.#isShared;
  }

  async acquire(name: string, deadlineAtMs: number): Promise<HeldLock | null> {
    if (this.#isShared === false && Date.now() < this.#lookAgainAtMs) return null;
    const owner = randomUUID();
    let problem = 'another gate of the fleet is changing the schema of this keyspace';
    for (;;) {
      const askedAtMs = Date.now();
      try {
        const won = await this.#take(name, owner);
        if (won === null) {
          this.#lookAgainAtMs = Date.now() + LANE.absentPollMs;
          this.#tell(false);
          return null;
        }
        this.#tell(true);
        if (won) return this.#held(name, owner, askedAtMs);
      } catch (error) {
        // Its fate is unknown: the next attempt finds out whose it is.
        problem = `the fleet's lock can't be asked for: ${error instanceof Error ? error.message : ''}`;
      }
      if (Date.now() + LANE.pollMaxMs >= deadlineAtMs) throw new UpstreamFault('busy', problem);
      await delay(LANE.pollMinMs + Math.random() * (LANE.pollMaxMs - LANE.pollMinMs));
    }
  }

  /** Whether it is this owner's now; null where there is no such table. */
  async #take(name: string, owner: string): Promise<boolean | null> {
    const answer = await this.#query(
      `INSERT INTO ${this.#table} (name, owner) VALUES (${literal(name)}, ${literal(owner)}) IF NOT EXISTS USING TTL ${LANE.lockTtlSeconds}`,
      Consistency.QUORUM,
    );
    if (answer.opcode === Opcode.ERROR) {
      const { code, message } = decodeError(answer);
      if (ABSENT.has(code)) return null;
      throw new UpstreamFault('unreachable', message);
    }
    return isOwned(answer, owner);
  }

  #held(name: string, owner: string, askedAtMs: number): HeldLock {
    const where = `WHERE name = ${literal(name)} IF owner = ${literal(owner)}`;
    // Counted from before the node can have begun to count.
    let isHeldUntilMs = askedAtMs + LANE.lockTtlSeconds * 1000 - LANE.marginMs;
    let isReleased = false;
    const isHeld = (): boolean => !isReleased && Date.now() < isHeldUntilMs;
    const renew = async (): Promise<void> => {
      const renewedAtMs = Date.now();
      const answer = await this.#query(
        `UPDATE ${this.#table} USING TTL ${LANE.lockTtlSeconds} SET owner = ${literal(owner)} ${where}`,
        Consistency.QUORUM,
      );
      if (answer.opcode !== Opcode.ERROR && isOwned(answer, owner)) {
        isHeldUntilMs = renewedAtMs + LANE.lockTtlSeconds * 1000 - LANE.marginMs;
      }
    };
    const timer = setInterval(() => {
      if (!isHeld()) {
        clearInterval(timer);
        if (!isReleased) this.#listener.lost(name);
        return;
      }
      // One that fails is tried again, until the time is over.
      renew().catch(() => undefined);
    }, LANE.renewMs);
    return {
      get isHeld() {
        return isHeld();
      },
      release: async () => {
        isReleased = true;
        clearInterval(timer);
        await this.#query(`DELETE FROM ${this.#table} ${where}`, Consistency.QUORUM);
      },
    };
  }

  #tell(isShared: boolean): void {
    if (this.#isShared === isShared) return;
    this.#isShared = isShared;
    this.#listener.shared(isShared);
  }
}

/** The row of a lightweight transaction: `[applied]`, and the owner that it found where it was not. */
function isOwned(answer: Frame, owner: string): boolean {
  const { columns, rows } = decodeRows(answer, CONTROL_VERSION);
  const cell = (name: string): Buffer | null =>
    rows[0]?.[columns.findIndex((column) => column.name === name)] ?? null;
  return cell('[applied]')?.[0] === 1 || cell('owner')?.toString('utf8') === owner;
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
