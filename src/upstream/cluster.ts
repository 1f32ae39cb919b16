// The cluster as the data path sees it: the pools, which node they lead to now, the prepared
// registry, and the control connection that keeps schema and topology true.
import { UPSTREAM } from '../limits.ts';
import type { Schema } from '../cql/statement.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import type { LoginSource } from '../secrets/login.ts';
import {
  ControlConnection,
  type ContactPoint,
  type ControlListener,
} from './control-connection.ts';
import { Credentials, type Login } from './credentials.ts';
import type { Dial } from './dial.ts';
import { UpstreamFault } from './faults.ts';
import { askRights, LoginRights } from './login-rights.ts';
import { ConnectionBudget, Pool } from './pool.ts';
import { PreparedRegistry } from './prepared.ts';

export interface ClusterOptions {
  readonly contactPoints: readonly ContactPoint[];
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
  fault(fault: UpstreamFault): void;
}

export interface PoolState {
  readonly cassandraRole: string;
  readonly version: number;
  /** Connections open. */
  readonly ready: number;
  readonly inFlight: number;
  readonly waiting: number;
}

export class Cluster implements ControlListener {
  readonly #options: ClusterOptions;
  /** By Cassandra role and protocol version: those that are given out. */
  readonly #pools = new Map<string, Pool>();
  /** Being opened for a login that is not in force yet. */
  readonly #successors = new Set<Pool>();
  /** Of a node or login before, with the time of their end: what is in flight finishes. */
  readonly #retired = new Map<Pool, number>();
  readonly #budget: ConnectionBudget;
  readonly #credentials: Credentials;
  readonly #rights: LoginRights;
  #rightsReadAtMs = 0;
  readonly #control: ControlConnection;
  readonly prepared: PreparedRegistry;
  #node: ContactPoint;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  /** Grows when pools lead elsewhere; whoever kept a pool looks it up again. */
  epoch = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#node = options.contactPoints[0]!;
    this.#budget = new ConnectionBudget(options.poolConnections);
    this.#rights = new LoginRights(options.listener);
    this.prepared = new PreparedRegistry({ maxBytes: options.preparedRegistryBytes });
    this.#credentials = new Credentials({
      sources: options.logins,
      moveTo: async (login) => this.#moveTo(login),
      moved: (login) => options.listener.loginChanged(login),
      fault: (fault) => options.listener.fault(fault),
    });
    this.#control = new ControlConnection({
      contactPoints: options.contactPoints,
      dial: options.dial,
      login: () => this.#credentials.of(options.gateRole)!,
      freshLogin: async (refused) => this.#credentials.fresh(refused),
      allowUntested: options.allowUntested,
      unmasks: (...of) => this.#rights.unmasks(...of),
      listener: this,
    });
  }

  /** Resolves once the control connection stands; rejects when the target is not served. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#tick(), UPSTREAM.tickMs);
    await this.#control.start();
    for (const name of this.#credentials.names) {
      for (const version of this.#control.versions) this.pool(name, version)?.warm();
    }
    void this.#readRights();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#closed = true;
    this.#control.close();
    for (const pool of this.#allPools()) pool.close();
    this.#pools.clear();
  }

  get control(): Pick<
    ControlConnection,
    | 'ask'
    | 'systemTable'
    | 'schemaVersion'
    | 'refreshSchema'
    | 'versions'
    | 'clusterName'
    | 'releaseVersion'
    | 'cqlVersion'
    | 'isConnected'
  > {
    return this.#control;
  }

  get schema(): Schema {
    return this.#control.schema;
  }

  /** The node that requests go to, as `host:port`. */
  get node(): string {
    return `${this.#node.host}:${this.#node.port}`;
  }

  /** The pool for a Cassandra role; null when the configuration has no such login. */
  pool(cassandraRole: string, version: number): Pool | null {
    const key = `${cassandraRole}\0${version}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const login = this.#credentials.of(cassandraRole);
    if (login === null) return null;
    const pool = this.#newPool(login, version);
    this.#pools.set(key, pool);
    pool.warm();
    return pool;
  }

  /** All pools, those that drain included, for metrics. */
  get poolStates(): readonly PoolState[] {
    return this.#allPools().map(({ login, version, ready, inFlight, waiting }) => ({
      cassandraRole: login.name,
      version,
      ready,
      inFlight,
      waiting,
    }));
  }

  /** Cassandra roles with a new login that the cluster does not let in; the one before serves on. */
  get refusedLogins(): readonly string[] {
    return this.#credentials.failing;
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

  connected(node: ContactPoint): void {
    if (node.host === this.#node.host && node.port === this.#node.port) return;
    this.#node = node;
    this.epoch++;
    const before = [...this.#pools];
    this.#pools.clear();
    for (const [key, pool] of before) {
      const [name = ''] = key.split('\0');
      this.#retire(pool, this.pool(name, pool.version));
    }
  }

  fault(fault: UpstreamFault): void {
    this.#options.listener.fault(fault);
  }

  #newPool(login: Login, version: number): Pool {
    const pool: Pool = new Pool({
      host: this.#node.host,
      port: this.#node.port,
      dial: this.#options.dial,
      version,
      login,
      compression: COMPRESSIONS.get(this.#options.compression) ?? null,
      connections: this.#options.connectionsPerPool,
      budget: this.#budget,
      onFault: (fault) => this.#options.listener.fault(fault),
      // One that was refused before it was in force leaves those before it as they are.
      onRefused: async () =>
        !this.#successors.has(pool) && (await this.#credentials.replace(login)),
    });
    return pool;
  }

  /** The login is tried and its pools stand before anything leads to them. */
  async #moveTo(login: Login): Promise<void> {
    const node = this.#node;
    const rights = await askRights(node, this.#options.dial, login);
    const isOfRole = (pool: Pool): boolean => pool.login.name === login.name;
    const successors = new Map(
      [...this.#pools]
        .filter(([, pool]) => isOfRole(pool))
        .map(([key, { version }]) => [key, this.#newPool(login, version)]),
    );
    for (const pool of successors.values()) this.#successors.add(pool);
    try {
      const opened = [...successors.values()].map(async (pool) => {
        pool.warm();
        await pool.whenAvailable(null);
      });
      await Promise.all(opened);
      if (this.#closed || node !== this.#node) {
        throw new UpstreamFault('unreachable', 'the node changed while its login did');
      }
    } catch (error) {
      for (const pool of successors.values()) pool.close();
      throw error;
    } finally {
      for (const pool of successors.values()) this.#successors.delete(pool);
    }
    for (const [key, pool] of this.#pools) {
      if (!isOfRole(pool)) continue;
      const successor = successors.get(key) ?? this.#newPool(login, pool.version);
      this.#pools.set(key, successor);
      this.#retire(pool, successor);
    }
    this.#rights.hold(login, rights);
    this.epoch++;
  }

  #retire(pool: Pool, successor: Pool | null): void {
    pool.retire(successor);
    this.#retired.set(pool, Date.now() + UPSTREAM.retiredPoolMs);
  }

  #allPools(): Pool[] {
    return [...this.#pools.values(), ...this.#successors, ...this.#retired.keys()];
  }

  /** One after the other: a login costs the node 82 ms. One that can't be asked is taken to see everything. */
  async #readRights(): Promise<void> {
    this.#rightsReadAtMs = Date.now();
    for (const name of this.#credentials.names) {
      const login = this.#credentials.of(name);
      if (login === null) continue;
      const rights = await askRights(this.#node, this.#options.dial, login).catch(() => null);
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
    const nowMs = Date.now();
    this.#control.tick(nowMs);
    // Only masks hang on them once it was told who is a superuser.
    const isDue = nowMs - this.#rightsReadAtMs >= UPSTREAM.rightsRefreshMs;
    if (isDue && this.#control.schema.hasMasks) void this.#readRights();
    this.#credentials.tick(nowMs);
    for (const pool of this.#allPools()) pool.tick(nowMs);
    for (const [pool, endAtMs] of this.#retired) {
      if (!pool.isIdle && nowMs < endAtMs) continue;
      this.#retired.delete(pool);
      pool.close();
    }
  }
}
