// Records that are written singly up to a limit, then counted, so that nobody fills the disk with them and with that
// stops everyone's changes. The limits are those of whom a client is by its token, or of where it comes from, so that
// connecting again begins no new count.
import { wallMs, type WallMs } from '../clock.ts';
import { guarded } from '../guard.ts';
import { LEDGER, REFUSALS } from '../limits/audit.ts';
import { UNCOUNTED, type Account } from '../memory/store.ts';
import { footprintOf, MAP_ENTRY_BYTES } from '../memory/footprint.ts';
import { isoTime } from '../wall-clock.ts';
import { bounded } from './bound.ts';
import type { AuditEntry, AuditLog } from './record.ts';
import type { Share } from './room.ts';

/** Of one interval. */
export interface Bounds {
  /** Of one principal in a role, or one source. */
  readonly singlyPerScope: number;
  /** Of a role, or all sources, and bytes of these records. */
  readonly singlyPerGroup: number;
  readonly bytesPerGroup: number;
  /** Principals of a role, and sources, that are counted apart. */
  readonly scopes: number;
  /** The first record of each scope is written whatever the others wrote, and so is all that there is no scope for. */
  readonly namesEach: boolean;
}

/** Whose records they are: a principal in a role. */
export interface Who {
  readonly share: Share;
  readonly issuer: string;
  readonly subject: string;
}

interface Scope {
  recorded: number;
  /** Those beyond the limit, and the first of them to stand for all. */
  counted: number;
  sinceMs: WallMs;
  first: AuditEntry | null;
}

/** All of a role, or of all sources. */
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
  readonly #bounds: Bounds;

  constructor(share: Share, bounds: Bounds) {
    this.share = share;
    this.#bounds = bounds;
  }

  /** `isCounted`: for one that gets no record of its own. */
  scope(issuer: string, subject: string, isCounted: boolean): Scope {
    let bySubject = this.#byIssuer.get(issuer);
    const known = bySubject?.get(subject);
    if (known !== undefined) return known;
    if (this.scopes >= this.#bounds.scopes) {
      return this.#bounds.namesEach && !isCounted ? newScope() : this.#others;
    }
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
    const { singlyPerScope, singlyPerGroup, bytesPerGroup, namesEach } = this.#bounds;
    if (namesEach && scope.recorded === 0) return true;
    return (
      scope.recorded < singlyPerScope &&
      this.recorded < singlyPerGroup &&
      this.bytes < bytesPerGroup
    );
  }

  *counted(): Iterable<Scope> {
    for (const bySubject of this.#byIssuer.values()) yield* bySubject.values();
    yield this.#others;
  }
}

function newScope(): Scope {
  return { recorded: 0, counted: 0, sinceMs: wallMs(), first: null };
}

export interface CountedLogOptions {
  readonly account?: Account;
  readonly onCounted?: () => void;
}

export class CountedLog {
  readonly #audit: AuditLog;
  readonly #bounds: Bounds;
  readonly #onCounted: () => void;
  #groups = new Map<Share, Group>();
  readonly #timer: NodeJS.Timeout;
  readonly #account: Account;
  #isClosing = false;

  constructor(
    audit: AuditLog,
    bounds: Bounds,
    { account = UNCOUNTED, onCounted = () => undefined }: CountedLogOptions = {},
  ) {
    this.#account = account;
    this.#audit = audit;
    this.#bounds = bounds;
    this.#onCounted = onCounted;
    this.#timer = setInterval(
      guarded('audit', () => this.flush()),
      REFUSALS.intervalMs,
    );
    this.#timer.unref();
  }

  /** It would have a record of its own, and there is no room for that now. */
  mustWait({ share, issuer, subject }: Who): boolean {
    if (this.#audit.room.has(share, REFUSALS.recordBytes)) return false;
    const group = this.#group(share);
    return group.isSingle(this.#scope(group, issuer, subject));
  }

  /** What is only counted is described once. True: it has a record of its own. */
  record({ share, issuer, subject }: Who, describe: () => AuditEntry): boolean {
    const group = this.#group(share);
    return this.#record(group, this.#scope(group, issuer, subject), describe);
  }

  /** One that is counted, whatever there is room for. */
  count({ share, issuer, subject }: Who, describe: () => AuditEntry): void {
    const group = this.#group(share);
    this.#count(this.#scope(group, issuer, subject, true), group, describe);
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

  #scope(group: Group, issuer: string, subject: string, isCounted = false): Scope {
    const known = group.scopes;
    const scope = group.scope(issuer, subject, isCounted);
    if (group.scopes > known) this.#charge(group, MAP_ENTRY_BYTES + footprintOf(scope));
    return scope;
  }

  #group(share: Share): Group {
    let group = this.#groups.get(share);
    if (group === undefined) this.#groups.set(share, (group = new Group(share, this.#bounds)));
    return group;
  }

  #record(group: Group, scope: Scope, describe: () => AuditEntry): boolean {
    if (!group.isSingle(scope)) {
      this.#count(scope, group, describe);
      return false;
    }
    scope.recorded++;
    group.recorded++;
    const entry = bounded(describe());
    group.bytes += JSON.stringify(entry).length + LEDGER.linkBytes;
    this.#audit.append(entry, group.share);
    return true;
  }

  #count(scope: Scope, group: Group, describe: () => AuditEntry): void {
    if (this.#isClosing) {
      // No more counts are written.
      this.#audit.append(describe(), group.share);
      return;
    }
    if (scope.counted++ === 0) {
      scope.sinceMs = wallMs();
      scope.first = bounded(describe());
      this.#charge(group, footprintOf(scope.first));
    }
    this.#onCounted();
  }
}
