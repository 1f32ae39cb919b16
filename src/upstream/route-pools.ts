// The pools of a route: one for each node, by datacenter in the order of use. The pool of a node that left opens nothing
// more and closes once what is in flight has ended.
import { later, monotonicMs, type MonotonicMs } from '../clock.ts';
import { guardedEach } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { UpstreamFault } from './faults.ts';
import type { ClusterNode, Tiers } from './node.ts';
import type { Pool } from './pool.ts';

export class RoutePools {
  readonly #open: (node: ClusterNode) => Pool;
  readonly #byNode = new Map<ClusterNode, Pool>();
  #tiers: readonly (readonly Pool[])[] = [];
  /** Of nodes that left, with the time by which they close. */
  readonly #leaving = new Map<Pool, MonotonicMs>();

  /** `open` makes the pool of a node that is new. */
  constructor(open: (node: ClusterNode) => Pool) {
    this.#open = open;
  }

  /** Those of nodes that left included. */
  get all(): readonly Pool[] {
    return [...this.#byNode.values(), ...this.#leaving.keys()];
  }

  /** By datacenter, in the order of use. */
  get tiers(): readonly (readonly Pool[])[] {
    return this.#tiers;
  }

  get local(): readonly Pool[] {
    return this.#tiers[0] ?? NO_POOLS;
  }

  of(node: ClusterNode): Pool | undefined {
    return this.#byNode.get(node);
  }

  /** Of the nodes that are among those of the cluster now. */
  get current(): Iterable<Pool> {
    return this.#byNode.values();
  }

  get ready(): number {
    return this.all.reduce((sum, pool) => sum + pool.ready, 0);
  }

  get open(): number {
    return this.all.reduce((sum, pool) => sum + pool.open, 0);
  }

  get inFlight(): number {
    return this.all.reduce((sum, pool) => sum + pool.inFlight, 0);
  }

  get isIdle(): boolean {
    return this.all.every((pool) => pool.isIdle);
  }

  /** Pools for new nodes; those of nodes that are no longer among them drain. */
  setNodes(tiers: Tiers): void {
    const nodes = new Set(tiers.flat());
    for (const [node, pool] of this.#byNode) {
      if (nodes.has(node)) continue;
      this.#byNode.delete(node);
      pool.retire();
      this.#leaving.set(pool, later(monotonicMs(), UPSTREAM.retiredPoolMs));
    }
    this.#tiers = tiers.map((tier, i) => tier.map((node) => this.#poolOf(node, i)));
  }

  /** `wanted` are the keyspaces that somebody waits for. */
  tick(nowMs: MonotonicMs, wanted: ReadonlySet<string>, closed: UpstreamFault): void {
    guardedEach('route', this.all, (pool) => pool.tick(nowMs, wanted));
    for (const [pool, endAtMs] of this.#leaving) {
      if (!pool.isIdle && nowMs < endAtMs) continue;
      this.#leaving.delete(pool);
      pool.close(closed);
    }
  }

  #poolOf(node: ClusterNode, tier: number): Pool {
    let pool = this.#byNode.get(node);
    if (pool === undefined) this.#byNode.set(node, (pool = this.#open(node)));
    pool.tier = tier;
    return pool;
  }
}

const NO_POOLS: readonly Pool[] = [];
