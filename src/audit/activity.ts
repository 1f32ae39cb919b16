// Counts of permitted requests: one record per session, statement and minute (`audit.dml:
// activity`). A hit is two map look-ups and two increments, and for a text that came once its shape; the
// record is described once a minute.
import type { Statement } from '../cql/statement.ts';
import { guarded } from '../guard.ts';
import { ACTIVITY } from '../limits.ts';
import { UNCOUNTED, type Account } from '../memory/budget.ts';
import { footprintOf, MAP_ENTRY_BYTES } from '../memory/footprint.ts';
import { isoTime } from '../wall-clock.ts';
import type { AuditEntry, AuditLog } from './record.ts';

/** What is asked of who did something with a statement. */
export interface ActivitySource<Source> {
  /**
   * Equal for what is counted as one; null where the statement is like no other. `index` is that of the
   * statement in a BATCH, or -1.
   */
  readonly shape: (source: Source, statement: Statement, index: number) => string | null;
  /** The record but for its counts. */
  readonly describe: (source: Source, statement: Statement, index: number) => AuditEntry;
}

interface Count {
  count: number;
  errors: number;
  readonly sinceMs: number;
  /** Taken at the first hit: later ones say the same. */
  readonly entry: AuditEntry;
}

/** Of a session. Texts that differ in their values only are counted as one; the first one is recorded. */
class Counts {
  /** What its entries hold. */
  bytes = 0;
  readonly byShape = new Map<string | Statement, Count>();
  /** The same, for statements that come again as they are. */
  readonly byStatement = new Map<Statement, Count>();
}

export class ActivityLog<Source = never> {
  readonly #audit: AuditLog;
  readonly #source: ActivitySource<Source>;
  readonly #sessions = new Map<object, Counts>();
  readonly #account: Account;
  readonly #timer: NodeJS.Timeout;

  constructor(audit: AuditLog, source: ActivitySource<Source>, account: Account = UNCOUNTED) {
    this.#account = account;
    this.#audit = audit;
    this.#source = source;
    this.#timer = setInterval(
      guarded('audit', () => this.flush()),
      ACTIVITY.intervalMs,
    );
    this.#timer.unref();
  }

  hit(session: object, statement: Statement, failed: boolean, source: Source, index: number): void {
    const known = this.#sessions.get(session)?.byStatement.get(statement);
    const count = known ?? this.#countOf(session, statement, source, index);
    count.count++;
    if (failed) count.errors++;
  }

  #countOf(session: object, statement: Statement, source: Source, index: number): Count {
    const shape = this.#source.shape(source, statement, index) ?? statement;
    let counts = this.#sessions.get(session) ?? new Counts();
    let count = counts.byShape.get(shape);
    if (count === undefined) {
      // Many in a minute: they are written early, so memory stays bounded.
      if (counts.byShape.size >= ACTIVITY.shapesPerSession) {
        this.flushSession(session);
        counts = new Counts();
      }
      const entry = this.#source.describe(source, statement, index);
      const bytes = footprintOf(entry) + 2 * MAP_ENTRY_BYTES;
      counts.bytes += bytes;
      this.#account.add(bytes);
      count = { count: 0, errors: 0, sinceMs: Date.now(), entry };
      counts.byShape.set(shape, count);
    }
    if (statement.isKept && counts.byStatement.size < ACTIVITY.statementsPerSession) {
      counts.byStatement.set(statement, count);
    }
    this.#sessions.set(session, counts);
    return count;
  }

  flushSession(session: object): void {
    const counts = this.#sessions.get(session);
    if (counts === undefined) return;
    this.#sessions.delete(session);
    this.#account.add(-counts.bytes);
    for (const { count, errors, sinceMs, entry } of counts.byShape.values()) {
      this.#audit.append({ ...entry, count, errors, since: isoTime(sinceMs) });
    }
  }

  flush(): void {
    for (const session of [...this.#sessions.keys()]) this.flushSession(session);
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }
}
