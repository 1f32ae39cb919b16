// Where the requests of one Cassandra role and protocol version go: a pool for each node, the local datacenter's first,
// others only while it has no connection at all. Which connection is chosen stands in route-choice.ts, and who waits
// for one in waiting-line.ts. Here those who wait are served: by a connection that is free, by one that is set to their
// keyspace, or by opening another one.
import { msSince, type MonotonicMs } from '../clock.ts';
import { NO_KEYSPACE } from '../cql/connection-state.ts';
import type { Turn } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { hasEnded, type Login } from '../secrets/upstream-login.ts';
import type { Connection } from './connection.ts';
import type { ConnectionCriteria } from './connection-criteria.ts';
import { asFault, UpstreamFault } from './faults.ts';
import type { ClusterNode, Tiers } from './node.ts';
import { Pool, type PoolOptions } from './pool.ts';
import { RouteChoice } from './route-choice.ts';
import { RoutePools } from './route-pools.ts';
import { useKeyspace } from './use-keyspace.ts';
import { Waiter, WaitingLine } from './waiting-line.ts';

export interface RouteOptions extends PoolOptions {
  readonly onFault: (fault: UpstreamFault, isRepeated: boolean) => void;
  /** The login was refused: true when another one came into force, and its route takes the waiters. */
  readonly onRefused: () => Promise<boolean>;
}

export class Route {
  readonly #options: RouteOptions;
  readonly #pools = new RoutePools((node) => this.#newPool(node));
  readonly #choice = new RouteChoice<Connection, Pool>(this.#pools);
  readonly #line = new WaitingLine<Connection>({
    serve: (waiter) => this.#serve(waiter),
    servedIn: (keyspace) => {
      for (const pool of this.#pools.current) pool.release(keyspace);
    },
  });
  #lastFault: UpstreamFault | null = null;
  /** A refused login asks for a fresh secret once, until it is let in again. */
  #freshSecret: 'not asked' | 'being asked' | 'asked' = 'not asked';
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
    return this.#line.size;
  }

  /** Of all nodes, those that left included. */
  get pools(): readonly Pool[] {
    return this.#pools.all;
  }

  get ready(): number {
    return this.#pools.ready;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#pools.open;
  }

  get inFlight(): number {
    return this.#pools.inFlight;
  }

  get isIdle(): boolean {
    return this.#line.size === 0 && this.#pools.isIdle;
  }

  setNodes(tiers: Tiers): void {
    if (this.#retired) return;
    this.#pools.setNodes(tiers);
    this.warm();
    this.#line.serveAll();
  }

  /**
   * A connection to just this node, for questions of the gate's own. `busy`: none is free now. `lost`: the node was tried
   * and is not reached. `untried`: it was not tried yet, or its datacenter is not used.
   */
  connectionTo(node: ClusterNode): Connection | 'busy' | 'lost' | 'untried' {
    const pool = this.#pools.of(node);
    if (pool === undefined || pool.isUntried) return 'untried';
    return pool.ready === 0 ? 'lost' : (pool.pick(null) ?? 'busy');
  }

  /** Whether a node other than this one could be asked now: one of the datacenter in use, as everywhere else. */
  hasOther(name: string): boolean {
    return this.#choice.hasOther(name);
  }

  isReached(node: ClusterNode): boolean {
    return (this.#pools.of(node)?.ready ?? 0) > 0;
  }

  /** A node that is reached, the local datacenter's first; null where none is. */
  get someNode(): ClusterNode | null {
    for (const tier of this.#pools.tiers) {
      const pool = tier.find((one) => one.ready > 0);
      if (pool !== undefined) return pool.node;
    }
    return null;
  }

  /** The connection that serves best now, or null: then `whenAvailable`. */
  pick(criteria: ConnectionCriteria): Connection | null {
    return this.#choice.pick(criteria);
  }

  /**
   * A connection for a client's own USE: one that is in that keyspace, or one that is marked as being set to it until
   * the USE is answered. `offered` is what `whenAvailable` gave.
   */
  pickForUse(keyspace: string, offered: Connection | null = null): Connection | null {
    return this.#choice.pickForUse(keyspace, offered);
  }

  /**
   * Waits for a connection, up to `waitMs`. `forUse`: the request will itself send a USE on it. Rejects when the time
   * has passed, at once where it would pass in vain, and when the login is refused.
   */
  async whenAvailable(
    criteria: ConnectionCriteria,
    forUse = false,
    turn: Turn = OWN_TURN,
    waitMs: number = UPSTREAM.acquireTimeoutMs,
  ): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(closedFault());
        return;
      }
      const waiter = new Waiter({ criteria, forUse, turn }, waitMs, resolve, reject);
      this.#line.enter(waiter, this.ready > 0);
    });
  }

  /** Opens the local datacenter's connections. */
  warm(): void {
    for (const pool of this.#pools.local) pool.warm();
  }

  /**
   * Resolves once it can take another route's place: each local node has let its login in or could not be asked. Rejects
   * when a node refused the login, or none could be asked.
   */
  async opened(): Promise<void> {
    this.warm();
    const faults = await Promise.all(this.#pools.local.map(async (one) => one.firstAttempt));
    const refused = faults.find((fault) => fault?.code === 'login_refused');
    const fault = refused ?? (faults.includes(null) ? null : faults[0]);
    if (fault !== null) throw fault ?? new UpstreamFault('unreachable', 'no node is known');
  }

  retryNow(node: ClusterNode): void {
    this.#pools.of(node)?.retryNow();
  }

  probe(node: ClusterNode): void {
    this.#pools.of(node)?.probe();
  }

  /** Looks at deadlines, liveness, lost connections and those beyond the configured number. */
  tick(nowMs: MonotonicMs): void {
    this.#pools.tick(nowMs, this.#line.keyspaces, closedFault());
    this.#line.refuseLate(nowMs, this.ready > 0, this.#lastFault);
    if (this.#line.size > 0) this.#line.serveAll();
    else if (!this.#retired && !hasEnded(this.login, nowMs)) this.warm();
  }

  /** Another route takes its place, and takes over those who wait here. */
  retire(successor: Route): void {
    this.#retired = true;
    for (const pool of this.pools) pool.retire();
    this.#line.moveTo(successor.#line);
  }

  close(): void {
    this.#closed = true;
    const fault = closedFault();
    for (const pool of this.pools) pool.close(fault);
    this.#line.refuseAll(fault);
  }

  #newPool(node: ClusterNode): Pool {
    return new Pool(node, this.#options, {
      available: () => this.#line.serveAll(),
      opened: () => {
        this.#lastFault = null;
        this.#freshSecret = 'not asked';
        this.#line.serveAll();
      },
      failed: (fault, isRepeated) => this.#failed(fault, isRepeated),
    });
  }

  /** False: the waiter has to wait; what would serve him is under way where it can be. */
  #serve(waiter: Waiter<Connection>): boolean {
    const { criteria, forUse } = waiter;
    const { keyspace } = criteria;
    if (keyspace === NO_KEYSPACE) return this.#serveInNone(waiter);
    const there = this.pick(criteria);
    if (there !== null) {
      this.#offer(there, waiter);
      return true;
    }
    const pools = this.#choice.poolsToServe(criteria);
    const isNameRead =
      criteria.naming && pools.some(({ node, ready }) => ready > 0 && node.takesRequestKeyspace);
    const bound = isNameRead ? null : keyspace;
    const switchable = bound === null ? null : this.#choice.switchable(criteria, bound);
    if (switchable !== null && bound !== null) {
      if (forUse) this.#offer(switchable, waiter);
      else this.#setKeyspace(switchable, bound, waiter);
      return true;
    }
    // A connection that is offered may be free again at the end of this turn, when all are looked at again.
    if (pools.some((pool) => pool.hasOffered)) return false;
    this.#grow(pools, bound, msSince(waiter.sinceMs) >= UPSTREAM.growAfterMs);
    return false;
  }

  /** One for each node that is asked: sessions change and describe the schema at one, and prepare there. */
  #serveInNone(waiter: Waiter<Connection>): boolean {
    const { criteria } = waiter;
    const there = this.pick(criteria);
    if (there !== null) {
      this.#offer(there, waiter);
      return true;
    }
    const { preferred, avoid } = criteria;
    const pools = this.#choice.poolsFor(criteria);
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

  #setKeyspace(connection: Connection, keyspace: string, waiter: Waiter<Connection>): void {
    const { keyspaceState } = connection;
    // It is offered from now on: between the answer and its waiter nobody else may have it set to another keyspace.
    keyspaceState.offer();
    const used = useKeyspace(connection, keyspace).then(
      () => {
        keyspaceState.offerEnded();
        this.#offer(connection, waiter);
      },
      (error: unknown) => {
        keyspaceState.offerEnded();
        const fault = asFault(error);
        // Without an answer its connection is gone; another one may serve before the deadline.
        const isAnswer = fault.code === 'keyspace' || fault.code === 'busy';
        if (isAnswer || this.#closed) waiter.reject(fault);
        else this.#line.enterAgain(waiter);
        this.#line.serveAll();
      },
    );
    unattended('route', used);
  }

  /** Another connection is opened to the node with the least to do; while none is reached, to all of them. */
  #grow(pools: readonly Pool[], keyspace: string | null, more: boolean): void {
    const reached = pools.filter((pool) => pool.ready > 0);
    if (reached.length > 0) {
      reached.reduce((a, b) => (b.inFlight < a.inFlight ? b : a)).grow(keyspace, more);
      return;
    }
    for (const tier of this.#pools.tiers) {
      for (const pool of tier) pool.grow(null);
      if (!tier.every((pool) => pool.isFailing)) return;
    }
  }

  /**
   * Lets a waiter go on with a connection. He takes it only when his own code runs, so until the end of this turn nobody
   * else may have it set to another keyspace: two who want different keyspaces would otherwise take it from each other
   * for ever.
   */
  #offer(connection: Connection, waiter: Waiter<Connection>): void {
    waiter.resolve(connection);
    if (!connection.keyspaceState.offer()) return;
    const turnEnded = (): void => {
      connection.keyspaceState.offerEnded();
      this.#line.serveAll();
    };
    setImmediate(guarded('route', turnEnded));
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

  /** Waiting does not help against a refused login. Connections that were let in before serve on. */
  #giveUp(fault: UpstreamFault): void {
    if (this.ready > 0) return;
    const text = `${fault.message}; its secret was read anew`;
    this.#line.refuseAll(new UpstreamFault(fault.code, text));
  }
}

/** The turn of what the gate itself asks for. */
const OWN_TURN: Turn = { key: '', owner: null };

function closedFault(): UpstreamFault {
  return new UpstreamFault('unreachable', 'the pool is closed');
}
