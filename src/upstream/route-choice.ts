// Which node's connection a request leaves by: the replica with the least in flight where its row is known, otherwise
// the least busy of a few nodes, those of the local datacenter first. Nothing here waits or opens a connection.
import { NO_KEYSPACE } from '../cql/connection-state.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { ANYWHERE, type ConnectionCriteria } from './connection-criteria.ts';
import type { ClusterNode } from './node.ts';
import { isSwitchedBefore, type ChoosableConnection } from './pool-choice.ts';

/** What of a pool the choice depends on. */
export interface ChoosablePool<C extends ChoosableConnection> {
  readonly node: ClusterNode;
  readonly tier: number;
  /** Connections for everything but what needs one in no keyspace. */
  readonly ready: number;
  /** The connection in no keyspace; null while there is none that can take a request. */
  readonly bare: C | null;
  pick(keyspace: string | null, givesWay: boolean, naming: boolean): C | null;
  switchable(keyspace: string, givesWay: boolean): C | null;
  owns(connection: C): boolean;
}

export interface ChoosablePools<P> {
  readonly tiers: readonly (readonly P[])[];
  readonly current: Iterable<P>;
  of(node: ClusterNode): P | undefined;
}

export class RouteChoice<C extends ChoosableConnection, P extends ChoosablePool<C>> {
  readonly #pools: ChoosablePools<P>;
  /** Where the next comparison of nodes starts. */
  #start = 0;

  constructor(pools: ChoosablePools<P>) {
    this.#pools = pools;
  }

  /** The connection that serves best now, or null. */
  pick(criteria: ConnectionCriteria): C | null {
    if (criteria.keyspace === NO_KEYSPACE) return this.#pickBare(criteria);
    const { avoid } = criteria;
    const picked = this.#pick(criteria, avoid);
    if (picked !== null || avoid === null || this.hasOther(avoid)) return picked;
    // No other node can be asked: then the one that failed it, if it is there.
    return this.#pick(criteria, null);
  }

  /**
   * The connection for a client's own USE: one that is in that keyspace, or one whose keyspace may be set and is marked
   * as being set. `offered` is what a wait for one ended with; it may be of a route that was replaced meanwhile, and is
   * then not taken.
   */
  pickForUse(keyspace: string, offered: C | null): C | null {
    const criteria = { ...ANYWHERE, keyspace };
    const there = this.pick(criteria);
    if (there !== null) return there;
    const one = this.#isFree(offered) ? offered : this.switchable(criteria, keyspace);
    one?.keyspaceState.switchTo(keyspace);
    return one;
  }

  /**
   * A connection whose keyspace may be set to this one, and that `pick` takes once it is: whoever got another would be
   * sent back to wait, and have it set again.
   */
  switchable(criteria: ConnectionCriteria, keyspace: string): C | null {
    const { givesWay } = criteria;
    const pools = this.poolsToServe(criteria);
    for (const node of criteria.preferred) {
      const pool = pools.find((one) => one.node === node);
      const one = pool?.switchable(keyspace, givesWay) ?? null;
      if (one !== null) return one;
    }
    let best: C | null = null;
    for (const pool of pools) {
      const one = pool.switchable(keyspace, givesWay);
      if (one !== null && (best === null || isSwitchedBefore(one, best))) best = one;
    }
    return best;
  }

  /** Whether a node other than this one could be asked now: one of the datacenter in use, as everywhere else. */
  hasOther(name: string): boolean {
    return this.#tierInUse().some((pool) => pool.node.name !== name && pool.ready > 0);
  }

  /** The pools that a request may be served by. */
  poolsFor({ only, preferred, avoid }: ConnectionCriteria): readonly P[] {
    const first = preferred[0];
    const isBound = only && first !== undefined && first.name !== avoid;
    const pool = isBound ? this.#pools.of(first) : undefined;
    return pool !== undefined && pool.ready > 0 ? [pool] : this.#tierInUse();
  }

  /** The same, but not that of the node that failed it while there is another. */
  poolsToServe(criteria: ConnectionCriteria): readonly P[] {
    const pools = this.poolsFor(criteria);
    const { avoid } = criteria;
    if (avoid === null || !this.hasOther(avoid)) return pools;
    return pools.filter(({ node }) => node.name !== avoid);
  }

  /** That of the node that failed it only where no other node has one: it was not opened for nothing. */
  #pickBare(criteria: ConnectionCriteria): C | null {
    let avoided: C | null = null;
    for (const { node, bare } of this.poolsFor(criteria)) {
      if (bare === null) continue;
      if (node.name !== criteria.avoid) return bare;
      avoided = bare;
    }
    return avoided;
  }

  #pick(criteria: ConnectionCriteria, avoid: string | null): C | null {
    const { preferred, inOrder, givesWay, naming } = criteria;
    const keyspace = criteria.keyspace as string | null;
    let best: C | null = null;
    const tier = this.#tierInUseNumber();
    for (const node of preferred) {
      const pool = this.#pools.of(node);
      if (pool === undefined || node.name === avoid || pool.tier !== tier) continue;
      const one = pool.pick(keyspace, givesWay, naming);
      if (one === null || (best !== null && best.load <= one.load)) continue;
      best = one;
      if (inOrder && !one.isSuspect) break;
    }
    return best ?? this.#leastLoaded(this.poolsFor(criteria), criteria, avoid);
  }

  /** From another start each time, and not all of a large cluster: some of it is as good as the best. */
  #leastLoaded(
    pools: readonly P[],
    { keyspace: wanted, givesWay, naming }: ConnectionCriteria,
    avoid: string | null,
  ): C | null {
    const keyspace = wanted as string | null;
    let best: C | null = null;
    let seen = 0;
    const start = this.#start++ % Math.max(1, pools.length);
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

  #isFree(offered: C | null): offered is C {
    if (offered?.hasRoom !== true || !offered.keyspaceState.canSwitch) return false;
    return [...this.#pools.current].some((pool) => pool.owns(offered));
  }

  /** The place of the first datacenter with a connection; while there is none, of the local one. */
  #tierInUseNumber(): number {
    const { tiers } = this.#pools;
    if (tiers.length < 2) return 0;
    return Math.max(
      0,
      tiers.findIndex((tier) => tier.some((pool) => pool.ready > 0)),
    );
  }

  #tierInUse(): readonly P[] {
    return this.#pools.tiers[this.#tierInUseNumber()] ?? NO_POOLS;
  }
}

/**
 * The one with the least to do, so that no node carries out all of a keyspace for its one connection there; of those
 * with as much to do the one that is in the keyspace, which saves a copy.
 */
function isBetter(
  one: ChoosableConnection,
  other: ChoosableConnection,
  keyspace: string | null,
): boolean {
  if (one.load !== other.load) return one.load < other.load;
  if (keyspace === null) return false;
  return one.keyspaceState.current === keyspace && other.keyspaceState.current !== keyspace;
}

const NO_POOLS: readonly never[] = [];
