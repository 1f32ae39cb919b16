// A lock that the gates of a fleet share: a row in the gate's own keyspace, made by a lightweight transaction with a
// time to live, and renewed while the gate has the lock. The cluster alone counts the time to live. The gate counts
// from before it asked, which is never later than the cluster does, so that no clock must be right.
import { randomUUID } from 'node:crypto';
import { uptime } from 'node:os';
import { later, LONG_AGO, monotonicMs, msSince, type MonotonicMs } from '../clock.ts';
import { stringLiteral } from '../cql/quote.ts';
import { guarded, unattended } from '../guard.ts';
import { LANE } from '../limits/fleet.ts';
import { Consistency } from '../protocol/consistency.ts';
import type { Rows } from '../protocol/messages/result.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import { columnAt, refusalIn, type OwnQueries } from '../upstream/own-query.ts';
import type { FleetLock, HeldLock } from './ddl-lane.ts';
import { isPerhapsAbsent, OwnTable } from './own-table.ts';

export interface FleetLockListener {
  /** Whether the fleet has a table of locks. Called at the first use and at each change. */
  shared(isShared: boolean): void;
  /** A lock could not be renewed in time: another gate may have it now. */
  lost(name: string): void;
}

/** What an attempt to take it found: `mine` is what an earlier attempt made whose answer was lost. */
type Attempt = 'won' | 'mine' | 'taken' | 'absent';

/** The table is there, and this gate may not use it. Waiting does not help. */
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

/** How long the machine has been up; 0 where that is not known. */
function uptimeMs(): number {
  try {
    return uptime() * 1000;
  } catch {
    return 0;
  }
}

export class LockTable implements FleetLock {
  readonly #table: OwnTable;
  readonly #queries: OwnQueries;
  readonly #listener: FleetLockListener;
  #isShared: boolean | null = null;
  #lookAgainAtMs = LONG_AGO;

  constructor(keyspace: string, queries: OwnQueries, listener: FleetLockListener) {
    this.#table = new OwnTable(keyspace, 'locks', queries);
    this.#queries = queries;
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
        problem = `the fleet's lock can't be asked for: ${reasonOf(error)}`;
      }
      if (later(monotonicMs(), LANE.pollMaxMs) >= deadlineAtMs) break;
      await pause(LANE.pollMinMs + Math.random() * (LANE.pollMaxMs - LANE.pollMinMs));
    }
    if (isUncertain) unattended('lock', this.giveBack(name, owner));
    throw new UpstreamFault('busy', problem);
  }

  /** False: it is another's, or nobody's. Rejects where that is not known. */
  async renew(name: string, owner: string): Promise<boolean> {
    return isApplied(
      await this.#queries.rows(
        `UPDATE ${this.#table.text} USING TTL ${LANE.lockTtlSeconds} SET owner = ${stringLiteral(owner)} ${whose(name, owner)}`,
        Consistency.QUORUM,
      ),
    );
  }

  /** Until it is known to be gone, or has ended by itself. Never rejects. */
  async giveBack(name: string, owner: string): Promise<void> {
    const since = new Stopwatch();
    while (since.elapsedMs < LANE.lockTtlSeconds * 1000) {
      try {
        const answer = await this.#queries.rows(
          `DELETE FROM ${this.#table.text} ${whose(name, owner)}`,
          Consistency.QUORUM,
        );
        // Applied or not, it is no longer this gate's.
        isApplied(answer);
        return;
      } catch (error) {
        if (isPerhapsAbsent(error)) return;
        // Tried again below.
      }
      await pause(LANE.pollMaxMs);
    }
  }

  async #take(name: string, owner: string): Promise<Attempt> {
    const { text } = this.#table;
    try {
      const answer = await this.#queries.rows(
        `INSERT INTO ${text} (name, owner) VALUES (${stringLiteral(name)}, ${stringLiteral(owner)}) IF NOT EXISTS USING TTL ${LANE.lockTtlSeconds}`,
        Consistency.QUORUM,
      );
      if (isApplied(answer)) return 'won';
      return ownerOf(answer) === owner ? 'mine' : 'taken';
    } catch (error) {
      if (!isPerhapsAbsent(error)) throw error;
    }
    if (!(await this.#table.exists())) return 'absent';
    // The other gates lock: to go on without would be what the lock is there to prevent.
    throw new ClosedTableFault(
      'login_refused',
      `${text} is there, but the gate may not use it; operators: 'cqlgate provision' says what the gate's login needs`,
    );
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
    // A lock must not keep a gate running that is about to end.
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
function isApplied(answer: Rows): boolean {
  const flag = answer.rows[0]?.[columnAt(answer, '[applied]')];
  if (flag?.length === 1) return flag[0] === 1;
  throw new UpstreamFault('protocol', 'a lightweight transaction was answered without [applied]');
}

/** Of the row that stood in the way of a lightweight transaction; it may have gone since. */
function ownerOf({ columns, rows }: Rows): string | null {
  const index = columns.findIndex((column) => column.name === 'owner');
  return rows[0]?.[index]?.toString('utf8') ?? null;
}

async function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

/** A node's own words where it refused. */
function reasonOf(error: unknown): string {
  return refusalIn(error)?.message ?? (error instanceof Error ? error.message : '');
}
