// Denials and failed logins: recorded singly up to a limit, then counted. Someone who may do nothing must not
// fill the disk, and with it stop everyone's changes. The limits are those of whom a client is by its token
// and of where it comes from, so that connecting again begins no new count.
import { guarded } from '../guard.ts';
import { LEDGER, REFUSALS } from '../limits.ts';
import { UNCOUNTED, type Account } from '../memory/budget.ts';
import { footprintOf, MAP_ENTRY_BYTES } from '../memory/footprint.ts';
import { isoTime } from '../wall-clock.ts';
import { bounded } from './bound.ts';
import type { AuditEntry, AuditLog } from './record.ts';
import type { Share } from './room.ts';

/** Whose statement was refused: a principal in a role. */
export interface Refused {
  readonly share: Share;
  readonly issuer: string;
  readonly subject: string;
}

interface Scope {
  recorded: number;
  /** Those beyond the limit, and the first of them to stand for all. */
  counted: number;
  sinceMs: number;
  first: AuditEntry | null;
}

/** All of a role, or all failed logins. */
class Group {
  readonly share: Share;
  recorded = 0;
  bytes = 0;
  /** Of the heap: its scopes, and the records that stand for what was counted. */
  heapBytes = 0;
  scopes = 0;
  readonly #byIssuer = new Map<string, Map<string, Scope>>();
  /** Of those that there was no scope left for. */
  readonly #others = newScope();

  constructor(share: Share) {
    this.share = share;
  }

  scope(issuer: string, subject: string): Scope {
    let bySubject = this.#byIssuer.get(issuer);
    const known = bySubject?.get(subject);
    if (known !== undefined) return known;
    if (this.scopes >= REFUSALS.scopes) return this.#others;
    this.scopes++;
    if (bySubject === undefined) {
      bySubject = new Map<string, Scope>();
      this.#byIssuer.set(issuer, bySubject);
    }
    const scope = newScope();
    bySubject.set(subject, scope);
    return scope;
  }

  /** One more may have a record of its own. */
  isSingle(scope: Scope): boolean {
    return (
      scope.recorded < REFUSALS.singlyPerScope &&
      this.recorded < REFUSALS.singlyPerGroup &&
      this.bytes < REFUSALS.bytesPerGroup
    );
  }

  *counted(): Iterable<Scope> {
    for (const bySubject of this.#byIssuer.values()) yield* bySubject.values();
    yield this.#others;
  }
}

function newScope(): Scope {
  return { recorded: 0, counted: 0, sinceMs: Date.now(), first: null };
}

export class RefusalLog {
  readonly #audit: AuditLog;
  readonly #onCounted: () => void;
  #groups = new Map<Share, Group>();
  /** Of clients that have no role yet. */
  readonly strangers: Share;
  readonly #timer: NodeJS.Timeout;
  readonly #account: Account;
  #isClosing = false;

  constructor(
    audit: AuditLog,
    {
      account = UNCOUNTED,
      onCounted = () => undefined,
    }: { readonly account?: Account; readonly onCounted?: () => void } = {},
  ) {
    this.#account = account;
    this.#audit = audit;
    this.#onCounted = onCounted;
    this.strangers = audit.room.newShare();
    this.#timer = setInterval(
      guarded('audit', () => this.flush()),
      REFUSALS.intervalMs,
    );
    this.#timer.unref();
  }

  /** It would have a record of its own, and there is no room for that now. */
  mustWait({ share, issuer, subject }: Refused): boolean {
    if (this.#audit.room.has(share, REFUSALS.recordBytes)) return false;
    const group = this.#group(share);
    return group.isSingle(this.#scope(group, issuer, subject));
  }

  /** A statement refused to a principal; what is only counted is described once. */
  refused({ share, issuer, subject }: Refused, describe: () => AuditEntry): void {
    const group = this.#group(share);
    this.#record(group, this.#scope(group, issuer, subject), describe);
  }

  /** A login refused to a source address. */
  mustWaitForLogin(source: string): boolean {
    return this.mustWait({ share: this.strangers, issuer: source, subject: '' });
  }

  failedLogin(source: string, entry: AuditEntry): void {
    this.refused({ share: this.strangers, issuer: source, subject: '' }, () => entry);
  }

  /** Writes what was counted where there is room for it, and begins a new minute. */
  flush(): void {
    const before = this.#groups;
    this.#groups = new Map();
    for (const group of before.values()) {
      for (const scope of group.counted()) {
        const { counted, first, sinceMs } = scope;
        if (first === null) continue;
        if (!this.#isClosing && !this.#audit.room.has(group.share, REFUSALS.recordBytes)) {
          // It is kept, and no new count begins beside it.
          this.#groups.set(group.share, group);
          continue;
        }
        const since = isoTime(sinceMs);
        this.#audit.append({ ...first, count: counted, since }, group.share);
        this.#charge(group, -footprintOf(first));
        scope.first = null;
        scope.counted = 0;
      }
      if (!this.#groups.has(group.share)) this.#charge(group, -group.heapBytes);
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#isClosing = true;
    this.flush();
  }

  #charge(group: Group, bytes: number): void {
    group.heapBytes += bytes;
    this.#account.add(bytes);
  }

  #scope(group: Group, issuer: string, subject: string): Scope {
    const known = group.scopes;
    const scope = group.scope(issuer, subject);
    if (group.scopes > known) this.#charge(group, MAP_ENTRY_BYTES + footprintOf(scope));
    return scope;
  }

  #group(share: Share): Group {
    let group = this.#groups.get(share);
    if (group === undefined) this.#groups.set(share, (group = new Group(share)));
    return group;
  }

  #record(group: Group, scope: Scope, describe: () => AuditEntry): void {
    if (group.isSingle(scope)) {
      scope.recorded++;
      group.recorded++;
      const entry = bounded(describe());
      group.bytes += JSON.stringify(entry).length + LEDGER.linkBytes;
      this.#audit.append(entry, group.share);
      return;
    }
    if (scope.counted++ === 0) {
      scope.sinceMs = Date.now();
      scope.first = bounded(describe());
      this.#charge(group, footprintOf(scope.first));
    }
    this.#onCounted();
  }
}
