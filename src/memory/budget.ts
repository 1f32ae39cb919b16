// One budget for everything that clients can make this process hold, with V8's heap and Buffers counted
// apart. Charging is an addition on numbers that are there already; only when a total passes its bound is
// anything looked at. Then, in this order: caches give back, the clients above their fair share are no
// longer read, and where that is not enough the one furthest above it is closed.
import { LONG_AGO, monotonicMs, msBetween, msSince } from '../clock.ts';
import { guarded } from '../guard.ts';
import { MEMORY } from '../limits/session.ts';
import {
  BUFFER_KINDS,
  HEAP_KINDS,
  kindsOf,
  Store,
  type BufferKind,
  type HeapKind,
  type Kind,
} from './store.ts';

/** A cache that can give back half of what it holds; what is in it is found again at a cost. */
export interface Evictable {
  readonly name: string;
  evict(): void;
}

/** Whom a session's account belongs to. */
export interface AccountOwner {
  /** It may be read again, or is not to be read for now. */
  memoryLooked(): void;
  /** It holds most above its share, and others need the room. */
  outOfMemory(reason: 'over_budget' | 'unauthenticated'): void;
}

/** What one session holds. */
export class SessionAccount {
  readonly #budget: MemoryBudget;
  readonly owner: AccountOwner;
  /** null before the login. */
  role: string | null = null;
  input = 0;
  requests = 0;
  output = 0;
  /** Not to be read: it is above its share while room is short. */
  isPaused = false;
  /** Unread answers above the share of the session drain at a least speed, or end it. */
  isAboveShare = false;
  isClosing = false;

  constructor(budget: MemoryBudget, owner: AccountOwner) {
    this.#budget = budget;
    this.owner = owner;
  }

  get bytes(): number {
    return this.input + this.requests + this.output;
  }

  addRequests(bytes: number): void {
    this.requests += bytes;
    this.#budget.requests.add(bytes);
  }

  setInput(bytes: number): void {
    const more = bytes - this.input;
    if (more === 0) return;
    this.input = bytes;
    const { unauthenticated, input } = this.#budget;
    (this.role === null ? unauthenticated : input).add(more);
    if (this.role === null && more > 0) this.#budget.strangersGrew();
  }

  setOutput(bytes: number): void {
    const more = bytes - this.output;
    if (more === 0) return;
    this.output = bytes;
    this.#budget.output.add(more);
  }

  loggedIn(role: string): void {
    const { input } = this;
    this.setInput(0);
    this.role = role;
    this.setInput(input);
  }

  /** Its socket is closed: what is still in flight gives its own back. */
  closed(): void {
    this.setInput(0);
    this.setOutput(0);
    this.#budget.leave(this);
  }
}

export interface BudgetOptions {
  readonly heapBytes: number;
  readonly bufferBytes: number;
  /** All requests in flight together; the sessions above their share wait from here on. */
  readonly requestBytes: number;
  readonly evicted: (cache: string) => void;
  readonly paused: () => void;
}

/** What a role and its sessions hold, and may. */
interface RoleUse {
  bytes: number;
  sessions: number;
}

export class MemoryBudget {
  readonly #heap: Store;
  readonly #buffers: Store;
  readonly #options: BudgetOptions;
  readonly #accounts = new Set<SessionAccount>();
  readonly #caches: Evictable[] = [];
  readonly #heapKinds: Readonly<Record<HeapKind, Kind>>;
  readonly #bufferKinds: Readonly<Record<BufferKind, Kind>>;
  readonly requests: Kind;
  readonly output: Kind;
  readonly input: Kind;
  readonly unauthenticated: Kind;
  readonly answers: Kind;
  readonly exchanges: Kind;
  /** Whether a look will come, and whether at the end of this turn. */
  #lookDue: 'no' | 'later' | 'after this turn' = 'no';
  #lookedAtMs = LONG_AGO;
  /** The least that was held since the clients above their share were stopped, and when it was. */
  #lowestBytes = Infinity;
  #lowestAtMs = LONG_AGO;
  #pausedCount = 0;
  /** Somebody may be above their share, or was at the last look. */
  #isCompared = false;

  readonly #lookEntry = guarded('memory', () => this.#look());

  constructor(options: BudgetOptions) {
    this.#options = options;
    const passed = (): void => this.#passed();
    this.#heap = new Store(options.heapBytes, passed);
    this.#buffers = new Store(options.bufferBytes, passed);
    this.#heapKinds = kindsOf(HEAP_KINDS, this.#heap);
    this.#bufferKinds = kindsOf(BUFFER_KINDS, this.#buffers);
    const { requests, output, input, unauthenticated, answers } = this.#bufferKinds;
    this.requests = requests;
    this.output = output;
    this.input = input;
    this.unauthenticated = unauthenticated;
    this.answers = answers;
    this.exchanges = this.#heapKinds.exchanges;
  }

  heapKind(kind: HeapKind): Kind {
    return this.#heapKinds[kind];
  }

  open(owner: AccountOwner): SessionAccount {
    const account = new SessionAccount(this, owner);
    this.#accounts.add(account);
    return account;
  }

  leave(account: SessionAccount): void {
    if (account.isPaused) this.#pausedCount--;
    this.#accounts.delete(account);
  }

  register(cache: Evictable): void {
    this.#caches.push(cache);
  }

  /** How large an answer of a node may be that begins to come now. */
  get answerRoomBytes(): number {
    const roomBytes =
      Math.floor(this.#buffers.limitBytes * MEMORY.answersShare) - this.answers.bytes;
    return Math.max(roomBytes, MEMORY.answerBytesAlways);
  }

  /** Connections before their login passed what they may hold together. */
  strangersGrew(): void {
    if (this.unauthenticated.bytes > this.#strangersBytes) this.#passed();
  }

  /** Called now and then, so that whoever waited is read again. */
  tick(): void {
    this.#look();
  }

  get totals(): readonly (readonly [store: 'heap' | 'buffers', held: number, limit: number])[] {
    return [
      ['heap', this.#heap.bytes, this.#heap.limitBytes],
      ['buffers', this.#buffers.bytes, this.#buffers.limitBytes],
    ];
  }

  get byKind(): readonly (readonly [store: 'heap' | 'buffers', kind: string, bytes: number])[] {
    return [
      ...HEAP_KINDS.map((kind) => ['heap', kind, this.#heapKinds[kind].bytes] as const),
      ...BUFFER_KINDS.map((kind) => ['buffers', kind, this.#bufferKinds[kind].bytes] as const),
    ];
  }

  get largestSessionBytes(): number {
    let largest = 0;
    for (const { bytes } of this.#accounts) largest = Math.max(largest, bytes);
    return largest;
  }

  get pausedSessions(): number {
    return this.#pausedCount;
  }

  /** What the sessions of each role hold; as many roles as a metric keeps apart. */
  byRole(most: number): readonly (readonly [role: string, bytes: number])[] {
    const roles = [...this.#uses()].sort((a, b) => b[1].bytes - a[1].bytes);
    return roles.slice(0, most).map(([role, { bytes }]) => [role, bytes] as const);
  }

  get #strangersBytes(): number {
    return Math.floor(this.#buffers.limitBytes * MEMORY.unauthenticatedShare);
  }

  /**
   * A look comes at the end of this turn at the earliest, and not in every turn. Where a store grows beyond its limit
   * it comes at the end of this turn: nodes can send hundreds of megabytes between two looks.
   */
  #passed(): void {
    if (this.#lookDue === 'after this turn') return;
    const isUrgent = this.#buffers.isUrgent || this.#heap.isUrgent;
    if (this.#lookDue === 'later' && !isUrgent) return;
    const waitMs = MEMORY.lookEveryMs - msSince(this.#lookedAtMs);
    if (isUrgent || waitMs <= 0) {
      this.#lookDue = 'after this turn';
      setImmediate(this.#lookEntry);
    } else {
      this.#lookDue = 'later';
      setTimeout(this.#lookEntry, waitMs);
    }
  }

  #look(): void {
    this.#lookDue = 'no';
    this.#lookedAtMs = monotonicMs();
    this.#heap.lookedAtBytes = this.#heap.bytes;
    this.#buffers.lookedAtBytes = this.#buffers.bytes;
    this.#evict();
    this.#endStrangers();
    const { bytes, softBytes, limitBytes } = this.#buffers;
    const heap = this.#heap;
    const isShort =
      bytes > softBytes ||
      this.requests.bytes > this.#options.requestBytes ||
      heap.bytes > heap.softBytes;
    // With most of it free nobody's share matters, and a look costs nothing however many sessions there are.
    const isCompared = isShort || bytes > softBytes / 2;
    if (!isCompared && !this.#isCompared) return;
    this.#isCompared = isCompared;
    const worst = this.#compare(this.#uses(), isShort, isCompared);
    if (!isShort) {
      this.#lowestBytes = Infinity;
      return;
    }
    if (bytes > limitBytes || heap.bytes > heap.limitBytes) this.#end(worst);
    // Whether answers are taken fast enough is told by their rate (Outbox), however many there are.
    else if (bytes > softBytes && this.#isStuck(bytes)) {
      this.#end(worst.filter(({ input, output }) => input > output));
    }
  }

  /** Caches go first: what they hold can be had again. */
  #evict(): void {
    if (this.#heap.bytes <= this.#heap.softBytes) return;
    for (const cache of this.#caches) {
      cache.evict();
      this.#options.evicted(cache.name);
    }
  }

  /** Connections before their login have a share of their own; past it the largest of them goes. */
  #endStrangers(): void {
    let held = this.unauthenticated.bytes;
    if (held <= this.#strangersBytes) return;
    const strangers = [...this.#accounts].filter(
      ({ role, isClosing }) => role === null && !isClosing,
    );
    strangers.sort((a, b) => b.bytes - a.bytes);
    for (const stranger of strangers) {
      if (held <= this.#strangersBytes) return;
      held -= stranger.bytes;
      stranger.isClosing = true;
      stranger.owner.outOfMemory('unauthenticated');
    }
  }

  #uses(): Map<string, RoleUse> {
    const uses = new Map<string, RoleUse>();
    for (const { role, bytes, isClosing } of this.#accounts) {
      if (role === null || bytes === 0 || isClosing) continue;
      const use = uses.get(role);
      if (use === undefined) uses.set(role, { bytes, sessions: 1 });
      else {
        use.bytes += bytes;
        use.sessions++;
      }
    }
    return uses;
  }

  /**
   * Pauses and resumes, and gives the sessions above their share, the furthest first. Roles have equal
   * shares, and in a role its sessions that hold anything: many sessions of one role take nothing from another.
   */
  #compare(
    uses: ReadonlyMap<string, RoleUse>,
    isShort: boolean,
    isCompared: boolean,
  ): SessionAccount[] {
    const { softBytes } = this.#buffers;
    const forAll = Math.max(0, softBytes - this.#strangersBytes - this.answers.bytes);
    const forRole = Math.min(forAll, this.#options.requestBytes) / Math.max(1, uses.size);
    const above: [SessionAccount, number][] = [];
    for (const account of this.#accounts) {
      const use = account.role === null ? undefined : uses.get(account.role);
      const share = use === undefined ? Infinity : forRole / use.sessions;
      const excess = account.bytes - share;
      account.isAboveShare = isCompared && excess > 0;
      if (account.isAboveShare && !account.isClosing) above.push([account, excess]);
      this.#pause(account, isShort && account.isAboveShare);
    }
    return above.sort((a, b) => b[1] - a[1]).map(([account]) => account);
  }

  #pause(account: SessionAccount, isPaused: boolean): void {
    if (account.isPaused === isPaused) return;
    account.isPaused = isPaused;
    this.#pausedCount += isPaused ? 1 : -1;
    if (isPaused) this.#options.paused();
    account.owner.memoryLooked();
  }

  /** Those above their share are not read, and yet nothing becomes less: requests in parts wait for what can't come. */
  #isStuck(bytes: number): boolean {
    const nowMs = monotonicMs();
    if (bytes < this.#lowestBytes) {
      this.#lowestBytes = bytes;
      this.#lowestAtMs = nowMs;
      return false;
    }
    if (msBetween(this.#lowestAtMs, nowMs) < MEMORY.stuckMs) return false;
    this.#lowestAtMs = nowMs;
    return true;
  }

  /** The furthest above its share, and more of them while what is left would still be too much. */
  #end(worst: readonly SessionAccount[]): void {
    const { bytes, limitBytes } = this.#buffers;
    let held = bytes;
    for (const account of this.#accounts) if (account.isClosing) held -= account.bytes;
    // Those that the last look ended give theirs back when their sockets are closed, and that may be enough.
    if (bytes > limitBytes && held <= limitBytes) return;
    for (const account of worst) {
      held -= account.bytes;
      account.isClosing = true;
      account.owner.outOfMemory('over_budget');
      if (held <= limitBytes) return;
    }
  }
}
