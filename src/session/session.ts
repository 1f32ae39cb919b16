// One client connection from accept to close: the state that it is in, who it is, its keyspace and its end. Its frames
// come from frame-reader.ts and go to their handlers; its requests are carried out by session-requests.ts.
import type net from 'node:net';
import { randomBytes } from 'node:crypto';
import { monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import type { Who } from '../audit/counted-log.ts';
import type { Share } from '../audit/room.ts';
import type { Schema } from '../cql/statement.ts';
import { ProtocolFault, type AuthFault } from '../errors.ts';
import type { AdmissionSlot } from '../identity/admission.ts';
import type { Turn } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { SESSION } from '../limits/session.ts';
import type { AccountOwner, SessionAccount } from '../memory/budget.ts';
import { driverLabels } from '../metrics/drivers.ts';
import { seesKeyspace } from '../policy/decide.ts';
import type { Authority } from '../policy/policy.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import { UnsupportedVersionFault, type OversizedFrame } from '../protocol/frame-decoder.ts';
import {
  encodeSchemaChangeEvent,
  encodeStatusChangeEvent,
  type EventType,
  type SchemaChange,
} from '../protocol/messages/event.ts';
import type { SessionState } from '../protocol/opcodes.ts';
import { endpointText } from '../protocol/inet.ts';
import { segmentLayoutOf } from '../protocol/segment.ts';
import { sidecarAddress, type Advertised } from '../topology/advertised.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import { dispatch, type DispatchSession } from './dispatch.ts';
import type { Exchange } from './exchange.ts';
import { FrameReader, type FrameReaderOwner } from './frame-reader.ts';
import type { Gate } from './gate.ts';
import { Inbox } from './inbox.ts';
import { reportFault } from './internal-fault.ts';
import { InFlightRequests, type BufferCharge } from './in-flight.ts';
import type { Handled, Outcome } from './outcome.ts';
import { Outbox } from './outbox.ts';
import { replies } from './replies.ts';
import { Request } from './request.ts';
import type { AuditBase, RequestRoute } from './session-facts.ts';
import { SessionRequests, type RequestsOwner } from './session-requests.ts';
import { Standing, type SessionInfo } from './standing.ts';
import { callerOf, type TraceContext } from './trace-context.ts';
import { transportOf, type ClientAddress } from './transport.ts';

/** Version of answers to bytes that came before any version was agreed on. */
const DEFAULT_VERSION = 4;

export interface SessionOptions {
  readonly gate: Gate;
  readonly socket: net.Socket;
  /** Who it is: the other end of the socket, or whom a load balancer named in its place. */
  readonly client: ClientAddress;
  readonly slot: AdmissionSlot;
  /** Why no token is taken over this socket; null where one is. */
  readonly plaintextProblem: string | null;
  readonly onClosed: (session: Session) => void;
}

export class Session implements AccountOwner, DispatchSession, FrameReaderOwner, RequestsOwner {
  readonly id = randomBytes(8).toString('hex');
  readonly gate: Gate;
  readonly plaintextProblem: string | null;
  /** How this client is told to reach the gate. */
  advertised: Advertised;
  /** The trace that its process stands in, where a sidecar said so; a request's own wins. */
  caller: TraceContext | null = null;
  readonly #socket: net.Socket;
  /** The client's address: what its failures are counted by. */
  readonly #source: string;
  readonly #slot: AdmissionSlot;
  readonly #onClosed: (session: Session) => void;
  readonly #openedAtMs = monotonicMs();
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #account: SessionAccount;
  readonly #standing: Standing;
  readonly #inFlight: InFlightRequests;
  readonly #requests: SessionRequests;
  readonly #reader: FrameReader;
  #state: SessionState | 'ending' | 'closed' = 'startup';
  #events = new Set<EventType>();
  #throwOnOverload = false;
  /** Its client came by a sidecar, and knows of no other address. */
  #hasSidecar = false;
  #compression: BodyCompression | null = null;
  #closeReason = 'client closed';
  /** The last answer of a session that is ending. */
  #lastWords: { readonly frame: Buffer | null } | null = null;
  /** A handler waits for something, and nothing more may be handled until that is there: a login, a long text. */
  #isHandlerWaiting = false;
  /** Its beginning has a record of its own. */
  #isStartSingle = false;

  version = DEFAULT_VERSION;
  /** Why a login by OAUTHBEARER failed, between its challenge and the client's last word. */
  refusal: AuthFault | null = null;
  keyspace: string | null = null;

  constructor({ gate, socket, client, slot, plaintextProblem, onClosed }: SessionOptions) {
    this.gate = gate;
    this.#socket = socket;
    this.#source = client.address;
    this.#slot = slot;
    this.#onClosed = onClosed;
    this.plaintextProblem = plaintextProblem;
    this.advertised = gate.advertising.self(
      socket.localAddress ?? '127.0.0.1',
      socket.localPort ?? 0,
    );
    this.#standing = new Standing(gate, this.id, {
      address: endpointText({ host: client.address, port: client.port }),
      ...transportOf(socket),
    });
    this.#account = gate.memory.open(this);
    this.#inFlight = new InFlightRequests(gate.memory, this.#account, gate.limits);
    this.#inbox = new Inbox(gate.limits);
    this.#outbox = new Outbox(socket, this.#account, {
      full: () => this.pauseOrResume(),
      drained: () => this.pauseOrResume(),
      stuck: (reason) => this.#cut('slow_reader', reason),
      failed: () => this.cutOff(),
    });
    this.#requests = new SessionRequests(this, this.#inFlight, this.#outbox);
    this.#reader = new FrameReader(socket, this.#inbox, this.#account, this);
    socket.on('error', () => undefined);
    socket.on(
      'close',
      guarded('session', () => this.#closed()),
    );
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  get isEnding(): boolean {
    return this.#state === 'ending';
  }

  get isOver(): boolean {
    return this.#state === 'ending' || this.#state === 'closed';
  }

  /** How it stands in lines that sessions share: by its role, before the login by where it comes from. */
  get turn(): Turn {
    return { key: this.#standing.role ?? this.source, owner: this };
  }

  get source(): string {
    return this.#source;
  }

  get hasMuchInFlight(): boolean {
    return this.#inFlight.isMuch;
  }

  get isLoggedIn(): boolean {
    return this.#standing.isLoggedIn;
  }

  get compression(): BodyCompression | null {
    return this.#compression;
  }

  get maxFrameBytes(): number {
    return this.#inbox.maxFrameBytes;
  }

  /** Over its limits, and STARTUP asked to be told rather than slowed. */
  get isOverloaded(): boolean {
    return this.#throwOnOverload && this.#inFlight.isOverLimit;
  }

  get mustWait(): boolean {
    if (this.#isHandlerWaiting || this.#requests.isBlocking) return true;
    if (this.#inFlight.expectsMuch || this.#outbox.isFull) return true;
    return !this.#throwOnOverload && this.#inFlight.isOverLimit;
  }

  get policyVersion(): string {
    return this.gate.policy.version;
  }

  get schema(): Schema {
    return this.gate.cluster.schema;
  }

  get nodes(): readonly ClusterNode[] {
    return this.gate.cluster.nodes;
  }

  get clusterName(): string {
    return this.gate.cluster.control.target.clusterName;
  }

  get auditShare(): Share {
    return this.#standing.who().share;
  }

  authority(): Authority | string {
    return this.#standing.authority();
  }

  /** null before its login. */
  info(): SessionInfo | null {
    return this.#standing.info();
  }

  route(): RequestRoute {
    return this.#standing.route(this.version);
  }

  pinned(): readonly ClusterNode[] {
    return this.#standing.pinned(this.version);
  }

  auditBase(): AuditBase {
    return this.#standing.auditBase();
  }

  who(): Who {
    return this.#standing.who();
  }

  /** The gates that its driver is told of beside this one. */
  siblings(): readonly Advertised[] {
    return this.#hasSidecar ? [] : this.gate.advertising.siblings();
  }

  /** For a frame that waits for something of ours before it is carried out. */
  charge(frame: Frame): BufferCharge {
    return this.#inFlight.charge(frame.buffer.length);
  }

  /** For bytes that are made of a frame before it is handled. */
  chargeBytes(bytes: number): BufferCharge {
    return this.#inFlight.charge(bytes);
  }

  reframed({ attempt }: Exchange): void {
    this.#inFlight.reframed(attempt);
  }

  keyspaceSet(keyspace: string): void {
    this.keyspace = keyspace;
  }

  learned(facts: VcsFacts): void {
    this.#standing.learned(facts);
  }

  settle(exchange: Exchange, outcome: Outcome): void {
    this.#requests.settle(exchange, outcome);
  }

  deliver(exchange: Exchange, response: Frame): void {
    this.#requests.deliver(exchange, response);
  }

  started(
    version: number,
    options: ReadonlyMap<string, string>,
    compression: BodyCompression | null,
  ): void {
    this.version = version;
    this.#state = 'authenticating';
    this.#throwOnOverload = options.get('THROW_ON_OVERLOAD') === '1';
    this.#standing.started(version, options);
    const own = sidecarAddress(options);
    if (own !== null) {
      this.advertised = own;
      this.#hasSidecar = true;
    }
    this.caller = callerOf(options);
    this.#inbox.started(version, compression);
    this.#compression = compression;
  }

  /** `facts` are given where the login itself needed them. */
  loggedIn(authority: Authority, facts: VcsFacts | null): void {
    // The client may have gone while its token was checked.
    if (this.#state !== 'authenticating') return;
    this.#standing.loggedIn(authority, facts);
    this.#account.loggedIn(authority.role.name);
    this.#inFlight.loggedIn(this.gate.roleLoads.of(authority.role.name));
    this.#slot.succeeded();
    this.#state = 'ready';
    this.#inbox.loggedIn();
    // The connections that its requests go by are opened while its driver still asks about the cluster.
    this.gate.cluster.route(authority.role.cassandraRole, this.version);
    const { metrics } = this.gate;
    const { driver, driver_version } = this.#standing.client;
    metrics.counter('logins_total', authority.principal.issuerName).value++;
    // Only now: what strangers call themselves says nothing of the drivers in use.
    metrics.counter('drivers_total', ...driverLabels(driver, driver_version)).value++;
    metrics.counter('client_protocol_version_total', `v${this.version}`).value++;
    this.gate.telemetry?.loggedIn(this, authority);
    const start = { kind: 'session_start', ...this.auditBase() } as const;
    this.#isStartSingle = this.gate.sessionLog.started(this.who(), () => start);
  }

  loginFailed(reason: AuthFault['reason']): void {
    this.gate.metrics.counter('auth_failures_total', reason).value++;
    this.gate.telemetry?.loginFailed(this.id, this.#standing.client, reason);
    this.gate.refusals.failedLogin(this.source, {
      kind: 'auth',
      session: this.id,
      client: this.#standing.client,
      reason,
    });
  }

  /** How long the answer to a failed login waits: longer the more often this source failed. */
  failureDelayMs(): number {
    return this.#slot.failed();
  }

  register(events: readonly EventType[]): void {
    for (const event of events) this.#events.add(event);
  }

  /** Passes a schema change on, if this client asked for them and may see the keyspace. */
  schemaChanged(change: SchemaChange): void {
    if (this.#state !== 'ready' || !this.#events.has('SCHEMA_CHANGE')) return;
    const authority = this.authority();
    if (typeof authority === 'string' || !seesKeyspace(authority, change.keyspace)) return;
    this.#outbox.push(encodeSchemaChangeEvent(this.version, change));
  }

  /** Tells a client that asked for such events that this gate goes, so that its driver uses the siblings. */
  goesDown(): void {
    if (this.#state !== 'ready' || !this.#events.has('STATUS_CHANGE')) return;
    if (this.siblings().length === 0) return;
    const { address, port } = this.advertised;
    this.#outbox.push(encodeStatusChangeEvent(this.version, { change: 'DOWN', address, port }));
  }

  /** Called now and then: the time for the login, slow clients, expiry. */
  tick(nowMs: MonotonicMs): void {
    if (this.#state === 'closed') return;
    this.#outbox.tick(nowMs);
    // The login has a time of its own.
    if (!this.#reader.comesInTime(nowMs, this.#state === 'ready')) this.#endSlowSender();
    if (this.#state === 'startup' || this.#state === 'authenticating') {
      const openMs = msBetween(this.#openedAtMs, nowMs);
      if (!this.#isHandlerWaiting && openMs > this.gate.limits.handshakeTimeoutMs) {
        this.#endSlowLogin();
      }
      return;
    }
    if (this.#state !== 'ready') return;
    // What its role waits for may have become less without an answer of its own.
    if (this.#reader.isPaused) this.pauseOrResume();
    // A client at work learns why from the answer to its next statement; one that is idle does not.
    this.#standing.tick(nowMs);
    const over = this.#standing.over(SESSION.lastStatementMs);
    if (over !== null && this.#inFlight.count === 0) this.end(over);
  }

  memoryLooked(): void {
    this.pauseOrResume();
  }

  outOfMemory(reason: 'over_budget' | 'unauthenticated'): void {
    this.#cut(reason, MEMORY_TEXTS[reason]);
  }

  pauseOrResume(): void {
    this.#reader.pauseOrResume();
  }

  handleFurther(): void {
    this.#reader.run();
  }

  handle(frame: Frame | OversizedFrame): void {
    this.#apply(dispatch(this, frame, this.#state as SessionState));
  }

  handleFault(error: unknown): void {
    if (error instanceof UnsupportedVersionFault) {
      this.#end(error.reply, 'unsupported protocol version');
      return;
    }
    const to = { version: this.version, streamId: 0 };
    if (error instanceof ProtocolFault) {
      this.gate.metrics.counter('protocol_errors_total').value++;
      const frame = replies.protocolError({ ...to, streamId: error.streamId }, error.message);
      this.#end(frame, 'protocol error');
      return;
    }
    reportFault(this.gate, 'session', error, { session: this.id });
    this.#end(
      replies.serverError(to, 'an internal fault of cqlgate; the session ends'),
      'internal',
    );
  }

  allAnswered(): void {
    if (this.#lastWords !== null) this.#finish();
  }

  /** Ends the session once what is in flight has been answered: the frame comes last. */
  endAfterFlight(frame: Buffer | null, reason: string): void {
    if (this.isOver) return;
    this.#state = 'ending';
    this.#closeReason = reason;
    this.#lastWords = { frame };
    if (this.#inFlight.count === 0) this.#finish();
  }

  /** Ends the session from outside: `evicted`, `shutdown`. */
  end(reason: string): void {
    this.#end(null, reason);
  }

  /** Ends it at once: an error of ours left it in a state that nobody knows. */
  cutOff(): void {
    this.#closeReason = 'internal';
    this.#socket.destroy();
  }

  /** Acts on what a handler made of a frame. */
  #apply(handled: Handled): void {
    if (handled instanceof Request) {
      this.#requests.begin(handled);
      return;
    }
    switch (handled.type) {
      case 'continue':
        this.#apply(handled.handle());
        return;
      case 'reply':
        if (this.#state !== 'closed') this.#outbox.push(handled.frame);
        if (this.#state === 'authenticating') this.#agreed();
        this.pauseOrResume();
        return;
      case 'wait':
        this.#await(handled.outcome, handled.blocking);
        return;
      case 'close':
        if (this.#state === 'ending' && handled.frame !== null) this.#outbox.push(handled.frame);
        this.endAfterFlight(handled.frame, handled.reason);
    }
  }

  #await(handled: Promise<Handled>, isBlocking: boolean): void {
    if (isBlocking) this.#isHandlerWaiting = true;
    const settled = handled.then(
      (end) => {
        if (isBlocking) this.#isHandlerWaiting = false;
        this.#settled(end);
      },
      (error: unknown) => {
        if (isBlocking) this.#isHandlerWaiting = false;
        this.handleFault(error);
      },
    );
    unattended('session', settled, () => this.cutOff());
  }

  #settled(handled: Handled): void {
    try {
      this.#apply(handled);
    } catch (error) {
      this.handleFault(error);
    }
    this.handleFurther();
  }

  /** STARTUP was answered: what it agreed on holds from here, in both directions. */
  #agreed(): void {
    const layout = segmentLayoutOf(this.version, this.#compression !== null);
    if (layout === null) {
      this.#outbox.compressBodies(this.#compression);
      return;
    }
    this.#outbox.switchToSegments(layout);
    this.#inbox.switchToSegments(this.version, layout);
  }

  #endSlowLogin(): void {
    const text = 'the login took too long; connect again and send STARTUP and the token at once';
    const to = { version: this.version, streamId: 0 };
    this.#end(replies.authError(to, text), 'handshake timeout');
  }

  #endSlowSender(): void {
    this.gate.metrics.counter('memory_closes_total', 'slow_sender').value++;
    const to = { version: this.version, streamId: 0 };
    this.#end(replies.overloaded(to, SLOW_SENDER), 'a request came too slowly');
  }

  /** Ends the session now: what was sent can't be trusted, or nothing is in flight. */
  #end(frame: Buffer | null, reason: string): void {
    if (this.#state === 'closed' || this.#lastWords !== null) return;
    this.#state = 'ending';
    this.#closeReason = reason;
    this.#lastWords = { frame };
    this.#finish();
  }

  #finish(): void {
    this.#inbox.clear();
    this.#account.setInput(0);
    const frame = this.#lastWords?.frame ?? null;
    if (frame !== null) this.#outbox.push(frame);
    this.#outbox.end();
    // Bytes that still come are dropped, so that the client's side can close.
    this.#socket.resume();
  }

  /** Ends the session at once, whatever it waits for; the record of its end says why. */
  #cut(reason: 'slow_reader' | 'over_budget' | 'unauthenticated', text: string): void {
    const { metrics, log } = this.gate;
    metrics.counter('memory_closes_total', reason).value++;
    if (reason === 'slow_reader') metrics.counter('slow_client_closes_total').value++;
    log.warn(
      { session: this.id, reason: text, bytes: this.#account.bytes },
      'a session was cut off',
    );
    this.#closeReason = text;
    this.#socket.destroy();
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    const wasLoggedIn = this.#standing.isLoggedIn;
    this.#state = 'closed';
    this.#inbox.clear();
    this.#outbox.clear();
    this.#account.closed();
    this.#slot.release();
    // First: whatever goes wrong with the rest, it is not kept.
    this.#onClosed(this);
    if (!wasLoggedIn) return;
    if (this.#standing.over() !== null) {
      this.gate.metrics.counter('token_expired_closes_total').value++;
    }
    this.gate.activity.flushSession(this);
    const end = { kind: 'session_end', ...this.auditBase(), reason: this.#closeReason } as const;
    this.gate.sessionLog.ended(this.who(), this.#isStartSingle, () => end);
  }
}

const MEMORY_TEXTS = {
  over_budget: 'it held the most above its share while the memory of the gate was short',
  unauthenticated: 'connections without a login held too much together',
} as const;

const SLOW_SENDER =
  'a request began and did not come at 16 KiB/s; send each as a whole, over a faster connection';
