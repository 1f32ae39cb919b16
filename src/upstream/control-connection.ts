// The gate's own view of the cluster, over one connection as the gate role: what kind of cluster it is, its nodes, its
// schema, and the events of all these. When the connection is lost it goes on to the next node; events may have been
// missed meanwhile, and the listener is told so.
import { backoffMs, jittered } from '../backoff.ts';
import { earliest, later, LONG_AGO, monotonicMs, NEVER, type MonotonicMs } from '../clock.ts';
import type { Turn } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { Frame } from '../protocol/frame.ts';
import {
  decodeEvent,
  type Event,
  type NodeChange,
  type SchemaChange,
} from '../protocol/messages/event.ts';
import { endOf, hasEnded, type Login } from '../secrets/upstream-login.ts';
import { Connection } from './connection.ts';
import type { Dial } from './dial.ts';
import { asFault, UpstreamFault } from './faults.ts';
import { FollowedSchema } from './followed-schema.ts';
import type { Endpoint } from '../protocol/inet.ts';
import type { NodeRow } from './node.ts';
import {
  CONTROL_VERSION,
  queriesOver,
  registerFor,
  type AskedConnection,
  type OwnQueries,
  type Refusal,
} from './own-query.ts';
import { readSchema } from './schema-reader.ts';
import type { SchemaSnapshot, Unmasks } from './schema.ts';
import { SystemTables, type SystemRows } from './system-tables.ts';
import { inspectTarget, TargetFault, UNKNOWN_TARGET, type TargetFacts } from './target.ts';
import { readNodes } from './topology-reader.ts';

export interface ControlListener {
  /** The schema changed, here or elsewhere. */
  schemaChanged(change: SchemaChange): void;
  /** Events may have been lost: whatever depends on them must be taken as changed. */
  resynchronised(): void;
  /** The nodes as the one at `reached` has them. Rejects with TargetFault where they can't be used. */
  nodesRead(nodes: readonly NodeRow[], reached: Endpoint): Promise<void>;
  /** What the cluster says of one of its nodes. */
  nodeChanged(change: NodeChange): void;
  fault(fault: UpstreamFault): void;
}

export interface ControlOptions {
  /** Where it may connect, the best first. */
  readonly candidates: () => readonly Endpoint[];
  readonly dial: Dial;
  /** The login in force. */
  readonly login: () => Login;
  /** Reads the secret of a refused login anew; null when there is no other. */
  readonly freshLogin: (refused: Login) => Promise<Login | null>;
  readonly allowUntested: boolean;
  readonly unmasks: Unmasks;
  readonly listener: ControlListener;
}

export class ControlConnection {
  readonly #options: ControlOptions;
  #connection: Connection | null = null;
  #node: Endpoint | null = null;
  #login: Login | null = null;
  /** The connection of the login before: it closes once what it was asked is answered. */
  #before: Connection | null = null;
  #beforeEndsAtMs = NEVER;
  #connecting = false;
  #nextFollowAtMs = LONG_AGO;
  /** Attempts to connect since it was connected last. */
  #attempts = 0;
  /** Called when the next connection stands: reads wait for it. */
  readonly #waiting = new Set<() => void>();
  /** When the nodes are to be read anew. */
  #topologyDueAtMs = NEVER;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  readonly #schema: FollowedSchema;
  readonly #tables: SystemTables;
  /** Queries of the gate's own login. */
  readonly queries: OwnQueries;
  target: TargetFacts = UNKNOWN_TARGET;

  constructor(options: ControlOptions) {
    this.#options = options;
    const connection: AskedConnection = {
      version: CONTROL_VERSION,
      request: async (opcode, body, timeoutMs) => this.#request(opcode, body, timeoutMs),
    };
    this.queries = queriesOver(connection);
    this.#schema = new FollowedSchema(async () => readSchema(this.queries), options.unmasks);
    this.#tables = new SystemTables(connection, {
      version: CONTROL_VERSION,
      request: async (opcode, body, timeoutMs) => this.#requestOnceMore(opcode, body, timeoutMs),
    });
  }

  get schema(): SchemaSnapshot {
    return this.#schema.current;
  }

  get isConnected(): boolean {
    return this.#connection?.isReady ?? false;
  }

  /** The node it is, or was last, connected to. */
  get node(): Endpoint | null {
    return this.#node;
  }

  /**
   * Connects to the first node that answers. Rejects only when the target is one that
   * cqlgate does not serve; a cluster that is down is tried again for ever.
   */
  async start(): Promise<void> {
    for (;;) {
      try {
        await this.#connect();
        return;
      } catch (error) {
        const fault = asFault(error);
        this.#options.listener.fault(fault);
        if (fault instanceof TargetFault) throw fault;
        await new Promise((resolve) => setTimeout(resolve, this.#reconnectInMs()));
        if (this.#closed) return;
      }
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#connection?.destroy(new UpstreamFault('unreachable', 'the gate is closing'));
    this.#before?.destroy(replaced());
  }

  tick(nowMs: MonotonicMs): void {
    this.#connection?.tick(nowMs);
    this.#before?.tick(nowMs);
    if (nowMs >= this.#topologyDueAtMs && this.isConnected) {
      this.#topologyDueAtMs = later(nowMs, UPSTREAM.topologyRefreshMs);
      const read = this.#readNodes().catch((error: unknown) =>
        this.#options.listener.fault(asFault(error)),
      );
      unattended('cluster', read);
    }
    const isDone = this.#before?.inFlight === 0 || nowMs >= this.#beforeEndsAtMs;
    if (isDone) this.#before?.destroy(replaced());
    if (this.#login !== null && hasEnded(this.#login, nowMs)) {
      const text = `the lease of Cassandra role ${this.#login.name} ended`;
      this.#connection?.destroy(new UpstreamFault('login_refused', text));
    } else if (this.#login !== this.#options.login()) this.#followLogin(nowMs);
  }

  /** This and the next three: see SystemTables. */
  async systemRows(query: string, turn: Turn): Promise<SystemRows> {
    return this.#tables.rows(query, turn);
  }

  async refusalOf(query: string, turn: Turn): Promise<Refusal | null> {
    return this.#tables.refusalOf(query, turn);
  }

  async schemaVersion(): Promise<string | null> {
    return this.#tables.schemaVersion();
  }

  async schemaVersions(): Promise<ReadonlyMap<string, string> | null> {
    return this.#tables.schemaVersions();
  }

  /** See FollowedSchema. */
  async refreshSchema(): Promise<void> {
    return this.#schema.refresh();
  }

  async #connect(): Promise<void> {
    this.#connecting = true;
    try {
      await this.#connectToNext();
    } finally {
      this.#connecting = false;
    }
  }

  async #connectToNext(): Promise<void> {
    const nodes = this.#options.candidates();
    const node = nodes[this.#attempts++ % nodes.length]!;
    const { connection, login } = await this.#logIn(node);
    this.#connection = connection;
    this.#node = node;
    this.#login = login;
    try {
      this.target = await inspectTarget(connection, this.#options.allowUntested);
      await this.#register(connection);
      // Read after REGISTER, so that no change is missed in between.
      await Promise.all([this.refreshSchema(), this.#readNodes()]);
    } catch (error) {
      this.#connection = null;
      connection.destroy(asFault(error));
      throw error;
    }
    this.#attempts = 0;
    this.#topologyDueAtMs = later(monotonicMs(), UPSTREAM.topologyRefreshMs);
    for (const resume of this.#waiting) resume();
  }

  /** Uses the login in force, and where that is refused, once more the secret as it is now. */
  async #logIn(node: Endpoint): Promise<{ connection: Connection; login: Login }> {
    const { login: inForce, freshLogin } = this.#options;
    const login = inForce();
    try {
      if (hasEnded(login, monotonicMs())) {
        throw new UpstreamFault('login_refused', `the lease of Cassandra role ${login.name} ended`);
      }
      return { connection: await this.#open(node, login), login };
    } catch (error) {
      if (asFault(error).code !== 'login_refused') throw error;
      const fresh = await freshLogin(login);
      if (fresh === null) throw error;
      return { connection: await this.#open(node, fresh), login: fresh };
    }
  }

  /** Another login came into force: a connection with it takes over on the same node. */
  #followLogin(nowMs: MonotonicMs): void {
    const node = this.#node;
    if (this.#connecting || !this.isConnected || node === null || nowMs < this.#nextFollowAtMs)
      return;
    this.#connecting = true;
    const taken = this.#takeOver(node, this.#options.login())
      .catch((error: unknown) => {
        this.#nextFollowAtMs = later(monotonicMs(), UPSTREAM.rotationRetryMaxMs);
        this.#options.listener.fault(asFault(error));
      })
      .finally(() => {
        this.#connecting = false;
        if (!this.isConnected && !this.#closed) this.#reconnectLater();
      });
    unattended('cluster', taken);
  }

  async #takeOver(node: Endpoint, login: Login): Promise<void> {
    const connection = await this.#open(node, login);
    try {
      await this.#register(connection);
    } catch (error) {
      connection.destroy(asFault(error));
      throw error;
    }
    if (this.#closed) {
      connection.destroy(replaced());
      return;
    }
    // Both connections are registered now, so that no event is missed in between.
    this.#before?.destroy(replaced());
    this.#before = this.#connection;
    // By then every request has had its answer or its deadline.
    this.#beforeEndsAtMs = earliest(
      endOf(this.#login),
      later(monotonicMs(), UPSTREAM.controlTimeoutMs),
    );
    this.#connection = connection;
    this.#login = login;
  }

  async #open({ host, port }: Endpoint, login: Login): Promise<Connection> {
    return Connection.open({
      host,
      port,
      dial: this.#options.dial,
      version: CONTROL_VERSION,
      login,
      compression: null,
      timeoutMs: UPSTREAM.controlConnectTimeoutMs,
      onEvent: (event) => this.#event(event),
      onClosed: (connection, cause) => this.#lost(connection, cause),
      onIdle: () => undefined,
    });
  }

  /** Without events, changes of the schema that others make would never be seen here. */
  async #register(connection: Connection): Promise<void> {
    await registerFor(connection, ['SCHEMA_CHANGE', 'STATUS_CHANGE', 'TOPOLOGY_CHANGE']);
  }

  async #request(opcode: number, body: Buffer | null, timeoutMs: number): Promise<Frame> {
    const connection = this.#connection;
    if (connection === null) {
      throw new UpstreamFault('unreachable', 'the control connection is down');
    }
    return connection.request(opcode, body, timeoutMs);
  }

  /** Where the connection is lost, the same is asked once more over the next one. */
  async #requestOnceMore(opcode: number, body: Buffer | null, timeoutMs: number): Promise<Frame> {
    try {
      return await this.#request(opcode, body, timeoutMs);
    } catch (error) {
      if (this.#closed) throw error;
      await this.#connectedAgain();
      return this.#request(opcode, body, timeoutMs);
    }
  }

  async #connectedAgain(): Promise<void> {
    if (this.isConnected) return;
    await new Promise<void>((resolve) => {
      const resume = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(resume);
        resolve();
      };
      const timer = setTimeout(guarded('cluster', resume), UPSTREAM.acquireTimeoutMs);
      this.#waiting.add(resume);
    });
  }

  async #readNodes(): Promise<void> {
    const reached = this.#node!;
    const rows = await readNodes(this.queries, reached);
    await this.#options.listener.nodesRead(rows, reached);
  }

  /** An event that cannot be read or handled may have been any: what it would have told is read anew. */
  #event(frame: Frame): void {
    try {
      this.#follow(decodeEvent(frame));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#options.listener.fault(
        new UpstreamFault('internal', `an event could not be handled: ${text}`),
      );
      this.#topologyDueAtMs = later(monotonicMs(), UPSTREAM.topologyDebounceMs);
      unattended(
        'cluster',
        this.refreshSchema().then(
          () => this.#options.listener.resynchronised(),
          (failure: unknown) => this.#connection?.destroy(asFault(failure)),
        ),
      );
    }
  }

  #follow(event: Event): void {
    if (event.type === 'STATUS_CHANGE' || event.type === 'TOPOLOGY_CHANGE') {
      this.#topologyDueAtMs = later(monotonicMs(), UPSTREAM.topologyDebounceMs);
      this.#options.listener.nodeChanged(event);
    }
    if (event.type !== 'SCHEMA_CHANGE') return;
    // The snapshot comes first: whoever hears of the change must not find the old schema here.
    const announced = this.refreshSchema().then(
      () => this.#options.listener.schemaChanged(event),
      (error: unknown) => {
        this.#options.listener.schemaChanged(event);
        this.#connection?.destroy(asFault(error));
      },
    );
    unattended('cluster', announced);
  }

  #lost(connection: Connection, cause: UpstreamFault): void {
    if (this.#before === connection) this.#before = null;
    if (this.#connection !== connection) return;
    this.#connection = null;
    if (this.#closed) return;
    this.#options.listener.fault(cause);
    // Whoever is connecting now sees that it failed, and tries again.
    if (!this.#connecting) this.#reconnectLater();
  }

  #reconnectLater(): void {
    const connect = (): void => {
      const connected = this.#connect().then(
        () => this.#options.listener.resynchronised(),
        (error: unknown) => {
          this.#options.listener.fault(asFault(error));
          if (!this.#closed) this.#reconnectLater();
        },
      );
      unattended('cluster', connected);
    };
    this.#timer = setTimeout(guarded('cluster', connect), this.#reconnectInMs());
  }

  #reconnectInMs(): number {
    // A connection that was just lost is no failed attempt yet, and counts as the first failure.
    const failures = this.#attempts + 1;
    return jittered(backoffMs(failures, UPSTREAM.reconnectMinMs, UPSTREAM.reconnectMaxMs));
  }
}

function replaced(): UpstreamFault {
  return new UpstreamFault('unreachable', 'another connection took its place');
}
