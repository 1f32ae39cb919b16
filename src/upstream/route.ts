// Where the requests of one Cassandra role and protocol version go: a pool for each node, the local
// datacenter's first, others only while it has no connection at all. Here a connection is chosen, and
// here those wait who found none.
import {
  later,
  latest,
  LONG_AGO,
  monotonicMs,
  msBetween,
  msSince,
  type MonotonicMs,
} from '../clock.ts';
import { compoundKey } from '../compound-key.ts';
import { NO_KEYSPACE, type WantedKeyspace } from '../cql/connection-state.ts';
import { FairLine, type Turn } from '../fair-queue.ts';
import { guarded, guardedEach, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { hasEnded, type Login } from '../secrets/upstream-login.ts';
import type { Connection } from './connection.ts';
import { UpstreamFault } from './faults.ts';
import type { ClusterNode } from './node.ts';
import { asFault, isMovedBefore, Pool, type PoolOptions } from './pool.ts';

/** What a request asks of its connection. */
export interface Want {
  /** The state that the connection must be in; null where the request means the same in each. */
  readonly keyspace: WantedKeyspace;
  /** The request names that keyspace, or can be made to: a node that takes it needs no connection in it. */
  readonly naming: boolean;
  /** Nodes that serve it best: the replicas of its row, or the node that its session reads system tables from. */
  readonly preferred: readonly ClusterNode[];
  /** The first of `preferred` that is reached, rather than the one with the least to do. */
  readonly inOrder: boolean;
  /** While the first of `preferred` is reached, no other node will do. */
  readonly only: boolean;
  /** Name of a node that failed it; taken again only where there is no other. */
  readonly avoid: string | null;
  /**
   * It is large, or its role or session has much in flight: the last stream ids of a connection, and the first
   * connection to a node, are for others.
   */
  readonly givesWay: boolean;
}

export const ANYWHERE: Want = {
  keyspace: null,
  naming: false,
  preferred: [],
  inOrder: false,
  only: false,
  avoid: null,
  givesWay: false,
};

export interface RouteOptions extends PoolOptions {
  readonly onFault: (fault: UpstreamFault, isRepeated: boolean) => void;
  /** The login was refused: true when another one came into force, and its route takes the waiters. */
  readonly onRefused: () => Promise<boolean>;
}

/** The nodes of a route by datacenter, in the order in which they are used. */
export type Tiers = readonly (readonly ClusterNode[])[];

interface Waiter {
  readonly want: Want;
  /** Wants a connection on which it will itself send a USE. */
  readonly forUse: boolean;
  readonly turn: Turn;
  readonly sinceMs: MonotonicMs;
  readonly deadlineAtMs: MonotonicMs;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (fault: UpstreamFault) => void;
}

export class Route {
  readonly #options: RouteOptions;
  readonly #byNode = new Map<ClusterNode, Pool>();
  #tiers: readonly (readonly Pool[])[] = [];
  /** Of nodes that left: what is in flight finishes, until this time. */
  readonly #leaving = new Map<Pool, MonotonicMs>();
  readonly #waiters = new FairLine<Waiter>(UPSTREAM.waitersPerRoute, refuse);
  #lastFault: UpstreamFault | null = null;
  /** A refused login asks for a fresh secret once, until it is let in again. */
  #freshSecret: 'not asked' | 'being asked' | 'asked' = 'not asked';
  /** Since when no node is reached; null while one is. */
  #unreachedAtMs: MonotonicMs | null = null;
  /** When somebody in the line was last served, or the first of it came; and how long each took lately. */
  #movedAtMs = LONG_AGO;
  #eachMs = 0;
  #turn = 0;
  #retired = false;
  #closed = false;

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  get login(): Login {
    return this.#options.login;
  }

  get version(): number {
    return this.#options.version;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** Of all nodes, those that left included. */
  get pools(): readonly Pool[] {
    return [...this.#byNode.values(), ...this.#leaving.keys()];
  }

  get ready(): number {
    return this.pools.reduce((sum, pool) => sum + pool.ready, 0);
  }

  /** Connections that are open. */
  get open(): number {
    return this.pools.reduce((sum, pool) => sum + pool.open, 0);
  }

  get inFlight(): number {
    return this.pools.reduce((sum, pool) => sum + pool.inFlight, 0);
  }

  get isIdle(): boolean {
    return this.#waiters.size === 0 && this.pools.every((pool) => pool.isIdle);
  }

  /** Pools for new nodes; those of nodes that are no longer among them drain. */
  setNodes(tiers: Tiers): void {
    if (this.#retired) return;
    const nodes = new Set(tiers.flat());
    for (const [node, pool] of this.#byNode) {
      if (nodes.has(node)) continue;
      this.#byNode.delete(node);
      pool.retire();
      this.#leaving.set(pool, later(monotonicMs(), UPSTREAM.retiredPoolMs));
    }
    this.#tiers = tiers.map((tier, i) => tier.map((node) => this.#poolOf(node, i)));
    this.warm();
    this.#serveWaiters();
  }

  /**
   * A connection to just this node, for questions of the gate's own. `busy`: none is free now; `lost`: it was
   * tried and is not reached; `untried`: not yet, or its datacenter is not used.
   */
  connectionTo(node: ClusterNode): Connection | 'busy' | 'lost' | 'untried' {
    const pool = this.#byNode.get(node);
    if (pool === undefined || pool.isUntried) return 'untried';
    return pool.ready === 0 ? 'lost' : (pool.pick(null) ?? 'busy');
  }

  /** Whether a node other than this one could be asked now: one of the datacenter in use, as everywhere else. */
  hasOther(name: string): boolean {
    const tier = this.#tiers[this.#tierInUse()] ?? NO_POOLS;
    return tier.some((pool) => pool.node.name !== name && pool.ready > 0);
  }

  isReached(node: ClusterNode): boolean {
    return (this.#byNode.get(node)?.ready ?? 0) > 0;
  }

  /** A node that is reached, the local datacenter's first; null where none is. */
  get someNode(): ClusterNode | null {
    for (const tier of this.#tiers) {
      const pool = tier.find((one) => one.ready > 0);
      if (pool !== undefined) return pool.node;
    }
    return null;
  }

  /** The connection that serves best now, or null: then `whenAvailable`. */
  pick(want: Want): Connection | null {
    if (want.keyspace === NO_KEYSPACE) return this.#pickBare(want);
    return this.#pick(want, want.avoid) ?? (want.avoid === null ? null : this.#pickDespite(want));
  }

  /**
   * A connection for a client's own USE: one that is in that keyspace, or an idle one, marked as
   * being set to it until `settleKeyspace`. `offered` is what `whenAvailable` gave, and is kept for
   * who was let in; where the session has another route by now, it is no connection of this one.
   */
  pickForUse(keyspace: string, offered: Connection | null = null): Connection | null {
    const want = { ...ANYWHERE, keyspace };
    const there = this.pick(want);
    if (there !== null) return there;
    const movable = this.#isFree(offered) ? offered : this.#movable(want, keyspace);
    if (movable !== null) {
      movable.switchingTo = keyspace;
      movable.reservedFor = null;
    }
    return movable;
  }

  /**
   * Waits for a connection, up to `waitMs`. Rejects when that has passed, at once where it would pass in vain, and
   * when the login is refused.
   */
  async whenAvailable(
    want: Want,
    forUse = false,
    turn: Turn = OWN_TURN,
    waitMs: number = UPSTREAM.acquireTimeoutMs,
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(closedFault());
        return;
      }
      const sinceMs = monotonicMs();
      const deadlineAtMs = later(sinceMs, waitMs);
      const waiter = { want, forUse, turn, sinceMs, deadlineAtMs, resolve, reject };
      if (this.#isInVain(waiter)) reject(new UpstreamFault('busy', IN_VAIN));
      else if (!this.#joins(waiter)) refuse(waiter);
      // The others were looked at when something last changed: what would serve them is not there.
      else if (this.#serve(waiter)) this.#served(waiter);
    });
  }

  /** Opens the local datacenter's connections. */
  warm(): void {
    for (const pool of this.#tiers[0] ?? []) pool.warm();
  }

  /**
   * Resolves once it can take another's place: each local node let its login in or could not be asked.
   * Rejects when one refused it, or none could be asked.
   */
  async opened(): Promise<void> {
    this.warm();
    const faults = await Promise.all((this.#tiers[0] ?? []).map(async (one) => one.firstAttempt));
    const refused = faults.find((fault) => fault?.code === 'login_refused');
    const fault = refused ?? (faults.includes(null) ? null : faults[0]);
    if (fault !== null) throw fault ?? new UpstreamFault('unreachable', 'no node is known');
  }

  retryNow(node: ClusterNode): void {
    this.#byNode.get(node)?.retryNow();
  }

  probe(node: ClusterNode): void {
    this.#byNode.get(node)?.probe();
  }

  /** Deadlines, heartbeats, lost connections, connections grown beyond the configured number. */
  tick(nowMs: MonotonicMs): void {
    const wanted = new Set<string>();
    for (const { want } of this.#waiters.inTurn()) {
      if (typeof want.keyspace === 'string') wanted.add(want.keyspace);
    }
    guardedEach('route', this.pools, (pool) => pool.tick(nowMs, wanted));
    for (const [pool, endAtMs] of this.#leaving) {
      if (!pool.isIdle && nowMs < endAtMs) continue;
      this.#leaving.delete(pool);
      pool.close(closedFault());
    }
    this.#dropLate(nowMs);
    if (this.#waiters.size > 0) this.#serveWaiters();
    else if (!this.#retired && !hasEnded(this.login, nowMs)) this.warm();
  }

  /** While no node is reached the reason is that, and it is told sooner. */
  #dropLate(nowMs: MonotonicMs): void {
    this.#unreachedAtMs = this.ready > 0 ? null : (this.#unreachedAtMs ?? nowMs);
    const unreachedAtMs = this.#unreachedAtMs;
    const late = this.#waiters.drop(({ sinceMs, deadlineAtMs }) => {
      if (deadlineAtMs <= nowMs) return true;
      if (unreachedAtMs === null) return false;
      return msBetween(latest(sinceMs, unreachedAtMs), nowMs) >= UPSTREAM.acquireTimeoutMs;
    });
    const busy = new UpstreamFault('busy', 'no connection became free in time');
    const fault = unreachedAtMs === null ? busy : (this.#lastFault ?? busy);
    for (const waiter of late) waiter.reject(fault);
  }

  /**
   * The line before it needs longer than it may wait: as long as it stands already, and what each took lately. Nearly
   * all in it want what others hold; one in no keyspace is opened for who wants that, whatever the others wait for.
   */
  #isInVain({ want, turn, sinceMs, deadlineAtMs }: Waiter): boolean {
    if (this.#waiters.size === 0 || this.ready === 0) return false;
    if (want.keyspace === NO_KEYSPACE) return false;
    const standsMs = msBetween(this.#movedAtMs, sinceMs);
    const neededMs = standsMs + this.#waiters.ahead(turn) * this.#eachMs;
    return neededMs > msBetween(sinceMs, deadlineAtMs);
  }

  /** False: the line is full. */
  #joins(waiter: Waiter): boolean {
    this.#lineBegins();
    return this.#waiters.add(waiter, waiter.turn);
  }

  /** Somebody comes: a line that was empty did not stand. */
  #lineBegins(): void {
    if (this.#waiters.size === 0) this.#movedAtMs = monotonicMs();
  }

  #served(waiter: Waiter): void {
    this.#waiters.served(waiter);
    const nowMs = monotonicMs();
    // A line that stood still for a while, as before a node that collects its garbage, is no slow line.
    const tookMs = Math.min(msBetween(this.#movedAtMs, nowMs), UPSTREAM.tickMs);
    this.#eachMs += (tookMs - this.#eachMs) / SERVED_TOGETHER;
    this.#movedAtMs = nowMs;
    const { keyspace } = waiter.want;
    if (typeof keyspace !== 'string') return;
    for (const pool of this.#byNode.values()) pool.unreserve(keyspace);
  }

  /** Another route takes its place, and those who wait here. */
  retire(successor: Route | null): void {
    this.#retired = true;
    for (const pool of this.pools) pool.retire();
    if (successor === null) return;
    successor.#lineBegins();
    this.#waiters.moveTo(successor.#waiters);
    successor.#serveWaiters();
  }

  close(): void {
    this.#closed = true;
    const fault = closedFault();
    for (const pool of this.pools) pool.close(fault);
    for (const waiter of this.#waiters.drop(() => true)) waiter.reject(fault);
  }

  #poolOf(node: ClusterNode, tier: number): Pool {
    let pool = this.#byNode.get(node);
    if (pool === undefined) {
      pool = new Pool(node, this.#options, {
        available: () => {
          if (this.#waiters.size > 0) this.#serveWaiters();
        },
        opened: () => {
          this.#lastFault = null;
          this.#freshSecret = 'not asked';
          this.#serveWaiters();
        },
        failed: (fault, isRepeated) => this.#failed(fault, isRepeated),
      });
      this.#byNode.set(node, pool);
    }
    pool.tier = tier;
    return pool;
  }

  /** The one of the node that failed it only where no other node has one: it was not opened for nothing. */
  #pickBare(want: Want): Connection | null {
    let avoided: Connection | null = null;
    for (const { node, bare } of this.#poolsFor(want)) {
      if (bare === null) continue;
      if (node.name !== want.avoid) return bare;
      avoided = bare;
    }
    return avoided;
  }

  #pick(want: Want, avoid: string | null): Connection | null {
    const { preferred, inOrder, givesWay, naming } = want;
    const keyspace = want.keyspace as string | null;
    let best: Connection | null = null;
    const tier = this.#tierInUse();
    for (const node of preferred) {
      const pool = this.#byNode.get(node);
      if (pool === undefined || node.name === avoid || pool.tier !== tier) continue;
      const one = pool.pick(keyspace, givesWay, naming);
      if (one === null || (best !== null && best.load <= one.load)) continue;
      best = one;
      if (inOrder && !one.isSuspect) break;
    }
    return best ?? this.#leastLoaded(this.#poolsFor(want), want, avoid);
  }

  /** From another start each time, and not all of a large cluster: some of it is as good as the best. */
  #leastLoaded(
    pools: readonly Pool[],
    { keyspace: wanted, givesWay, naming }: Want,
    avoid: string | null,
  ): Connection | null {
    const keyspace = wanted as string | null;
    let best: Connection | null = null;
    let seen = 0;
    const start = this.#turn++ % Math.max(1, pools.length);
    for (let i = 0; i < pools.length && seen < UPSTREAM.poolsCompared; i++) {
      const pool = pools[(start + i) % pools.length]!;
      if (pool.node.name === avoid) continue;
      const one = pool.pick(keyspace, givesWay, naming);
      if (one === null) continue;
      seen++;
      if (best === null || isBetter(one, best, keyspace)) best = one;
    }
    return best;
  }

  /** Nobody else can be asked: then the node that failed it, if it is there. */
  #pickDespite(want: Want): Connection | null {
    return this.hasOther(want.avoid!) ? null : this.#pick(want, null);
  }

  /** The first datacenter with a connection. */
  #tierInUse(): number {
    if (this.#tiers.length < 2) return 0;
    return Math.max(
      0,
      this.#tiers.findIndex((tier) => tier.some((pool) => pool.ready > 0)),
    );
  }

  #poolsFor({ only, preferred, avoid }: Want): readonly Pool[] {
    const first = preferred[0];
    const isBound = only && first !== undefined && first.name !== avoid;
    const pool = isBound ? this.#byNode.get(first) : undefined;
    if (pool !== undefined && pool.ready > 0) return [pool];
    return this.#tiers[this.#tierInUse()] ?? NO_POOLS;
  }

  /** Not the node that failed it, while there is another. */
  #poolsToServe(want: Want): readonly Pool[] {
    const pools = this.#poolsFor(want);
    const { avoid } = want;
    if (avoid === null || !this.hasOther(avoid)) return pools;
    return pools.filter(({ node }) => node.name !== avoid);
  }

  #isFree(offered: Connection | null): offered is Connection {
    if (offered?.hasRoom !== true || offered.isHeld) return false;
    return [...this.#byNode.values()].some((pool) => pool.owns(offered));
  }

  /** One that `pick` takes once it is set: whoever got another would be sent back to wait, and have it set again. */
  #movable(want: Want, keyspace: string): Connection | null {
    const { givesWay } = want;
    const pools = this.#poolsToServe(want);
    for (const node of want.preferred) {
      const pool = pools.find((one) => one.node === node);
      const one = pool?.movable(keyspace, givesWay) ?? null;
      if (one !== null) return one;
    }
    let best: Connection | null = null;
    for (const pool of pools) {
      const one = pool.movable(keyspace, givesWay);
      if (one !== null && (best === null || isMovedBefore(one, best))) best = one;
    }
    return best;
  }

  /** Thousands may want the same: where the first of them finds no connection, neither do the others. */
  #serveWaiters(): void {
    if (this.#waiters.size === 0) return;
    const inVain = new Set<string>();
    for (const waiter of this.#waiters.inTurn()) {
      const sort = sortOf(waiter);
      if (inVain.has(sort)) continue;
      if (this.#serve(waiter)) this.#served(waiter);
      else inVain.add(sort);
    }
  }

  #serve(waiter: Waiter): boolean {
    const { want, forUse } = waiter;
    const { keyspace } = want;
    if (keyspace === NO_KEYSPACE) return this.#serveBare(waiter);
    const there = this.pick(want);
    if (there !== null) {
      this.#promise(there, waiter);
      return true;
    }
    const pools = this.#poolsToServe(want);
    const isTaken =
      want.naming && pools.some(({ node, ready }) => ready > 0 && node.takesRequestKeyspace);
    const bound = isTaken ? null : keyspace;
    const movable = bound === null ? null : this.#movable(want, bound);
    if (movable !== null && bound !== null) {
      if (forUse) this.#promise(movable, waiter);
      else this.#rekey(movable, bound, waiter);
      return true;
    }
    // One that is idle but promised is looked at again at the end of this turn.
    if (pools.some((pool) => pool.hasPromised)) return false;
    this.#grow(pools, bound, msSince(waiter.sinceMs) >= UPSTREAM.growAfterMs);
    return false;
  }

  /** One for each node that is asked: sessions change and describe the schema at one, and prepare there. */
  #serveBare(waiter: Waiter): boolean {
    const bare = this.#pickBare(waiter.want);
    if (bare !== null) {
      this.#promise(bare, waiter);
      return true;
    }
    const { preferred, avoid } = waiter.want;
    const pools = this.#poolsFor(waiter.want);
    if (pools.some((pool) => pool.hasBare)) return false;
    const cost = ({ node, inFlight }: Pool): number => {
      if (node.name === avoid) return Infinity;
      return node === preferred[0] ? -1 : inFlight;
    };
    const reached = pools.filter((pool) => pool.ready > 0).sort((a, b) => cost(a) - cost(b));
    if (reached.length === 0) {
      this.#grow(pools, null, false);
      return false;
    }
    if (reached.some((pool) => pool.openBare())) return false;
    waiter.reject(new UpstreamFault('busy', 'limits.poolConnections is reached'));
    return true;
  }

  #rekey(movable: Connection, keyspace: string, waiter: Waiter): void {
    movable.reservedFor = null;
    // From now on: between the answer and its waiter nobody else may have it set to another keyspace.
    movable.promised = true;
    const used = movable.use(keyspace).then(
      () => {
        movable.promised = false;
        this.#promise(movable, waiter);
      },
      (error: unknown) => {
        movable.promised = false;
        const fault = asFault(error);
        // Else its connection is gone; another may serve before its deadline.
        const isAnswer = fault.code === 'keyspace' || fault.code === 'busy';
        if (isAnswer || this.#closed) waiter.reject(fault);
        else if (!this.#joins(waiter)) refuse(waiter);
        this.#serveWaiters();
      },
    );
    unattended('route', used);
  }

  /** The node with the least to do gets another connection; with none reached, all are tried. */
  #grow(pools: readonly Pool[], keyspace: string | null, more: boolean): void {
    const reached = pools.filter((pool) => pool.ready > 0);
    if (reached.length > 0) {
      reached.reduce((a, b) => (b.inFlight < a.inFlight ? b : a)).grow(keyspace, more);
      return;
    }
    for (const tier of this.#tiers) {
      for (const pool of tier) pool.grow(null);
      if (!tier.every((pool) => pool.isFailing)) return;
    }
  }

  /**
   * Lets a waiter go on with a connection. It takes it only when its own code runs, so until the end
   * of this turn nobody else may re-key it: two who want different keyspaces would else take it from
   * each other for ever.
   */
  #promise(connection: Connection, waiter: Waiter): void {
    waiter.resolve(connection);
    if (connection.promised) return;
    connection.promised = true;
    const kept = (): void => {
      connection.promised = false;
      if (this.#waiters.size > 0) this.#serveWaiters();
    };
    setImmediate(guarded('route', kept));
  }

  #failed(fault: UpstreamFault, isRepeated: boolean): void {
    this.#lastFault = fault;
    this.#options.onFault(fault, isRepeated);
    if (fault.code !== 'login_refused' || this.#freshSecret === 'being asked') return;
    if (this.#freshSecret === 'asked') {
      this.#giveUp(fault);
      return;
    }
    this.#freshSecret = 'being asked';
    const asked = this.#options.onRefused().then((isReplaced) => {
      this.#freshSecret = 'asked';
      if (!isReplaced) this.#giveUp(fault);
    });
    unattended('route', asked, () => this.#giveUp(fault));
  }

  /** No wait mends a refused login; connections that were let in before serve on. */
  #giveUp(fault: UpstreamFault): void {
    if (this.ready > 0) return;
    const plain = new UpstreamFault(fault.code, `${fault.message}; its secret was read anew`);
    for (const waiter of this.#waiters.drop(() => true)) waiter.reject(plain);
  }
}

const NO_POOLS: readonly Pool[] = [];

/** Waiters of one sort are served by the same connections. The order of `preferred` is no matter to that. */
function sortOf({ want, forUse }: Waiter): string {
  const { keyspace, naming, preferred, only, avoid, givesWay } = want;
  const state = keyspace === NO_KEYSPACE ? ['bare'] : ['in', keyspace];
  const node = only ? (preferred[0]?.name ?? null) : null;
  return compoundKey(...state, node, avoid, Number(givesWay), Number(forUse), Number(naming));
}

/**
 * The one with the least to do, so that no node carries out all of a keyspace for its one connection there; of those
 * with as much the one in it, which saves a copy.
 */
function isBetter(one: Connection, other: Connection, keyspace: string | null): boolean {
  if (one.load !== other.load) return one.load < other.load;
  return keyspace !== null && one.keyspace === keyspace && other.keyspace !== keyspace;
}

/** How many of the last waiters the time for each is averaged over. */
const SERVED_TOGETHER = 10;

const IN_VAIN =
  'those who wait for a connection already need longer than this request may wait; send fewer at once';

/** Of what the gate itself asks for. */
const OWN_TURN: Turn = { key: '', owner: null };

function refuse({ reject }: Waiter): void {
  reject(
    new UpstreamFault(
      'busy',
      'too many requests wait for a connection, most of them of this role; send fewer at once',
    ),
  );
}

function closedFault(): UpstreamFault {
  return new UpstreamFault('unreachable', 'the pool is closed');
}
