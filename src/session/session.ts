// One client connection from accept to close: its state, principal, keyspace and requests in
// flight. It feeds bytes in, hands frames to their handlers, and acts on the one outcome of each.
import type net from 'node:net';
import { randomBytes } from 'node:crypto';
import { later, monotonicMs, msBetween, NEVER, type MonotonicMs } from '../clock.ts';
import type { Who } from '../audit/counted-log.ts';
import type { Share } from '../audit/room.ts';
import { ProtocolFault, type AuthFault } from '../errors.ts';
import type { AdmissionSlot } from '../identity/admission.ts';
import type { Turn } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { SESSION, TURN } from '../limits/session.ts';
import { inLaterTurn, turnMonotonicMs, turnWork } from '../turn.ts';
import type { AccountOwner, SessionAccount } from '../memory/budget.ts';
import { driverLabels } from '../metrics/drivers.ts';
import { seesKeyspace } from '../policy/decide.ts';
import type { Authority } from '../policy/policy.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import { UnsupportedVersionFault } from '../protocol/frame-decoder.ts';
import {
  encodeSchemaChangeEvent,
  encodeStatusChangeEvent,
  type EventType,
  type SchemaChange,
} from '../protocol/messages/event.ts';
import type { SessionState } from '../protocol/opcodes.ts';
import { endpointText } from '../protocol/inet.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../protocol/segment.ts';
import { usesSegments } from '../protocol/versions.ts';
import { sidecarAddress, type Advertised } from '../topology/advertised.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { Route } from '../upstream/route.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import { acknowledgement } from './acknowledge.ts';
import type { Analysed } from './analyst.ts';
import { dispatch } from './dispatch.ts';
import type { Exchange } from './exchange.ts';
import { FrameWatch } from './frame-watch.ts';
import type { Gate } from './gate.ts';
import { Inbox } from './inbox.ts';
import { reportFault } from './internal-fault.ts';
import { InFlightRequests, type BufferCharge } from './in-flight.ts';
import type { Later, Outcome } from './outcome.ts';
import { Outbox } from './outbox.ts';
import { recordAbandoned } from './recording.ts';
import { replies } from './replies.ts';
import { Standing, type AuditBase, type SessionInfo } from './standing.ts';
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

export class Session implements AccountOwner {
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
  readonly #outbox: Outbox;
  readonly #openedAtMs = monotonicMs();
  readonly #inbox: Inbox;
  #state: SessionState | 'ending' | 'closed' = 'startup';
  readonly #standing: Standing;
  readonly #inFlight: InFlightRequests;
  readonly #runLater: () => void;
  /** The same, where it was put off. */
  readonly #goOn: () => void;
  readonly #account: SessionAccount;
  readonly #frameWatch = new FrameWatch();
  #framesRead = 0;
  #bytesRead = 0;
  #events = new Set<EventType>();
  #throwOnOverload = false;
  /** Its client came by a sidecar, and knows of no other address. */
  #hasSidecar = false;
  #compression: BodyCompression | null = null;
  #closeReason = 'client closed';
  /** The last answer of a session that is ending. */
  #lastWords: { readonly frame: Buffer | null } | null = null;
  /** Set while nothing more may be handled: a login, a USE, or an answer before the end. */
  #blocked = false;
  #paused = false;
  #running = false;
  /** Its beginning has a record of its own. */
  #isStartSingle = false;
  /** The turn that it last worked in, and how much it did there. */
  #turn = 0;
  #workDone = 0;
  /** It has done enough for this turn. */
  #isPutOff = false;

  version = DEFAULT_VERSION;
  /** Why a login by OAUTHBEARER failed, between its challenge and the client's last word. */
  refusal: AuthFault | null = null;
  /** Long texts of the request at hand, analysed elsewhere; null for all others. */
  analysed: Analysed | null = null;
  /** As the last SET_KEYSPACE said; unqualified names are looked up there. */
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
      full: () => this.#look(),
      drained: () => this.#look(),
      stuck: (reason) => this.#cut('slow_reader', reason),
      failed: () => this.cutOff(),
    });
    const end = (): void => this.cutOff();
    this.#runLater = guarded('session', () => this.#run(), end);
    this.#goOn = guarded(
      'session',
      () => {
        this.#isPutOff = false;
        this.#run();
      },
      end,
    );
    socket.on(
      'data',
      guarded('session', (chunk: Buffer) => this.#read(chunk), end),
    );
    socket.on('error', () => undefined);
    socket.on(
      'close',
      guarded('session', () => this.#closed()),
    );
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  /** How it stands in lines that sessions share: by its role, before the login by where it comes from. */
  get turn(): Turn {
    return { key: this.#standing.role ?? this.source, owner: this };
  }

  get source(): string {
    return this.#source;
  }

  /** It, or its role, has much in flight. */
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

  authority(): Authority | string {
    return this.#standing.authority();
  }

  /** null before its login. */
  info(): SessionInfo | null {
    return this.#standing.info();
  }

  /** For a frame that waits for something of ours before it is carried out. */
  charge(frame: Frame): BufferCharge {
    return this.#inFlight.charge(frame.buffer.length);
  }

  /** For bytes that are made of a frame before it is handled. */
  chargeBytes(bytes: number): BufferCharge {
    return this.#inFlight.charge(bytes);
  }

  /** Its frame is another one than before. */
  reframed(exchange: Exchange): void {
    this.#inFlight.reframed(exchange);
  }

  route(): Route {
    return this.#standing.route(this.version);
  }

  pinned(): readonly ClusterNode[] {
    return this.#standing.pinned(this.route());
  }

  auditBase(): AuditBase {
    return this.#standing.auditBase();
  }

  /** Once it is logged in. */
  who(): Who {
    return this.#standing.who();
  }

  get auditShare(): Share {
    return this.#standing.who().share;
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

  learned(facts: VcsFacts): void {
    this.#standing.learned(facts);
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

  /** The gates that its driver is told of beside this one. */
  siblings(): readonly Advertised[] {
    return this.#hasSidecar ? [] : this.gate.advertising.siblings();
  }

  /** Tells a client that asked for such events that this gate goes, so that its driver uses the siblings. */
  goesDown(): void {
    if (this.#state !== 'ready' || !this.#events.has('STATUS_CHANGE')) return;
    if (this.siblings().length === 0) return;
    const { address, port } = this.advertised;
    this.#outbox.push(encodeStatusChangeEvent(this.version, { change: 'DOWN', address, port }));
  }

  /** The answer of a node, ready to be passed on: the end of an exchange. */
  deliver(exchange: Exchange, response: Frame): void {
    // Pushed first: with the last one in flight released, a session that is ending says its last words.
    if (this.#state !== 'closed') this.#outbox.pushFrame(response);
    this.#inFlight.answered(exchange.request, response.byteLength);
    this.#release(exchange);
    this.#look();
  }

  /** Goes on with an exchange whose outcome is known only now. */
  settle(exchange: Exchange, outcome: Outcome): void {
    this.#apply(outcome, exchange);
  }

  /** Called now and then: handshake time, expiry. */
  tick(nowMs: MonotonicMs): void {
    if (this.#state === 'closed') return;
    this.#outbox.tick(nowMs);
    this.#watchFrame(nowMs);
    if (this.#state === 'startup' || this.#state === 'authenticating') {
      if (
        !this.#blocked &&
        msBetween(this.#openedAtMs, nowMs) > this.gate.limits.handshakeTimeoutMs
      ) {
        this.#end(
          replies.authError(
            { version: this.version, streamId: 0 },
            'the login took too long; connect again and send STARTUP and the token at once',
          ),
          'handshake timeout',
        );
      }
      return;
    }
    if (this.#state !== 'ready') return;
    // What its role waits for may have become less without an answer of its own.
    if (this.#paused) this.#look();
    // A client at work learns why from the answer to its next statement; one that is idle does not.
    this.#standing.tick(nowMs);
    const over = this.#standing.over(SESSION.lastStatementMs);
    if (over !== null && this.#inFlight.count === 0) this.#end(null, over);
  }

  /** Ends the session once what is in flight was answered. */
  endAfterFlight(reason: string): void {
    this.#endAfterFlight(null, reason);
  }

  /** Ends the session from outside: `evicted`, `shutdown`. */
  end(reason: string): void {
    this.#end(null, reason);
  }

  memoryLooked(): void {
    this.#look();
  }

  outOfMemory(reason: 'over_budget' | 'unauthenticated'): void {
    this.#cut(reason, MEMORY_TEXTS[reason]);
  }

  #read(chunk: Buffer): void {
    if (this.#state === 'ending' || this.#state === 'closed') return;
    this.#bytesRead += chunk.length;
    this.#inbox.push(chunk);
    this.#run();
  }

  /** The login has a time of its own. */
  #watchFrame(nowMs: MonotonicMs): void {
    const comesInTime = this.#frameWatch.look(nowMs, {
      isMidFrame: this.#state === 'ready' && this.#inbox.isMidFrame,
      framesRead: this.#framesRead,
      bytesRead: this.#bytesRead,
      isPaused: this.#paused,
      isAboveShare: this.#account.isAboveShare,
    });
    if (comesInTime) return;
    this.gate.metrics.counter('memory_closes_total', 'slow_sender').value++;
    this.#end(
      replies.overloaded({ version: this.version, streamId: 0 }, SLOW_SENDER),
      'a request came too slowly',
    );
  }

  /** Handles the frames at hand, as far as the work of this turn goes. */
  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      while (!this.#mustStop()) {
        if (this.#isTurnOver()) {
          this.#putOff();
          return;
        }
        const before = turnWork.done;
        const frame = this.#inbox.next();
        const work = this.#inbox.takeWork();
        if (frame === null) {
          if (work > 0) this.#count(work);
          break;
        }
        this.#framesRead++;
        turnWork.add(work + TURN.frame + frame.byteLength / TURN.bytesPerUnit);
        this.#apply(dispatch(this, frame, this.#state as SessionState), null);
        this.#workDone += turnWork.done - before;
      }
    } catch (error) {
      this.#fault(error);
    } finally {
      this.#running = false;
      if (this.#state !== 'closed') this.#account.setInput(this.#inbox.bufferedBytes);
      this.#look();
    }
  }

  #count(work: number): void {
    turnWork.add(work);
    this.#workDone += work;
  }

  /** Several reads may come in one turn: what is counted is the turn's. */
  #isTurnOver(): boolean {
    if (this.#turn !== turnWork.turn) {
      this.#turn = turnWork.turn;
      this.#workDone = 0;
    }
    return turnWork.isSpent || this.#workDone >= TURN.workPerSession;
  }

  /** Goes on in a later turn, and reads nothing until then. */
  #putOff(): void {
    this.#isPutOff = true;
    inLaterTurn(this.#goOn);
  }

  /** The one place that acts on an outcome. `exchange` is null until one holds this request. */
  #apply(outcome: Outcome, exchange: Exchange | null): void {
    if (exchange !== null && exchange.recordId !== null) {
      const acknowledged = acknowledgement(exchange, outcome);
      if (acknowledged !== null) {
        this.#await(acknowledged, false, exchange);
        return;
      }
    }
    switch (outcome.type) {
      case 'forward':
        this.#forward(outcome.exchange);
        break;
      case 'go on':
        this.#apply(outcome.carryOn(), exchange);
        return;
      case 'reply':
        if (this.#state !== 'closed') this.#outbox.push(outcome.frame);
        if (exchange !== null) this.#release(exchange);
        if (this.#state === 'authenticating') this.#agreed();
        break;
      case 'wait':
        if (outcome.exchange !== null) this.#inFlight.hold(outcome.exchange);
        this.#await(outcome.outcome, outcome.blocking, outcome.exchange);
        return;
      case 'close':
        // One of several that waited when the end came: each is told.
        if (this.#state === 'ending' && outcome.frame !== null) this.#outbox.push(outcome.frame);
        if (exchange !== null) this.#release(exchange);
        this.#endAfterFlight(outcome.frame, outcome.reason);
        return;
    }
    if (!this.#running) this.#look();
  }

  #forward(exchange: Exchange): void {
    this.#inFlight.hold(exchange);
    if (exchange.deadlineAtMs === NEVER) {
      exchange.startedAtMs = turnMonotonicMs();
      exchange.deadlineAtMs = later(exchange.startedAtMs, exchange.timeLimitMs);
    }
    // What follows a USE is read in the keyspace that its answer sets.
    if (exchange.isUse) this.#blocked = true;
    this.#send(exchange);
  }

  #send(exchange: Exchange): void {
    let isSent = false;
    try {
      isSent = exchange.send();
    } catch (error) {
      this.settle(exchange, exchange.notPermitted(error));
      return;
    }
    if (!isSent) this.settle(exchange, exchange.again());
  }

  #await(outcome: Promise<Later>, blocking: boolean, exchange: Exchange | null): void {
    if (blocking) this.#blocked = true;
    const settled = outcome.then(
      (end) => {
        if (blocking) this.#blocked = false;
        this.#settled(end, exchange);
      },
      (error: unknown) => {
        if (blocking) this.#blocked = false;
        if (exchange === null) this.#fault(error);
        else exchange.failed(error);
      },
    );
    unattended('session', settled, () => this.cutOff());
  }

  #settled(outcome: Outcome, exchange: Exchange | null): void {
    try {
      this.#apply(outcome, exchange);
    } catch (error) {
      if (exchange === null) this.#fault(error);
      else exchange.failed(error);
    }
    if (!this.#running) this.#run();
  }

  #release(exchange: Exchange): void {
    // Whatever way it came to its end, the ledger says what became of it.
    if (!exchange.isEnded) recordAbandoned(exchange);
    exchange.preparations?.ticket?.leave();
    if (!this.#inFlight.release(exchange)) return;
    if (exchange.isUse) this.#blocked = false;
    if (this.#inFlight.count === 0 && this.#lastWords !== null) this.#finish();
  }

  #mustStop(): boolean {
    if (this.#blocked || this.#isPutOff || this.#state === 'ending' || this.#state === 'closed')
      return true;
    if (this.#account.isPaused || this.#inFlight.expectsMuch) return true;
    return this.#outbox.isFull || (!this.#throwOnOverload && this.#inFlight.isOverLimit);
  }

  /** Reads on, or stops reading, as limits and waits tell. */
  #look(): void {
    if (this.#state === 'closed' || this.#state === 'ending') return;
    const stop = this.#mustStop();
    if (stop && !this.#paused) {
      this.#paused = true;
      this.#socket.pause();
    } else if (!stop && this.#paused) {
      this.#paused = false;
      this.#socket.resume();
      // Frames that were read before the pause come first.
      setImmediate(this.#runLater);
    }
  }

  /** STARTUP was answered: what it agreed on holds from here, in both directions. */
  #agreed(): void {
    if (!usesSegments(this.version)) {
      this.#outbox.compressBodies(this.#compression);
      return;
    }
    const layout = this.#compression === null ? PLAIN_SEGMENTS : LZ4_SEGMENTS;
    this.#outbox.switchToSegments(layout);
    this.#inbox.switchToSegments(this.version, layout);
  }

  #fault(error: unknown): void {
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

  /** Ends the session once what is in flight has been answered: the error comes last. */
  #endAfterFlight(frame: Buffer | null, reason: string): void {
    if (this.#state === 'closed' || this.#state === 'ending') return;
    this.#state = 'ending';
    this.#closeReason = reason;
    this.#lastWords = { frame };
    if (this.#inFlight.count === 0) this.#finish();
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

  /** Ends it at once: an error of ours left it in a state that nobody knows. */
  cutOff(): void {
    this.#closeReason = 'internal';
    this.#socket.destroy();
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
    if (wasLoggedIn) {
      if (this.#standing.over() !== null) {
        this.gate.metrics.counter('token_expired_closes_total').value++;
      }
      this.gate.activity.flushSession(this);
      const end = { kind: 'session_end', ...this.auditBase(), reason: this.#closeReason } as const;
      this.gate.sessionLog.ended(this.who(), this.#isStartSingle, () => end);
    }
  }
}

const MEMORY_TEXTS = {
  over_budget: 'it held the most above its share while the memory of the gate was short',
  unauthenticated: 'connections without a login held too much together',
} as const;

const SLOW_SENDER =
  'a request began and did not come at 16 KiB/s; send each as a whole, over a faster connection';
