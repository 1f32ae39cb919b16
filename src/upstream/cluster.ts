// The cluster as the data path sees it: followed topology and routes, the prepared registry, and the control connection
// that keeps schema and topology true. This file puts the parts together and hands on what they tell each other.
import { LONG_AGO, monotonicMs, msBetween } from '../clock.ts';
import type { Schema } from '../cql/statement.ts';
import { guarded, guardedEach, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import { UNCOUNTED } from '../memory/store.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import type { NodeChange, SchemaChange } from '../protocol/messages/event.ts';
import type { LoginSource } from '../secrets/upstream-login.ts';
import { ConnectionBudget } from './connection-budget.ts';
import { ControlConnection, type ControlListener } from './control-connection.ts';
import { Credentials, type Login } from './credentials.ts';
import type { Dial } from './dial.ts';
import type { UpstreamFault } from './faults.ts';
import { FollowedTopology, type NodeState } from './followed-topology.ts';
import { askRights, LoginRights } from './login-rights.ts';
import type { Endpoint } from '../protocol/inet.ts';
import type { ClusterNode, NodeRow } from './node.ts';
import type { Datacenters } from './nodes.ts';
import { CONTROL_VERSION } from './own-query.ts';
import { PreparedRegistry, type PreparedStatement } from './prepared.ts';
import type { Route } from './route.ts';
import { Routes, type PoolState } from './routes.ts';
import type { BoundValues } from './routing-key.ts';
import { SchemaAgreement, type Agreement, type SchemaWitness } from './schema-agreement.ts';

export interface ClusterOptions {
  readonly contactPoints: readonly Endpoint[];
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

export class Cluster implements ControlListener {
  readonly #options: ClusterOptions;
  readonly #topology: FollowedTopology;
  readonly #routes: Routes;
  readonly #credentials: Credentials;
  readonly #rights: LoginRights;
  #rightsReadAtMs = LONG_AGO;
  readonly #control: ControlConnection;
  readonly #agreement: SchemaAgreement;
  readonly prepared: PreparedRegistry;
  #timer: NodeJS.Timeout | null = null;

  /** Made once: routes are looked up on the way of every request. */
  readonly #loginOf = (cassandraRole: string): Login | null => this.#credentials.of(cassandraRole);

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#topology = new FollowedTopology(options.contactPoints, options.datacenters);
    this.#routes = new Routes({
      dial: options.dial,
      compression: COMPRESSIONS.get(options.compression) ?? null,
      connections: options.connectionsPerPool,
      budget: new ConnectionBudget(options.poolConnections),
      memory: options.memory,
      onFault: (fault, isRepeated) => options.listener.fault(fault, isRepeated),
      onRefused: async (login) => this.#credentials.replace(login),
    });
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
      candidates: () => this.#topology.candidates(this.#control.node),
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
    return this.#routes.warmed();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#control.close();
    this.#routes.close();
  }

  get control(): Pick<
    ControlConnection,
    | 'queries'
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
    return this.#topology.nodes;
  }

  /** For metrics: the datacenter of each node, and whether the gate has a connection to it. */
  get nodeStates(): readonly NodeState[] {
    return this.#topology.nodeStates;
  }

  /** Protocol versions that the gate and all nodes speak, ascending. */
  get versions(): readonly number[] {
    return this.#control.target.versions.filter((version) => this.#topology.speaks(version));
  }

  /**
   * The node from which a session reads system tables and through which it changes the schema: one, so
   * that its driver sees one consistent view. `before` is kept while it is reached.
   */
  pinnedNode(route: Route, before: ClusterNode | null): ClusterNode | null {
    if (before !== null && route.isReached(before)) return before;
    const point = this.#control.node;
    const control = point === null ? null : this.#topology.dialledAs(point);
    return control !== null && route.isReached(control) ? control : route.someNode;
  }

  /** The nodes that have the row of a request; none where that is not known or makes no difference. */
  replicasFor(
    frame: Frame,
    prepared: readonly PreparedStatement[],
    bound: BoundValues | null,
  ): readonly ClusterNode[] {
    return this.#topology.replicasFor(this.#control.schema, frame, prepared, bound);
  }

  /** Where the requests of a Cassandra role go; null when the configuration has no such login. */
  route(cassandraRole: string, version: number): Route | null {
    return this.#routes.route(cassandraRole, version, this.#loginOf);
  }

  /** Grows when routes are replaced; whoever kept one looks it up again. */
  get epoch(): number {
    return this.#routes.epoch;
  }

  /** All pools, those that drain included, for metrics. */
  get poolStates(): readonly PoolState[] {
    return this.#routes.states;
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

  async nodesRead(rows: readonly NodeRow[], reached: Endpoint): Promise<void> {
    if (!(await this.#topology.update(rows, reached))) return;
    this.#routes.setNodes(this.#topology.tiers);
    this.#options.listener.nodesChanged(this.nodes, this.#topology.localDatacenter);
  }

  nodeChanged(change: NodeChange): void {
    const node = this.#topology.changed(change);
    if (node !== null) this.#routes.nodeChanged(node, change.change);
  }

  fault(fault: UpstreamFault): void {
    this.#options.listener.fault(fault, false);
  }

  /** A node that is down keeps the version that it had, and has no say. */
  #schemaWitnesses(): SchemaWitness[] {
    const route = this.route(this.#options.gateRole, CONTROL_VERSION);
    return this.nodes.flatMap((node): SchemaWitness[] => {
      const { hostId, name } = node;
      const connection = route?.connectionTo(node) ?? 'untried';
      if (connection === 'lost') return [];
      if (connection !== 'untried') return [{ hostId, name, connection }];
      return node.saidDown ? [] : [{ hostId, name, connection: null }];
    });
  }

  /** What the login may do is known before it is used. */
  async #moveTo(login: Login): Promise<void> {
    const node = this.#topology.tiers.flat().find(({ isReachable }) => isReachable);
    const point = node ?? this.#options.contactPoints[0]!;
    const rights = await askRights(point, this.#options.dial, login);
    await this.#routes.moveTo(login, () => this.#rights.set(login, rights));
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
      if (this.#credentials.of(name) === login) this.#rights.set(login, rights);
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
    // After the first time only masks depend on them.
    const isDue = msBetween(this.#rightsReadAtMs, nowMs) >= UPSTREAM.rightsRefreshMs;
    if (isDue && this.#control.schema.hasMasks) unattended('cluster', this.#readRights());
    this.#routes.tick(nowMs);
  }
}
