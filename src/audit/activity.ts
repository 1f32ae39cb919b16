// Counts of permitted requests: one record per session, statement and minute (`audit.dml:
// activity`). A hit is two map look-ups and two increments; the record is described once a minute.
import type { Statement } from '../cql/statement.ts';
import { ACTIVITY } from '../limits.ts';
import type { AuditEntry, AuditLog } from './record.ts';

/** Describes what a source did with a statement: the record but for its counts. */
export type ActivitySource<Source> = (source: Source, statement: Statement) => AuditEntry;

interface Count {
  count: number;
  errors: number;
  readonly sinceMs: number;
  /** Taken at the first hit: later ones say the same. */
  readonly entry: AuditEntry;
}

/** Texts that differ in their values only are counted as one; the first one is recorded. */
class Counts extends Map<Statement, Count> {
  readonly #shapes = new Map<string, Count>();

  /** The count for a statement that is new here: of its shape, or one of its own. */
  begin(statement: Statement, entry: AuditEntry): Count {
    const { fingerprint = null, prepared_id = '', keyspace } = entry.statement ?? {};
    const shape = fingerprint === null ? null : [fingerprint, prepared_id, keyspace].join('\0');
    let count = shape === null ? undefined : this.#shapes.get(shape);
    if (count === undefined) {
      count = { count: 0, errors: 0, sinceMs: Date.now(), entry };
      if (shape !== null) this.#shapes.set(shape, count);
    }
    this.set(statement, count);
    return count;
  }
}

export class ActivityLog<Source = never> {
  readonly #audit: AuditLog;
  readonly #describe: ActivitySource<Source>;
  readonly #sessions = new Map<object, Counts>();
  readonly #timer: NodeJS.Timeout;

  constructor(audit: AuditLog, describe: ActivitySource<Source>) {
    this.#audit = audit;
    this.#describe = describe;
    this.#timer = setInterval(() => this.flush(), ACTIVITY.intervalMs);
    this.#timer.unref();
  }

  hit(session: object, statement: Statement, source: Source, failed: boolean): void {
    let counts = this.#sessions.get(session);
    if (counts === undefined) {
      counts = new Counts();
      this.#sessions.set(session, counts);
    }
    let count = counts.get(statement);
    if (count === undefined) {
      // Many distinct texts in a minute: the oldest are written early, so memory stays bounded.
      if (counts.size >= ACTIVITY.statementsPerSession) this.flushSession(session);
      const entry = this.#describe(source, statement);
      count = counts.begin(statement, entry);
      this.#sessions.set(session, counts);
    }
    count.count++;
    if (failed) count.errors++;
  }

  flushSession(session: object): void {
    const counts = this.#sessions.get(session);
    if (counts === undefined) return;
    this.#sessions.delete(session);
    for (const { count, errors, sinceMs, entry } of new Set(counts.values())) {
      this.#audit.append({ ...entry, count, errors, since: new Date(sinceMs).toISOString() });
    }
    counts.clear();
  }

  flush(): void {
    for (const session of [...this.#sessions.keys()]) this.flushSession(session);
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }
}
