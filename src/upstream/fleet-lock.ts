// A lock that the gates of a fleet share: a row in the gate's own keyspace, made by a lightweight
// transaction with a time to live, and renewed while it is held. Time is counted by the cluster alone, and
// here only as "since before I asked", so that no clock must be right.
import { randomUUID } from 'node:crypto';
import { uptime } from 'node:os';
import { later, LONG_AGO, monotonicMs, msSince, type MonotonicMs } from '../clock.ts';
import { quoteIfNeeded, stringLiteral } from '../cql/quote.ts';
import { CqlErrorCode } from '../errors.ts';
import { guarded, unattended } from '../guard.ts';
import { LANE } from '../limits/fleet.ts';
import { Consistency } from '../protocol/consistency.ts';
import type { Frame } from '../protocol/frame.ts';
import type { FleetLock, HeldLock } from './ddl-lane.ts';
import { UpstreamFault } from './faults.ts';
import { columnAt, refusalOf, rowsOf, type OwnQuery } from './own-query.ts';

export interface FleetLockListener {
  /** Whether the fleet has a table of locks; told at the first use and at each change. */
  shared(isShared: boolean): void;
  /** A lock could not be renewed in time: another gate may hold it now. */
  lost(name: string): void;
}

/** Of an absent table; of one that the gate's login has no right on, whether it is there or not. */
const PERHAPS_ABSENT: ReadonlySet<number> = new Set([
  CqlErrorCode.INVALID,
  CqlErrorCode.UNAUTHORIZED,
]);

/** What an attempt to take it found: `mine` is what an earlier attempt made whose answer was lost. */
type Attempt = 'won' | 'mine' | 'taken' | 'absent';

/** It is there and can't be used: no wait mends that. */
class ClosedTableFault extends UpstreamFault {}

/**
 * For how long something is so, a sleep of the machine included: the cluster counts on in that, while the monotonic
 * clock stands still. The time since the machine was started does not, and nobody can set it.
 */
class Stopwatch {
  readonly #startedAtMs = monotonicMs();
  readonly #startUptimeMs = uptimeMs();
  get elapsedMs(): number {
    return Math.max(msSince(this.#startedAtMs), uptimeMs() - this.#startUptimeMs);
  }
}

/** Of the machine; 0 where it can't be told. */
function uptimeMs(): number {
  try {
    return uptime() * 1000;
  } catch {
    return 0;
  }
}

export class LockTable implements FleetLock {
  readonly #keyspace: string;
  readonly #table: string;
  readonly #query: OwnQuery;
  readonly #listener: FleetLockListener;
  #isShared: boolean | null = null;
  #lookAgainAtMs = LONG_AGO;

  constructor(keyspace: string, query: OwnQuery, listener: FleetLockListener) {
    this.#keyspace = keyspace;
    this.#table = `${quoteIfNeeded(keyspace)}.locks`;
    this.#query = query;
    this.#listener = listener;
  }

  /** null before it was used. */
  get isShared(): boolean | null {
    return this.#isShared;
  }

  async acquire(name: string, deadlineAtMs: MonotonicMs): Promise<HeldLock | null> {
    if (this.#isShared === false && monotonicMs() < this.#lookAgainAtMs) return null;
    const owner = randomUUID();
    let problem = 'another gate of the fleet is changing the schema of this keyspace';
    /** An attempt that got no answer may have been made all the same. */
    let isUncertain = false;
    for (;;) {
      const asked = new Stopwatch();
      try {
        const attempt = await this.#take(name, owner);
        this.#tell(attempt !== 'absent');
        if (attempt === 'absent') return null;
        if (attempt === 'won') return new Held(this, name, owner, asked, this.#listener);
        // Made by an attempt before: nobody knows how long ago.
        const anew = new Stopwatch();
        if (attempt === 'mine' && (await this.renew(name, owner))) {
          return new Held(this, name, owner, anew, this.#listener);
        }
      } catch (error) {
        if (error instanceof ClosedTableFault) throw error;
        isUncertain = true;
        problem = `the fleet's lock can't be asked for: ${error instanceof Error ? error.message : ''}`;
      }
      if (later(monotonicMs(), LANE.pollMaxMs) >= deadlineAtMs) break;
      await pause(LANE.pollMinMs + Math.random() * (LANE.pollMaxMs - LANE.pollMinMs));
    }
    if (isUncertain) unattended('lock', this.giveBack(name, owner));
    throw new UpstreamFault('busy', problem);
  }

  /** False: it is another's, or nobody's. Rejects where that is not known. */
  async renew(name: string, owner: string): Promise<boolean> {
    const answer = await this.#query(
      `UPDATE ${this.#table} USING TTL ${LANE.lockTtlSeconds} SET owner = ${stringLiteral(owner)} ${whose(name, owner)}`,
      Consistency.QUORUM,
    );
    const refusal = refusalOf(answer);
    if (refusal === null) return isApplied(answer);
    throw new UpstreamFault('unreachable', refusal.message);
  }

  /** Until it is known to be gone, or has ended by itself. Never rejects. */
  async giveBack(name: string, owner: string): Promise<void> {
    const since = new Stopwatch();
    while (since.elapsedMs < LANE.lockTtlSeconds * 1000) {
      try {
        const answer = await this.#query(
          `DELETE FROM ${this.#table} ${whose(name, owner)}`,
          Consistency.QUORUM,
        );
        const refusal = refusalOf(answer);
        if (refusal !== null && PERHAPS_ABSENT.has(refusal.code)) return;
        if (refusal === null) {
          // Applied or not, it is no longer this gate's.
          isApplied(answer);
          return;
        }
      } catch {
        // Tried again below.
      }
      await pause(LANE.pollMaxMs);
    }
  }

  async #take(name: string, owner: string): Promise<Attempt> {
    const answer = await this.#query(
      `INSERT INTO ${this.#table} (name, owner) VALUES (${stringLiteral(name)}, ${stringLiteral(owner)}) IF NOT EXISTS USING TTL ${LANE.lockTtlSeconds}`,
      Consistency.QUORUM,
    );
    const refusal = refusalOf(answer);
    if (refusal === null) {
      if (isApplied(answer)) return 'won';
      return ownerOf(answer) === owner ? 'mine' : 'taken';
    }
    if (!PERHAPS_ABSENT.has(refusal.code)) throw new UpstreamFault('unreachable', refusal.message);
    if (!(await this.#exists())) return 'absent';
    // The other gates lock: to go on without would be what the lock is there to prevent.
    throw new ClosedTableFault(
      'login_refused',
      `${this.#table} is there, but the gate may not use it; operators: 'cqlgate provision' says what the gate's login needs`,
    );
  }

  /** Every login may ask for this. */
  async #exists(): Promise<boolean> {
    const query = `SELECT table_name FROM system_schema.tables WHERE keyspace_name = ${stringLiteral(this.#keyspace)} AND table_name = 'locks'`;
    const answer = await this.#query(query, Consistency.ONE);
    const refusal = refusalOf(answer);
    if (refusal === null) return rowsOf(answer).rows.length > 0;
    throw new UpstreamFault('unreachable', refusal.message);
  }

  #tell(isShared: boolean): void {
    if (!isShared) this.#lookAgainAtMs = later(monotonicMs(), LANE.absentPollMs);
    if (this.#isShared === isShared) return;
    this.#isShared = isShared;
    this.#listener.shared(isShared);
  }
}

class Held implements HeldLock {
  readonly #table: LockTable;
  readonly #name: string;
  readonly #owner: string;
  readonly #listener: FleetLockListener;
  readonly #timer: NodeJS.Timeout;
  /** From before the node can have begun to count. */
  #since: Stopwatch;
  #isOver = false;

  constructor(
    table: LockTable,
    name: string,
    owner: string,
    since: Stopwatch,
    listener: FleetLockListener,
  ) {
    this.#table = table;
    this.#name = name;
    this.#owner = owner;
    this.#since = since;
    this.#listener = listener;
    // One that is held at the end of the gate must not keep it running.
    const renew = (): void => unattended('lock', this.#renew());
    this.#timer = setInterval(guarded('lock', renew), LANE.renewMs).unref();
  }

  get isHeld(): boolean {
    const lifeMs = LANE.lockTtlSeconds * 1000 - LANE.marginMs;
    return !this.#isOver && this.#since.elapsedMs < lifeMs;
  }

  async release(): Promise<void> {
    this.#end();
    await this.#table.giveBack(this.#name, this.#owner);
  }

  async #renew(): Promise<void> {
    const anew = new Stopwatch();
    try {
      const isMine = this.isHeld && (await this.#table.renew(this.#name, this.#owner));
      if (isMine) {
        if (anew.elapsedMs < this.#since.elapsedMs) this.#since = anew;
      } else if (this.#end()) this.#listener.lost(this.#name);
    } catch {
      // Tried again at the next turn, until the time is over.
    }
  }

  /** False where it was over before. */
  #end(): boolean {
    const wasOver = this.#isOver;
    this.#isOver = true;
    clearInterval(this.#timer);
    return !wasOver;
  }
}

function whose(name: string, owner: string): string {
  return `WHERE name = ${stringLiteral(name)} IF owner = ${stringLiteral(owner)}`;
}

/** Throws UpstreamFault where it is no answer to a lightweight transaction. */
function isApplied(answer: Frame): boolean {
  const rows = rowsOf(answer);
  const flag = rows.rows[0]?.[columnAt(rows, '[applied]')];
  if (flag?.length === 1) return flag[0] === 1;
  throw new UpstreamFault('protocol', 'a lightweight transaction was answered without [applied]');
}

/** Of the row that stood in the way of a lightweight transaction; it may have gone since. */
function ownerOf(answer: Frame): string | null {
  const rows = rowsOf(answer);
  const index = rows.columns.findIndex((column) => column.name === 'owner');
  return rows.rows[0]?.[index]?.toString('utf8') ?? null;
}

async function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}
