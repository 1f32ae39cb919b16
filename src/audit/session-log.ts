// Beginnings and ends of sessions. Who connects again and again with a good token writes no more than the bounds of
// a counted log, and each principal is named once in a minute at least.
import { SESSION_RECORDS } from '../limits/audit.ts';
import { CountedLog, type CountedLogOptions, type Who } from './counted-log.ts';
import type { AuditEntry, AuditLog } from './record.ts';

export class SessionLog {
  readonly #audit: AuditLog;
  readonly #starts: CountedLog;
  readonly #ends: CountedLog;

  constructor(audit: AuditLog, options: CountedLogOptions = {}) {
    this.#audit = audit;
    this.#starts = new CountedLog(audit, SESSION_RECORDS, options);
    this.#ends = new CountedLog(audit, SESSION_RECORDS, options);
  }

  /** True: it has a record of its own, and so will its end. */
  started(who: Who, describe: () => AuditEntry): boolean {
    return this.#starts.record(who, describe);
  }

  /** No room is asked for: sessions are bounded, and none begins while there is none. */
  ended(who: Who, isSingle: boolean, describe: () => AuditEntry): void {
    if (isSingle) this.#audit.append(describe(), who.share);
    else this.#ends.count(who, describe);
  }

  flush(): void {
    this.#starts.flush();
    this.#ends.flush();
  }

  close(): void {
    this.#starts.close();
    this.#ends.close();
  }
}
