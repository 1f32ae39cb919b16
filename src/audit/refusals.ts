// Denials and failed logins: someone who may do nothing writes no more than the bounds of a counted log.
import { REFUSALS } from '../limits/audit.ts';
import { CountedLog, type CountedLogOptions, type Who } from './counted-log.ts';
import type { AuditEntry, AuditLog } from './record.ts';
import type { Share } from './room.ts';

export class RefusalLog extends CountedLog {
  /** Of clients that have no role yet. */
  readonly strangers: Share;

  constructor(audit: AuditLog, options: CountedLogOptions = {}) {
    super(audit, REFUSALS, options);
    this.strangers = audit.room.newShare();
  }

  /** A statement refused to a principal. */
  refused(who: Who, describe: () => AuditEntry): void {
    this.record(who, describe);
  }

  /** A login refused to a source address. */
  mustWaitForLogin(source: string): boolean {
    return this.mustWait(this.#stranger(source));
  }

  failedLogin(source: string, entry: AuditEntry): void {
    this.record(this.#stranger(source), () => entry);
  }

  #stranger(source: string): Who {
    return { share: this.strangers, issuer: source, subject: '' };
  }
}
