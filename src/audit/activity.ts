// Counts of permitted requests: one record per session, statement and minute (`audit.dml:
// activity`). A hit is two map look-ups and two increments, and for a text that came once its shape; the
// record is described once a minute. What may be written in a minute is bounded for a session and for a role:
// statements past that are counted as others of the role, in one record. While the ledger has no room, counts go on.
import { wallMs, type WallMs } from '../clock.ts';
import type { Statement } from '../cql/statement.ts';
import { guarded } from '../guard.ts';
import { ACTIVITY, LEDGER } from '../limits/audit.ts';
import { TURN } from '../limits/session.ts';
import { UNCOUNTED, type Account } from '../memory/store.ts';
import { footprintOf, MAP_ENTRY_BYTES } from '../memory/footprint.ts';
import { inLaterTurn, turnWork } from '../turn.ts';
import { isoTime } from '../wall-clock.ts';
import { bounded } from './bound.ts';
import type { AuditEntry, AuditLog } from './record.ts';
import type { Share } from './room.ts';

/** What is asked of who did something with a statement. */
export interface ActivitySource<Source> {
  /**
   * Equal for what is counted as one; null where the statement is like no other. `index` is that of the
   * statement in a BATCH, or -1.
   */
  readonly shape: (source: Source, statement: Statement, index: number) => string | null;
  /** The record but for its counts. */
  readonly describe: (source: Source, statement: Statement, index: number) => AuditEntry;
  /** The role's share of the ledger. */
  readonly share: (source: Source) => Share;
  /** The record of a role's other statements. */
  readonly others: (source: Source) => AuditEntry;
}

interface Count {
  count: number;
  errors: number;
  readonly sinceMs: WallMs;
  /** Taken at the first hit: later ones say the same. */
  readonly entry: AuditEntry;
  readonly share: Share;
  /** Of its record. */
  readonly bytes: number;
  /** Of the heap. */
  readonly heapBytes: number;
}

/** Children of a BATCH that are not counted yet. */
interface Uncounted<Source> {
  readonly session: object;
  readonly children: readonly BatchChild[];
  readonly failed: boolean;
  readonly source: Source;
  next: number;
}

interface BatchChild {
  readonly statement: Statement;
  readonly text: string;
}

/** Of a session. Texts that differ in their values only are counted as one; the first one is recorded. */
class Counts {
  /** Of the records that its counts make. */
  bytes = 0;
  readonly byShape = new Map<string | Statement, Count>();
  /** The same, for statements that come again as they are. */
  readonly byStatement = new Map<Statement, Count>();
}

class RoleCounts {
  /** Of records that the minute's counts make. */
  bytes = 0;
  others: Count | null = null;
}

export class ActivityLog<Source = never> {
  readonly #audit: AuditLog;
  readonly #source: ActivitySource<Source>;
  readonly #onOther: () => void;
  readonly #bytesPerRole: number;
  readonly #sessions = new Map<object, Counts>();
  readonly #account: Account;
  readonly #roles = new Map<Share, RoleCounts>();
  /** Of sessions that ended, and that there was no room for. */
  #unwritten: Count[] = [];
  /** Of large BATCHes: they are counted over several turns. */
  #uncounted: Uncounted<Source>[] = [];
  readonly #goOn: () => void = guarded(
    'audit',
    () => this.#countInTurn(),
    () => inLaterTurn(this.#goOn),
  );
  /** A minute's counts are being written. */
  #flushing: Generator<void, void> | null = null;
  readonly #flushOn: () => void = guarded(
    'audit',
    () => this.#flushInTurn(),
    () => {
      this.#flushing = null;
    },
  );
  readonly #timer: NodeJS.Timeout;
  #isClosing = false;

  constructor(
    audit: AuditLog,
    source: ActivitySource<Source>,
    {
      account = UNCOUNTED,
      bytesPerRole = Infinity,
      onOther = () => undefined,
    }: {
      readonly account?: Account;
      readonly bytesPerRole?: number;
      readonly onOther?: () => void;
    } = {},
  ) {
    this.#account = account;
    this.#audit = audit;
    this.#source = source;
    this.#bytesPerRole = bytesPerRole;
    this.#onOther = onOther;
    this.#timer = setInterval(
      guarded('audit', () => this.#beginMinute()),
      ACTIVITY.intervalMs,
    );
    this.#timer.unref();
  }

  hit(session: object, statement: Statement, failed: boolean, source: Source, index: number): void {
    const count = this.#countFor(session, statement, source, index);
    count.count++;
    if (failed) count.errors++;
  }

  #countFor(session: object, statement: Statement, source: Source, index: number): Count {
    const known = this.#sessions.get(session)?.byStatement.get(statement);
    return known ?? this.#countOf(session, statement, source, index);
  }

  /** The children of a BATCH: at once as far as this turn goes, then in later ones. */
  hitAll(session: object, children: readonly BatchChild[], failed: boolean, source: Source): void {
    this.#uncounted.push({ session, children, failed, source, next: 0 });
    // Those before it are on their way.
    if (this.#uncounted.length === 1) this.#goOn();
  }

  #countInTurn(): void {
    const before = turnWork.done;
    for (const batch of this.#uncounted) {
      const { session, children, failed, source } = batch;
      // Most batches are rows of one statement: its count is looked up once for a run of them.
      let last: Statement | null = null;
      let count: Count | null = null;
      while (batch.next < children.length) {
        if (turnWork.done - before >= TURN.workPerSession) {
          this.#uncounted = this.#uncounted.slice(this.#uncounted.indexOf(batch));
          inLaterTurn(this.#goOn);
          return;
        }
        const index = batch.next++;
        const { statement, text } = children[index]!;
        turnWork.add(TURN.count + text.length / TURN.charactersPerUnit);
        if (count === null || statement !== last || !statement.isKept) {
          count = this.#countFor(session, statement, source, index);
          last = statement;
        }
        count.count++;
        if (failed) count.errors++;
      }
    }
    this.#uncounted = [];
  }

  #countOf(session: object, statement: Statement, source: Source, index: number): Count {
    turnWork.add(TURN.shape);
    const shape = this.#source.shape(source, statement, index) ?? statement;
    const counts = this.#sessions.get(session) ?? new Counts();
    const count = counts.byShape.get(shape) ?? this.#begin(counts, shape, statement, source, index);
    if (statement.isKept && counts.byStatement.size < ACTIVITY.statementsPerSession) {
      counts.byStatement.set(statement, count);
    }
    this.#sessions.set(session, counts);
    return count;
  }

  #begin(
    counts: Counts,
    shape: string | Statement,
    statement: Statement,
    source: Source,
    index: number,
  ): Count {
    const share = this.#source.share(source);
    let role = this.#roles.get(share);
    if (role === undefined) this.#roles.set(share, (role = new RoleCounts()));
    const isFull =
      counts.byShape.size >= ACTIVITY.shapesPerSession ||
      counts.bytes >= ACTIVITY.bytesPerSession ||
      role.bytes >= this.#bytesPerRole;
    if (isFull) {
      this.#onOther();
      role.others ??= this.#count(this.#source.others(source), share);
      return role.others;
    }
    const count = this.#count(this.#source.describe(source, statement, index), share);
    counts.byShape.set(shape, count);
    counts.bytes += count.bytes;
    role.bytes += count.bytes;
    return count;
  }

  #count(entry: AuditEntry, share: Share): Count {
    turnWork.add(TURN.record);
    const kept = bounded(entry);
    const bytes = JSON.stringify(kept).length + LEDGER.linkBytes;
    const heapBytes = footprintOf(kept) + 2 * MAP_ENTRY_BYTES;
    this.#account.add(heapBytes);
    return { count: 0, errors: 0, sinceMs: wallMs(), entry: kept, share, bytes, heapBytes };
  }

  /** At its end. */
  flushSession(session: object): void {
    const counts = this.#sessions.get(session);
    if (counts === undefined) return;
    this.#sessions.delete(session);
    for (const count of counts.byShape.values()) {
      if (!this.#write(count)) this.#unwritten.push(count);
    }
  }

  /** Writes the minute's counts where there is room for them; the others go on. */
  flush(): void {
    for (const steps = this.#flushing ?? this.#flushSteps(); steps.next().done !== true;);
    this.#flushing = null;
  }

  /** The same, over several turns. */
  #beginMinute(): void {
    if (this.#flushing !== null) return;
    this.#flushing = this.#flushSteps();
    this.#flushOn();
  }

  #flushInTurn(): void {
    const before = turnWork.done;
    while (this.#flushing !== null) {
      if (this.#flushing.next().done === true) this.#flushing = null;
      else if (turnWork.done - before >= TURN.workPerSession) {
        inLaterTurn(this.#flushOn);
        return;
      }
    }
  }

  /** A step is what was there when it began, of one session: what is counted meanwhile is the next minute's. */
  *#flushSteps(): Generator<void, void> {
    const before = new Map<Share, number>();
    for (const [share, { bytes }] of this.#roles) before.set(share, bytes);
    const left = new Map<Share, number>();
    const keep = ({ share, bytes }: Count): void =>
      void left.set(share, (left.get(share) ?? 0) + bytes);
    const unwritten = this.#unwritten.splice(0);
    for (let i = 0; i < unwritten.length; i++) {
      const count = unwritten[i]!;
      if (!this.#write(count)) {
        this.#unwritten.push(count);
        keep(count);
      }
      if (i % ACTIVITY.writtenAtOnce === ACTIVITY.writtenAtOnce - 1) yield;
    }
    for (const [session, counts] of [...this.#sessions]) {
      // Some may have ended in between: they wrote theirs.
      if (this.#sessions.get(session) !== counts) continue;
      this.#flushCounts(session, counts, keep);
      yield;
    }
    for (const [share, role] of this.#roles) {
      if (role.others !== null && this.#write(role.others)) role.others = null;
      role.bytes += (left.get(share) ?? 0) - (before.get(share) ?? 0);
      if (role.others === null && role.bytes === 0) this.#roles.delete(share);
    }
  }

  #flushCounts(session: object, counts: Counts, keep: (count: Count) => void): void {
    const rest = new Counts();
    for (const [shape, count] of counts.byShape) {
      if (this.#write(count)) continue;
      rest.byShape.set(shape, count);
      rest.bytes += count.bytes;
      keep(count);
    }
    if (rest.byShape.size > 0) this.#sessions.set(session, rest);
    else this.#sessions.delete(session);
  }

  /** What there is no room for any more is lost, and counted so by the ledger. */
  close(): void {
    clearInterval(this.#timer);
    this.#isClosing = true;
    for (const { session, children, failed, source, next } of this.#uncounted) {
      for (let index = next; index < children.length; index++) {
        this.hit(session, children[index]!.statement, failed, source, index);
      }
    }
    this.#uncounted = [];
    // One that is under way has passed some sessions by.
    if (this.#flushing !== null) this.flush();
    this.flush();
  }

  #write({ count, errors, sinceMs, entry, share, bytes, heapBytes }: Count): boolean {
    if (!this.#isClosing && !this.#audit.room.has(share, bytes)) return false;
    turnWork.add(TURN.record);
    this.#account.add(-heapBytes);
    const since = isoTime(sinceMs);
    this.#audit.append({ ...entry, count, errors, since }, share);
    return true;
  }
}
