// The cluster as the data path sees it: the pools, which node they lead to now, the prepared
// registry, and the control connection that keeps schema and topology true.
import { UPSTREAM } from '../limits.ts';
import type { Schema } from '../cql/statement.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import {
  ControlConnection,
  type ContactPoint,
  type ControlListener,
} from './control-connection.ts';
import type { Login } from './credentials.ts';
import type { Dial } from './dial.ts';
import type { UpstreamFault } from './faults.ts';
import { LoginRights } from './login-rights.ts';
import { ConnectionBudget, Pool } from './pool.ts';
import { PreparedRegistry } from './prepared.ts';

export interface ClusterOptions {
  readonly contactPoints: readonly ContactPoint[];
  readonly dial: Dial;
  readonly logins: ReadonlyMap<string, Login>;
  readonly gateLogin: Login;
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
  fault(fault: UpstreamFault): void;
}

export interface PoolState {
  readonly cassandraRole: string;
  readonly version: string;
  /** Connections open. */
  readonly ready: number;
  readonly inFlight: number;
  readonly waiting: number;
}

export class Cluster implements ControlListener {
  readonly #options: ClusterOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #budget: ConnectionBudget;
  readonly #rights: LoginRights;
  #rightsReadAtMs = 0;
  readonly #control: ControlConnection;
  readonly prepared: PreparedRegistry;
  #node: ContactPoint;
  #timer: NodeJS.Timeout | null = null;
  /** Grows when pools lead elsewhere; whoever kept a pool looks it up again. */
  epoch = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#node = options.contactPoints[0]!;
    this.#budget = new ConnectionBudget(options.poolConnections);
    this.#rights = new LoginRights(options.logins, options.dial, options.listener);
    this.prepared = new PreparedRegistry({ maxBytes: options.preparedRegistryBytes });
    this.#control = new ControlConnection({
      contactPoints: options.contactPoints,
      dial: options.dial,
      login: options.gateLogin,
      allowUntested: options.allowUntested,
      unmasks: (...of) => this.#rights.unmasks(...of),
      listener: this,
    });
  }

  /** Resolves once the control connection stands; rejects when the target is not served. */
  async start(): Promise<void> {
    this.#timer = setInterval(() => this.#tick(), UPSTREAM.tickMs);
    await this.#control.start();
    for (const login of this.#options.logins.values()) {
      for (const version of this.#control.versions) this.#poolOf(login, version).warm();
    }
    this.#readRights();
  }

  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#control.close();
    for (const pool of this.#pools.values()) pool.close();
    this.#pools.clear();
  }

  get control(): Pick<
    ControlConnection,
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
    const login = this.#options.logins.get(cassandraRole);
    return login === undefined ? null : this.#poolOf(login, version);
  }

  /** All pools, those of a node before included, for metrics. */
  get poolStates(): readonly PoolState[] {
    return [...this.#pools].map(([key, { ready, inFlight, waiting }]) => {
      const [, cassandraRole = '', version = ''] = key.split('\0');
      return { cassandraRole, version, ready, inFlight, waiting };
    });
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
  }

  fault(fault: UpstreamFault): void {
    this.#options.listener.fault(fault);
  }

  #poolOf(login: Login, version: number): Pool {
    const key = `${this.node}\0${login.name}\0${version}`;
    let pool = this.#pools.get(key);
    if (pool === undefined) {
      pool = new Pool({
        host: this.#node.host,
        port: this.#node.port,
        dial: this.#options.dial,
        version,
        login,
        compression: COMPRESSIONS.get(this.#options.compression) ?? null,
        connections: this.#options.connectionsPerPool,
        budget: this.#budget,
        onFault: (fault) => this.#options.listener.fault(fault),
      });
      this.#pools.set(key, pool);
      pool.warm();
    }
    return pool;
  }

  #readRights(): void {
    this.#rightsReadAtMs = Date.now();
    void this.#rights.refresh(this.#node);
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
    if (isDue && this.#control.schema.hasMasks) this.#readRights();
    const current = `${this.node}\0`;
    for (const [key, pool] of this.#pools) {
      if (key.startsWith(current)) {
        pool.tick(nowMs);
        continue;
      }
      // Of the node before: what is in flight finishes, then it closes.
      if (pool.isIdle) {
        this.#pools.delete(key);
        pool.close();
      }
    }
  }
}
