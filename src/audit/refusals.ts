// Denials and failed logins: recorded singly up to a limit per session or source and minute, then
// counted. Someone who may do nothing must not fill the disk, and with it stop everyone's changes.
import { guarded } from '../guard.ts';
import { REFUSALS } from '../limits.ts';
import { UNCOUNTED, type Account } from '../memory/budget.ts';
import { footprintOf, MAP_ENTRY_BYTES } from '../memory/footprint.ts';
import { isoTime } from '../wall-clock.ts';
import type { AuditEntry, AuditLog } from './record.ts';

interface Scope {
  recorded: number;
  /** Those beyond the limit, and the last of them to stand for all. */
  counted: number;
  sinceMs: number;
  last: AuditEntry | null;
  bytes: number;
}

export class RefusalLog {
  readonly #audit: AuditLog;
  readonly #scopes = new Map<unknown, Scope>();
  readonly #timer: NodeJS.Timeout;
  readonly #account: Account;
  #bytes = 0;

  constructor(audit: AuditLog, account: Account = UNCOUNTED) {
    this.#account = account;
    this.#audit = audit;
    this.#timer = setInterval(
      guarded('audit', () => this.flush()),
      REFUSALS.intervalMs,
    );
    this.#timer.unref();
  }

  /** A statement refused to a session. */
  refused(session: object, entry: AuditEntry): void {
    this.#record(session, entry);
  }

  /** A login refused to a source address. */
  failedLogin(source: string, entry: AuditEntry): void {
    this.#record(source, entry);
  }

  /** Writes what was counted, and begins a new minute. */
  flush(): void {
    for (const { counted, last, sinceMs } of this.#scopes.values()) {
      if (counted === 0 || last === null) continue;
      this.#audit.append({ ...last, count: counted, since: isoTime(sinceMs) });
    }
    this.#scopes.clear();
    this.#charge(-this.#bytes);
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }

  #record(key: unknown, entry: AuditEntry): void {
    let scope = this.#scopes.get(key);
    if (scope === undefined) {
      if (this.#scopes.size >= REFUSALS.scopes) this.flush();
      scope = { recorded: 0, counted: 0, sinceMs: Date.now(), last: null, bytes: 0 };
      this.#scopes.set(key, scope);
      this.#charge(MAP_ENTRY_BYTES + footprintOf(scope));
    }
    if (scope.recorded < REFUSALS.singlyPerScope) {
      scope.recorded++;
      this.#audit.append(entry);
      return;
    }
    scope.counted++;
    scope.last = entry;
    const bytes = footprintOf(entry);
    this.#charge(bytes - scope.bytes);
    scope.bytes = bytes;
  }

  #charge(bytes: number): void {
    this.#bytes += bytes;
    this.#account.add(bytes);
  }
}
