// The gate's own view of the cluster, over one connection as the gate role: what kind of cluster it
// is, its nodes, its real system.local, its schema, and the events of all these. On failure it goes on
// to the next node; events may then have been missed, and it says so.
import { earliest, later, LONG_AGO, monotonicMs, NEVER, type MonotonicMs } from '../clock.ts';
import { FairSlots, QueueFault, type Turn } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { Frame } from '../protocol/frame.ts';
import { Consistency } from '../protocol/consistency.ts';
import {
  decodeEvent,
  type Event,
  type NodeChange,
  type SchemaChange,
} from '../protocol/messages/event.ts';
import { encodePrepare } from '../protocol/messages/prepare.ts';
import { encodeQuery } from '../protocol/messages/query.ts';
import { encodeRegister } from '../protocol/messages/register.ts';
import type { Rows } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { endOf, hasEnded, type Login } from '../secrets/upstream-login.ts';
import { Connection } from './connection.ts';
import type { Dial } from './dial.ts';
import { UpstreamFault } from './faults.ts';
import type { ContactPoint, NodeRow } from './node.ts';
import {
  CONTROL_VERSION,
  expectOpcode,
  refusalOf,
  rowsOf,
  uuidText,
  type Refusal,
} from './own-query.ts';
import { readSchema } from './schema-reader.ts';
import { SchemaSnapshot, type Unmasks } from './schema.ts';
import { inspectTarget, TargetFault, UNKNOWN_TARGET, type TargetFacts } from './target.ts';
import { readNodes } from './topology-reader.ts';

/** Rows of a system table, or the node's own refusal (a table that this cluster lacks). */
export type SystemRows = Rows | { readonly refused: Refusal };

export interface ControlListener {
  /** The schema changed, here or elsewhere. */
  schemaChanged(change: SchemaChange): void;
  /** Events may have been lost: whatever depends on them must be taken as changed. */
  resynchronised(): void;
  /** The nodes as the one at `reached` has them. Rejects with TargetFault where they can't be used. */
  nodesRead(nodes: readonly NodeRow[], reached: ContactPoint): Promise<void>;
  /** What the cluster says of one of its nodes. */
  nodeChanged(change: NodeChange): void;
  fault(fault: UpstreamFault): void;
}

export interface ControlOptions {
  /** Where it may connect, the best first. */
  readonly candidates: () => readonly ContactPoint[];
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
  #node: ContactPoint | null = null;
  #login: Login | null = null;
  /** Of the login before: what it was asked is answered, then it closes. */
  #before: Connection | null = null;
  #beforeEndsAtMs = NEVER;
  #connecting = false;
  #nextFollowAtMs = LONG_AGO;
  /** Attempts since it was last connected. */
  #attempts = 0;
  /** Reads that wait for the next connection. */
  readonly #waiting = new Set<() => void>();
  /** Reads for clients. */
  readonly #reads = new FairSlots({
    slots: UPSTREAM.systemReads,
    perKey: UPSTREAM.systemReadsPerRole,
    waiting: UPSTREAM.systemReadsWaiting,
    waitMs: UPSTREAM.acquireTimeoutMs,
  });
  /** When the nodes are read anew. */
  #topologyDueAtMs = NEVER;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  #refreshing: Promise<void> | null = null;
  #refreshAgain: Promise<void> | null = null;

  schema = new SchemaSnapshot(1, null);
  target: TargetFacts = UNKNOWN_TARGET;

  constructor(options: ControlOptions) {
    this.#options = options;
  }

  get isConnected(): boolean {
    return this.#connection?.isReady ?? false;
  }

  /** The node it is, or was last, connected to. */
  get node(): ContactPoint | null {
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
        await new Promise((resolve) => setTimeout(resolve, this.#backoffMs()));
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

  /**
   * What a SELECT over system.local or peers gives now. Few are carried out at once, in turn by role: the stream ids
   * of this connection are for what the gate itself asks. Rejects with UpstreamFault.
   */
  async systemRows(query: string, turn: Turn): Promise<SystemRows> {
    const response = await this.#inTurn(turn, async () => this.#read(query));
    const refused = refusalOf(response);
    return refused === null ? rowsOf(response) : { refused };
  }

  /** What a node says against such a SELECT when it prepares it; null where it would carry it out. */
  async refusalOf(query: string, turn: Turn): Promise<Refusal | null> {
    const body = encodePrepare(query, CONTROL_VERSION);
    return refusalOf(await this.#inTurn(turn, async () => this.#request(Opcode.PREPARE, body)));
  }

  async #inTurn(turn: Turn, ask: () => Promise<Frame>): Promise<Frame> {
    return this.#reads.run(turn, ask).catch((error: unknown) => {
      if (!(error instanceof QueueFault)) throw error;
      throw new UpstreamFault('busy', `system tables were not read: ${error.message}`);
    });
  }

  /** The cluster's schema version as its node sees it, or null when it can't be read. */
  async schemaVersion(): Promise<string | null> {
    try {
      const rows = rowsOf(await this.#read('SELECT schema_version FROM system.local'));
      const value = rows.rows[0]?.[0] ?? null;
      return value === null ? null : uuidText(value);
    } catch {
      return null;
    }
  }

  /** Schema versions by host id, as its node has heard of them; null when they can't be read. */
  async schemaVersions(): Promise<ReadonlyMap<string, string> | null> {
    try {
      const answers = await Promise.all(
        ['local', 'peers'].map(async (table) =>
          this.#query(`SELECT host_id, schema_version FROM system.${table}`),
        ),
      );
      const rows = answers.flatMap((answer) => rowsOf(answer).rows);
      return new Map(
        rows.flatMap(([id, version]) => (id && version ? [[uuidText(id), uuidText(version)]] : [])),
      );
    } catch {
      return null;
    }
  }

  /**
   * Reads the schema again. A caller who comes while a refresh is under way gets one that
   * starts after it: the one under way may have read before the caller's change.
   */
  async refreshSchema(): Promise<void> {
    if (this.#refreshing === null) {
      this.#refreshing = this.#readSchema().finally(() => {
        this.#refreshing = null;
      });
      return this.#refreshing;
    }
    this.#refreshAgain ??= this.#refreshing
      .catch(() => undefined)
      .then(async () => {
        this.#refreshAgain = null;
        return this.refreshSchema();
      });
    return this.#refreshAgain;
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
      // After REGISTER, so that no change falls between.
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

  /** With the login in force; refused, once more with the secret as it is now. */
  async #logIn(node: ContactPoint): Promise<{ connection: Connection; login: Login }> {
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

  async #takeOver(node: ContactPoint, login: Login): Promise<void> {
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
    // Both are registered now: no event falls between.
    this.#before?.destroy(replaced());
    this.#before = this.#connection;
    // By then every request had its answer or its deadline.
    this.#beforeEndsAtMs = earliest(
      endOf(this.#login),
      later(monotonicMs(), UPSTREAM.controlTimeoutMs),
    );
    this.#connection = connection;
    this.#login = login;
  }

  async #open({ host, port }: ContactPoint, login: Login): Promise<Connection> {
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

  async #register(connection: Connection): Promise<void> {
    const answer = await connection.request(
      Opcode.REGISTER,
      encodeRegister(['SCHEMA_CHANGE', 'STATUS_CHANGE', 'TOPOLOGY_CHANGE']),
      UPSTREAM.controlTimeoutMs,
    );
    // Without events, changes of the schema that others make would never be seen here.
    expectOpcode(answer, Opcode.READY);
  }

  async #readSchema(): Promise<void> {
    const rows = await readSchema((query) => this.#query(query), CONTROL_VERSION);
    this.schema = new SchemaSnapshot(this.schema.version + 1, rows, this.#options.unmasks);
  }

  /** A query of the gate's own login; resolves with the node's answer, an error too. */
  async ask(query: string, consistency: number): Promise<Frame> {
    const body = encodeQuery({ query, consistency, version: CONTROL_VERSION });
    return this.#request(Opcode.QUERY, body);
  }

  async #request(opcode: number, body: Buffer): Promise<Frame> {
    const connection = this.#connection;
    if (connection === null) {
      throw new UpstreamFault('unreachable', 'the control connection is down');
    }
    return connection.request(opcode, body, UPSTREAM.controlTimeoutMs);
  }

  async #query(query: string): Promise<Frame> {
    return this.ask(query, Consistency.ONE);
  }

  /** For clients: where the connection is lost it is asked once more over the next one. */
  async #read(query: string): Promise<Frame> {
    try {
      return await this.#query(query);
    } catch (error) {
      if (this.#closed) throw error;
      await this.#connectedAgain();
      return this.#query(query);
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
    const rows = await readNodes(async (query) => this.#query(query), reached);
    await this.#options.listener.nodesRead(rows, reached);
  }

  /** One that cannot be read, or not be handled, may have been any: what it would have told is asked for. */
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
    // The snapshot first: whoever is told must not find the old schema here.
    const told = this.refreshSchema().then(
      () => this.#options.listener.schemaChanged(event),
      (error: unknown) => {
        this.#options.listener.schemaChanged(event);
        this.#connection?.destroy(asFault(error));
      },
    );
    unattended('cluster', told);
  }

  #lost(connection: Connection, cause: UpstreamFault): void {
    if (this.#before === connection) this.#before = null;
    if (this.#connection !== connection) return;
    this.#connection = null;
    if (this.#closed) return;
    this.#options.listener.fault(cause);
    // Whoever connects now sees that it failed, and tries again.
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
    this.#timer = setTimeout(guarded('cluster', connect), this.#backoffMs());
  }

  #backoffMs(): number {
    const backoffMs = Math.min(
      UPSTREAM.reconnectMaxMs,
      UPSTREAM.reconnectMinMs * 2 ** Math.min(this.#attempts, 10),
    );
    return backoffMs * (0.5 + Math.random() / 2);
  }
}

function replaced(): UpstreamFault {
  return new UpstreamFault('unreachable', 'another connection took its place');
}

function asFault(error: unknown): UpstreamFault {
  return error instanceof UpstreamFault ? error : new UpstreamFault('protocol', String(error));
}
