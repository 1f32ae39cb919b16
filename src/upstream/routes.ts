// The routes of a gate, by Cassandra role and protocol version, and the change of a role's routes to another login: the
// new ones are opened first, then take over those who wait, and the ones before drain.
import { setTimeout as delay } from 'node:timers/promises';
import { later, monotonicMs, type MonotonicMs } from '../clock.ts';
import { compoundKey } from '../compound-key.ts';
import { guardedEach } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { Login } from '../secrets/upstream-login.ts';
import { UpstreamFault } from './faults.ts';
import type { ClusterNode, Tiers } from './node.ts';
import type { PoolOptions } from './pool.ts';
import { Route } from './route.ts';

export interface RoutesOptions extends Omit<PoolOptions, 'login' | 'version'> {
  readonly onFault: (fault: UpstreamFault, isRepeated: boolean) => void;
  /** The cluster refused a login that is in force. Resolves with true where another one came into force. */
  readonly onRefused: (login: Login) => Promise<boolean>;
}

export interface PoolState {
  readonly cassandraRole: string;
  readonly version: number;
  /** Connections open. */
  readonly open: number;
  readonly inFlight: number;
  readonly waiting: number;
}

export class Routes {
  readonly #options: RoutesOptions;
  /** By Cassandra role and protocol version: those that are given out. */
  readonly #current = new Map<string, Route>();
  /** Being opened for a login that is not in force yet. */
  readonly #successors = new Set<Route>();
  /** Of a login before, with the time by which they close: what is in flight finishes. */
  readonly #retired = new Map<Route, MonotonicMs>();
  #tiers: Tiers = [];
  #epoch = 0;
  #closed = false;

  constructor(options: RoutesOptions) {
    this.#options = options;
  }

  /** Grows when routes are replaced; whoever kept one looks it up again. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The route of a Cassandra role; `loginOf` gives its login where there is no route yet, null where it has none. */
  route(
    cassandraRole: string,
    version: number,
    loginOf: (cassandraRole: string) => Login | null,
  ): Route | null {
    const key = compoundKey(cassandraRole, version);
    const known = this.#current.get(key);
    if (known !== undefined) return known;
    const login = loginOf(cassandraRole);
    if (login === null) return null;
    const route = this.#newRoute(login, version);
    this.#current.set(key, route);
    return route;
  }

  /** All of them, those that drain included, for metrics. */
  get states(): readonly PoolState[] {
    return this.#all().map(({ login, version, open, inFlight, waiting }) => ({
      cassandraRole: login.name,
      version,
      open,
      inFlight,
      waiting,
    }));
  }

  setNodes(tiers: Tiers): void {
    this.#tiers = tiers;
    for (const route of this.#all()) route.setNodes(tiers);
  }

  /** What the cluster says of a node is only a hint: one that others call down may serve the gate, but is looked at. */
  nodeChanged(node: ClusterNode, change: string): void {
    for (const route of this.#current.values()) {
      if (change === 'UP') route.retryNow(node);
      else if (change === 'DOWN') route.probe(node);
    }
  }

  /** Resolves once each route has a connection, or after a while. Never rejects. */
  async warmed(): Promise<void> {
    const untilMs = later(monotonicMs(), UPSTREAM.warmUpMs);
    while (monotonicMs() < untilMs && !this.#closed) {
      if ([...this.#current.values()].every(({ ready }) => ready > 0)) return;
      await delay(UPSTREAM.warmUpPollMs);
    }
  }

  /**
   * All new connections of the login's role use it from now on. It is tried first, and its connections stand before
   * anything leads to them. `inForce` is called just before the first request can leave with it. Rejects with
   * UpstreamFault, and leaves all as it was, where the login is not let in.
   */
  async moveTo(login: Login, inForce: () => void): Promise<void> {
    const isOfRole = (route: Route): boolean => route.login.name === login.name;
    const successors = new Map(
      [...this.#current]
        .filter(([, route]) => isOfRole(route))
        .map(([key, { version }]) => [key, this.#newRoute(login, version)]),
    );
    for (const route of successors.values()) this.#successors.add(route);
    try {
      await Promise.all([...successors.values()].map(async (route) => route.opened()));
      if (this.#closed) throw new UpstreamFault('unreachable', 'the gate is closing');
    } catch (error) {
      for (const route of successors.values()) route.close();
      throw error;
    } finally {
      for (const route of successors.values()) this.#successors.delete(route);
    }
    inForce();
    for (const [key, route] of this.#current) {
      if (!isOfRole(route)) continue;
      const successor = successors.get(key) ?? this.#newRoute(login, route.version);
      this.#current.set(key, successor);
      this.#retire(route, successor);
    }
    this.#epoch++;
  }

  tick(nowMs: MonotonicMs): void {
    guardedEach('route', this.#all(), (route) => route.tick(nowMs));
    for (const [route, endAtMs] of this.#retired) {
      if (!route.isIdle && nowMs < endAtMs) continue;
      this.#retired.delete(route);
      route.close();
    }
  }

  close(): void {
    this.#closed = true;
    for (const route of this.#all()) route.close();
    this.#current.clear();
  }

  #newRoute(login: Login, version: number): Route {
    const { onFault, onRefused, ...ofPools } = this.#options;
    const route: Route = new Route({
      ...ofPools,
      version,
      login,
      onFault,
      // One that was refused before it was in force leaves those before it as they are.
      onRefused: async () => !this.#successors.has(route) && (await onRefused(login)),
    });
    route.setNodes(this.#tiers);
    return route;
  }

  #retire(route: Route, successor: Route): void {
    route.retire(successor);
    this.#retired.set(route, later(monotonicMs(), UPSTREAM.retiredPoolMs));
  }

  #all(): Route[] {
    return [...this.#current.values(), ...this.#successors, ...this.#retired.keys()];
  }
}
