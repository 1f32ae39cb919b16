// The cluster as the data path sees it: its nodes, the routes to them, the prepared registry, and the
// control connection that keeps schema and topology true.
import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { later, LONG_AGO, monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { compoundKey } from '../compound-key.ts';
import { guarded, guardedEach, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { Schema } from '../cql/statement.ts';
import { UNCOUNTED, type MemoryBudget } from '../memory/budget.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import { usesSegments } from '../protocol/versions.ts';
import type { Frame } from '../protocol/frame.ts';
import type { NodeChange, SchemaChange } from '../protocol/messages/event.ts';
import type { LoginSource } from '../secrets/upstream-login.ts';
import { ControlConnection, type ControlListener } from './control-connection.ts';
import { Credentials, type Login } from './credentials.ts';
import type { Dial } from './dial.ts';
import { UpstreamFault } from './faults.ts';
import { askRights, LoginRights } from './login-rights.ts';
import { inetText, type ClusterNode, type ContactPoint, type NodeRow } from './node.ts';
import { Nodes, resolveNames, type Datacenters, type Reach } from './nodes.ts';
import { ConnectionBudget } from './pool.ts';
import { PreparedRegistry, type PreparedStatement } from './prepared.ts';
import { CONTROL_VERSION } from './own-query.ts';
import { Route } from './route.ts';
import { SchemaAgreement, type Agreement, type SchemaWitness } from './schema-agreement.ts';
import { routingKey, type BoundValues } from './routing-key.ts';
import { TargetFault } from './target.ts';
import { TokenRing } from './token-ring.ts';

export interface ClusterOptions {
  readonly contactPoints: readonly ContactPoint[];
  readonly datacenters: Datacenters;
  readonly dial: Dial;
  /** By the names of `cassandraRoles`. */
  readonly logins: ReadonlyMap<string, LoginSource>;
  /** Whose login the gate's own queries use. */
  readonly gateRole: string;
  /** Towards the nodes, whatever clients use. */
  readonly compression: 'none' | 'lz4';
  readonly connectionsPerPool: number;
  readonly poolConnections: number;
  readonly preparedRegistryBytes: number;
  /** What is held for clients is charged here; left out: to nobody. */
  readonly memory?: MemoryBudget;
  readonly allowUntested: boolean;
  readonly listener: ClusterListener;
}

const NO_NODES: readonly ClusterNode[] = [];

export interface ClusterListener {
  /** Registry and schema are up to date already when this is called. */
  schemaChanged(change: SchemaChange): void;
  /** A login of the configuration is a superuser of the cluster. */
  superuser(cassandraRole: string): void;
  /** All new connections of a Cassandra role use another login from now; those before drain. */
  loginChanged(login: Login): void;
  /** Other nodes than before, or the first. */
  nodesChanged(nodes: readonly ClusterNode[], localDatacenter: string): void;
  /** `isRepeated`: the same as the time before, of a node that is tried again and again. */
  fault(fault: UpstreamFault, isRepeated: boolean): void;
}

export interface PoolState {
  readonly cassandraRole: string;
  readonly version: number;
  /** Connections open. */
  readonly open: number;
  readonly inFlight: number;
  readonly waiting: number;
}

export class Cluster implements ControlListener {
  readonly #options: ClusterOptions;
  readonly #nodes: Nodes;
  /** By Cassandra role and protocol version: those that are given out. */
  readonly #routes = new Map<string, Route>();
  /** Being opened for a login that is not in force yet. */
  readonly #successors = new Set<Route>();
  /** Of a login before, with the time of their end: what is in flight finishes. */
  readonly #retired = new Map<Route, MonotonicMs>();
  readonly #budget: ConnectionBudget;
  readonly #credentials: Credentials;
  readonly #rights: LoginRights;
  #rightsReadAtMs = LONG_AGO;
  readonly #control: ControlConnection;
  readonly #agreement: SchemaAgreement;
  readonly prepared: PreparedRegistry;
  #ring: TokenRing<ClusterNode> | null = null;
  #ringNodes: readonly ClusterNode[] = NO_NODES;
  #ringSchema: Schema | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  /** Grows when routes are replaced; whoever kept one looks it up again. */
  epoch = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#nodes = new Nodes(options.datacenters);
    this.#budget = new ConnectionBudget(options.poolConnections);
    this.#rights = new LoginRights(options.listener);
    this.prepared = new PreparedRegistry({
      maxBytes: options.preparedRegistryBytes,
      account: options.memory?.heapKind('prepared') ?? UNCOUNTED,
    });
    this.#credentials = new Credentials({
      sources: options.logins,
      moveTo: async (login) => this.#moveTo(login),
      moved: (login) => options.listener.loginChanged(login),
      fault: (fault) => options.listener.fault(fault, false),
    });
    this.#control = new ControlConnection({
      candidates: () => this.#candidates(),
      dial: options.dial,
      login: () => this.#credentials.of(options.gateRole)!,
      freshLogin: async (refused) => this.#credentials.fresh(refused),
      allowUntested: options.allowUntested,
      unmasks: (...of) => this.#rights.unmasks(...of),
      listener: this,
    });
    this.#agreement = new SchemaAgreement({
      witnesses: () => this.#schemaWitnesses(),
      heard: async () => this.#control.schemaVersions(),
    });
  }

  /** Resolves once the control connection stands; rejects when the target is not served. */
  async start(): Promise<void> {
    this.#timer = setInterval(
      guarded('cluster', () => this.#tick()),
      UPSTREAM.tickMs,
    );
    await this.#control.start();
    for (const name of this.#credentials.names) {
      for (const version of this.versions) this.route(name, version);
    }
    unattended('cluster', this.#readRights());
  }

  /**
   * Resolves once each login has a connection, or after a while: a gate that listens before makes its first
   * clients wait behind its own logins. Never rejects; what can't be had is told by its fault.
   */
  async warmed(): Promise<void> {
    const untilMs = later(monotonicMs(), UPSTREAM.warmUpMs);
    while (monotonicMs() < untilMs && !this.#closed) {
      if ([...this.#routes.values()].every(({ ready }) => ready > 0)) return;
      await delay(UPSTREAM.warmUpPollMs);
    }
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#closed = true;
    this.#control.close();
    for (const route of this.#allRoutes()) route.close();
    this.#routes.clear();
  }

  get control(): Pick<
    ControlConnection,
    | 'ask'
    | 'systemRows'
    | 'refusalOf'
    | 'schemaVersion'
    | 'refreshSchema'
    | 'target'
    | 'isConnected'
  > {
    return this.#control;
  }

  get schema(): Schema {
    return this.#control.schema;
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes.all;
  }

  /** For metrics: the datacenter of each node, and whether the gate has a connection to it. */
  get nodeStates(): readonly { readonly datacenter: string; readonly reached: Reach }[] {
    return this.nodes.map((node) => ({
      datacenter: node.datacenter,
      reached: this.#nodes.reachOf(node),
    }));
  }

  /** Protocol versions that the gate and all nodes speak, ascending. */
  get versions(): readonly number[] {
    // Releases before 4.0 have a version 5 that is another protocol.
    const isOld = this.nodes.some(({ releaseVersion }) => /^[123]\./.test(releaseVersion));
    return this.#control.target.versions.filter((version) => !isOld || !usesSegments(version));
  }

  /**
   * The node from which a session reads system tables and through which it changes the schema: one, so
   * that its driver sees one consistent view. `before` is kept while it is reached.
   */
  pinnedNode(route: Route, before: ClusterNode | null): ClusterNode | null {
    if (before !== null && route.isReached(before)) return before;
    const point = this.#control.node;
    const control = point === null ? null : this.#nodes.dialledAs(point);
    return control !== null && route.isReached(control) ? control : route.someNode;
  }

  /** The nodes that have the row of a request; none where that is not known or makes no difference. */
  replicasFor(frame: Frame, [prepared]: readonly PreparedStatement[], bound: BoundValues | null) {
    const ring = this.#ringNow();
    const table = prepared?.statement.tables[0];
    if (ring === null || prepared === undefined || bound === null || table === undefined) {
      return NO_NODES;
    }
    const key = routingKey(frame, bound, prepared);
    return key === null ? NO_NODES : ring.replicas(table.keyspace, key, 0, key.length);
  }

  /** Where the requests of a Cassandra role go; null when the configuration has no such login. */
  route(cassandraRole: string, version: number): Route | null {
    const key = compoundKey(cassandraRole, version);
    const known = this.#routes.get(key);
    if (known !== undefined) return known;
    const login = this.#credentials.of(cassandraRole);
    if (login === null) return null;
    const route = this.#newRoute(login, version);
    this.#routes.set(key, route);
    return route;
  }

  /** All pools, those that drain included, for metrics. */
  get poolStates(): readonly PoolState[] {
    return this.#allRoutes().map(({ login, version, open, inFlight, waiting }) => ({
      cassandraRole: login.name,
      version,
      open,
      inFlight,
      waiting,
    }));
  }

  /** Cassandra roles with a new login that the cluster does not let in; the one before serves on. */
  get refusedLogins(): readonly string[] {
    return this.#credentials.failing;
  }

  /** Waits until all nodes that can be reached have the same schema (see SchemaAgreement); never rejects. */
  async agreeOnSchema(timeoutMs: number, from: string | null = null): Promise<Agreement> {
    return this.#agreement.reached(timeoutMs, from);
  }

  /** After a schema change of our own: registry and snapshot are true before the client reads on. */
  async settleSchemaChange(change: SchemaChange): Promise<void> {
    this.#invalidate(change);
    await this.#control.refreshSchema();
  }

  schemaChanged(change: SchemaChange): void {
    this.#invalidate(change);
    this.#options.listener.schemaChanged(change);
  }

  resynchronised(): void {
    this.prepared.invalidateAll();
  }

  async nodesRead(rows: readonly NodeRow[], reached: ContactPoint): Promise<void> {
    const { contactPoints, listener } = this.#options;
    const names = await resolveNames(contactPoints, async (host) => lookup(host, { all: true }));
    if (!this.#nodes.update(rows, reached, names)) return;
    const { tiers, localDatacenter, datacenters } = this.#nodes;
    if (tiers[0]!.length === 0) {
      const known = datacenters.join(', ');
      throw new TargetFault(
        `cluster.localDatacenter is ${localDatacenter}, but the cluster has ${known}`,
      );
    }
    for (const route of this.#allRoutes()) route.setNodes(tiers);
    listener.nodesChanged(this.#nodes.all, localDatacenter ?? '');
  }

  /** Only a hint: a node that others call down may serve the gate, but is looked at. */
  nodeChanged({ change, address, port }: NodeChange): void {
    const node = this.#nodes.find(inetText(address) ?? '', port);
    if (node === null) return;
    node.saidDown = change === 'DOWN';
    for (const route of this.#routes.values()) {
      if (change === 'UP') route.retryNow(node);
      else if (change === 'DOWN') route.probe(node);
    }
  }

  fault(fault: UpstreamFault): void {
    this.#options.listener.fault(fault, false);
  }

  /** Nodes that are reached first, then contact points: what the cluster said may be out of date. */
  #candidates(): ContactPoint[] {
    const reached = this.#nodes.tiers.flat().filter((node) => node.openConnections > 0);
    const lost = this.#control.node;
    const isLost = ({ host, port }: ContactPoint): boolean =>
      host === lost?.host && port === lost.port;
    const all: ContactPoint[] = [...reached, ...this.#options.contactPoints];
    // The one that was lost just now comes last.
    return [...all.filter((point) => !isLost(point)), ...all.filter(isLost).slice(0, 1)];
  }

  /** A node that is down keeps the version that it had, and has no say. */
  #schemaWitnesses(): SchemaWitness[] {
    const route = this.route(this.#options.gateRole, CONTROL_VERSION);
    return this.#nodes.all.flatMap((node): SchemaWitness[] => {
      const { hostId, name } = node;
      const connection = route?.connectionTo(node) ?? 'untried';
      if (connection === 'lost') return [];
      if (connection !== 'untried') return [{ hostId, name, connection }];
      return node.saidDown ? [] : [{ hostId, name, connection: null }];
    });
  }

  /** Of today's nodes and schema; null where there is nothing to choose from. */
  #ringNow(): TokenRing<ClusterNode> | null {
    const { all } = this.#nodes;
    if (all.length < 2) return null;
    const { schema } = this.#control;
    if (this.#ring === null || this.#ringNodes !== all || this.#ringSchema !== schema) {
      this.#ring = new TokenRing(all, schema.replication);
      this.#ringNodes = all;
      this.#ringSchema = schema;
    }
    return this.#ring;
  }

  #newRoute(login: Login, version: number): Route {
    const route: Route = new Route({
      dial: this.#options.dial,
      version,
      login,
      compression: COMPRESSIONS.get(this.#options.compression) ?? null,
      connections: this.#options.connectionsPerPool,
      budget: this.#budget,
      memory: this.#options.memory,
      onFault: (fault, isRepeated) => this.#options.listener.fault(fault, isRepeated),
      // One that was refused before it was in force leaves those before it as they are.
      onRefused: async () =>
        !this.#successors.has(route) && (await this.#credentials.replace(login)),
    });
    route.setNodes(this.#nodes.tiers);
    return route;
  }

  /** The login is tried and its connections stand before anything leads to them. */
  async #moveTo(login: Login): Promise<void> {
    const node = this.#nodes.tiers.flat().find(({ isReachable }) => isReachable);
    const rights = await askRights(
      node ?? this.#options.contactPoints[0]!,
      this.#options.dial,
      login,
    );
    const isOfRole = (route: Route): boolean => route.login.name === login.name;
    const successors = new Map(
      [...this.#routes]
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
    for (const [key, route] of this.#routes) {
      if (!isOfRole(route)) continue;
      const successor = successors.get(key) ?? this.#newRoute(login, route.version);
      this.#routes.set(key, successor);
      this.#retire(route, successor);
    }
    this.#rights.hold(login, rights);
    this.epoch++;
  }

  #retire(route: Route, successor: Route | null): void {
    route.retire(successor);
    this.#retired.set(route, later(monotonicMs(), UPSTREAM.retiredPoolMs));
  }

  #allRoutes(): Route[] {
    return [...this.#routes.values(), ...this.#successors, ...this.#retired.keys()];
  }

  /** One after the other: a login costs the node 82 ms. One that can't be asked is taken to see everything. */
  async #readRights(): Promise<void> {
    this.#rightsReadAtMs = monotonicMs();
    const node = this.#control.node;
    if (node === null) return;
    for (const name of this.#credentials.names) {
      const login = this.#credentials.of(name);
      if (login === null) continue;
      const rights = await askRights(node, this.#options.dial, login).catch(() => null);
      // One that came into force meanwhile brought its own.
      if (this.#credentials.of(name) === login) this.#rights.hold(login, rights);
    }
  }

  #invalidate(change: SchemaChange): void {
    // A type, function or keyspace change can alter any statement of its keyspace.
    const table = change.target === 'TABLE' ? change.name : null;
    this.prepared.invalidate(change.keyspace, table);
  }

  #tick(): void {
    const nowMs = monotonicMs();
    guardedEach('cluster', [this.#control, this.#credentials], (part) => part.tick(nowMs));
    // Only masks hang on them once it was told who is a superuser.
    const isDue = msBetween(this.#rightsReadAtMs, nowMs) >= UPSTREAM.rightsRefreshMs;
    if (isDue && this.#control.schema.hasMasks) unattended('cluster', this.#readRights());
    guardedEach('route', this.#allRoutes(), (route) => route.tick(nowMs));
    for (const [route, endAtMs] of this.#retired) {
      if (!route.isIdle && nowMs < endAtMs) continue;
      this.#retired.delete(route);
      route.close();
    }
  }
}
