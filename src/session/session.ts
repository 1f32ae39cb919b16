// One client connection from accept to close: the state that it is in, and its parts, of which each does one thing.
// session-view.ts says what is known of it, frame-reader.ts reads frames, handled-frames.ts has them handled,
// session-requests.ts carries requests out, outbox.ts writes answers, and session-end.ts ends it.
import type net from 'node:net';
import { monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { ProtocolFault, type AuthFault } from '../errors.ts';
import type { AdmissionSlot } from '../identity/admission.ts';
import { guarded } from '../guard.ts';
import { SESSION } from '../limits/session.ts';
import type { AccountOwner, SessionAccount } from '../memory/budget.ts';
import type { Authority } from '../policy/policy.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import { UnsupportedVersionFault, type OversizedFrame } from '../protocol/frame-decoder.ts';
import type { EventType, SchemaChange } from '../protocol/messages/event.ts';
import type { SessionState } from '../protocol/opcodes.ts';
import { segmentLayoutOf } from '../protocol/segment.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import { ClientEvents } from './client-events.ts';
import { dispatch, type DispatchSession } from './dispatch.ts';
import type { Exchange } from './exchange.ts';
import { FrameReader, type FrameReaderOwner } from './frame-reader.ts';
import type { Gate } from './gate.ts';
import { HandledFrames, type HandlingSession } from './handled-frames.ts';
import { Inbox } from './inbox.ts';
import { reportFault } from './internal-fault.ts';
import { InFlightRequests, type BufferCharge } from './in-flight.ts';
import { recordFailedLogin, recordLogin } from './login-records.ts';
import type { Outcome } from './outcome.ts';
import { Outbox } from './outbox.ts';
import { replies } from './replies.ts';
import { Request } from './request.ts';
import { SessionEnd } from './session-end.ts';
import { SessionRequests, type RequestsOwner } from './session-requests.ts';
import type { ClientAddress } from './transport.ts';
import { SessionView } from './session-view.ts';

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

export class Session
  extends SessionView
  implements AccountOwner, DispatchSession, FrameReaderOwner, HandlingSession, RequestsOwner
{
  readonly plaintextProblem: string | null;
  readonly #slot: AdmissionSlot;
  readonly #onClosed: (session: Session) => void;
  readonly #openedAtMs = monotonicMs();
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #account: SessionAccount;
  readonly #inFlight: InFlightRequests;
  readonly #requests: SessionRequests;
  readonly #reader: FrameReader;
  readonly #handled = new HandledFrames(this);
  readonly #events = new ClientEvents(this);
  readonly #end: SessionEnd;
  #state: SessionState = 'startup';
  #throwOnOverload = false;
  #compression: BodyCompression | null = null;
  /** Its beginning has a record of its own. */
  #isStartSingle = false;

  /** Why a login by OAUTHBEARER failed, between its challenge and the client's last word. */
  refusal: AuthFault | null = null;

  constructor({ gate, socket, client, slot, plaintextProblem, onClosed }: SessionOptions) {
    super(gate, socket, client);
    this.#slot = slot;
    this.#onClosed = onClosed;
    this.plaintextProblem = plaintextProblem;
    this.#account = gate.memory.open(this);
    this.#inFlight = new InFlightRequests(gate.memory, this.#account, gate.limits);
    this.#inbox = new Inbox(gate.limits);
    this.#outbox = new Outbox(socket, this.#account, {
      full: () => this.pauseOrResume(),
      drained: () => this.pauseOrResume(),
      stuck: (reason) => this.#cut('slow_reader', reason),
      failed: () => this.cutOff(),
    });
    this.#end = new SessionEnd(this, {
      socket,
      account: this.#account,
      inbox: this.#inbox,
      outbox: this.#outbox,
      inFlight: this.#inFlight,
    });
    this.#requests = new SessionRequests(this, this.#inFlight, this.#outbox);
    this.#reader = new FrameReader(socket, this.#inbox, this.#account, this);
    socket.on('error', () => undefined);
    socket.on(
      'close',
      guarded('session', () => this.#closed()),
    );
  }

  get isEnding(): boolean {
    return this.isOver && !this.isClosed;
  }

  get hasMuchInFlight(): boolean {
    return this.#inFlight.isMuch;
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
    if (this.#handled.isWaiting || this.#requests.isBlocking) return true;
    if (this.#inFlight.expectsMuch || this.#outbox.isFull) return true;
    return !this.#throwOnOverload && this.#inFlight.isOverLimit;
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
    this.introduced(version, options);
    this.#state = 'authenticating';
    this.#throwOnOverload = options.get('THROW_ON_OVERLOAD') === '1';
    this.#inbox.started(version, compression);
    this.#compression = compression;
  }

  /** `facts` are given where the login itself needed them. */
  loggedIn(authority: Authority, facts: VcsFacts | null): void {
    // The client may have gone while its token was checked.
    if (this.isOver || this.#state !== 'authenticating') return;
    this.identity.loggedIn(authority, facts);
    this.#account.loggedIn(authority.role.name);
    this.#inFlight.loggedIn(this.gate.roleLoads.of(authority.role.name));
    this.#slot.succeeded();
    this.#state = 'ready';
    this.#inbox.loggedIn();
    // The connections that its requests go by are opened while its driver still asks about the cluster.
    this.gate.cluster.route(authority.role.cassandraRole, this.version);
    const { client } = this.identity;
    this.#isStartSingle = recordLogin(this, this.gate, authority, client);
  }

  loginFailed(reason: AuthFault['reason']): void {
    recordFailedLogin(this.id, this.gate, this.source, this.identity.client, reason);
  }

  /** How long the answer to a failed login waits: longer the more often this source failed. */
  failureDelayMs(): number {
    return this.#slot.failed();
  }

  register(events: readonly EventType[]): void {
    this.#events.register(events);
  }

  /** Passes a schema change on, if this client asked for them and may see the keyspace. */
  schemaChanged(change: SchemaChange): void {
    this.#tell(this.#isReady ? this.#events.schemaChanged(change) : null);
  }

  /** Tells a client that asked for such events that this gate goes, so that its driver uses the siblings. */
  goesDown(): void {
    this.#tell(this.#isReady ? this.#events.gateGoesDown() : null);
  }

  /** Called now and then: the time for the login, slow clients, expiry. */
  tick(nowMs: MonotonicMs): void {
    if (this.isClosed) return;
    this.#outbox.tick(nowMs);
    // The login has a time of its own.
    if (!this.#reader.comesInTime(nowMs, this.#isReady)) this.#endSlowSender();
    if (this.isOver) return;
    if (this.#state !== 'ready') {
      const openMs = msBetween(this.#openedAtMs, nowMs);
      if (!this.#handled.isWaiting && openMs > this.gate.limits.handshakeTimeoutMs) {
        this.#endSlowLogin();
      }
      return;
    }
    // What its role waits for may have become less without an answer of its own.
    if (this.#reader.isPaused) this.pauseOrResume();
    // A client at work learns why from the answer to its next statement; one that is idle does not.
    this.identity.tick(nowMs);
    const over = this.identity.over(SESSION.lastStatementMs);
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
    const handled = dispatch(this, frame, this.#state);
    // A statement is by far the most frequent, and takes the shortest way.
    if (handled instanceof Request) this.#requests.begin(handled);
    else this.#handled.apply(handled);
  }

  handleFault(error: unknown): void {
    if (error instanceof UnsupportedVersionFault) {
      this.#end.now(error.reply, 'unsupported protocol version');
      return;
    }
    const to = { version: this.version, streamId: 0 };
    if (error instanceof ProtocolFault) {
      this.gate.metrics.counter('protocol_errors_total').value++;
      const frame = replies.protocolError({ ...to, streamId: error.streamId }, error.message);
      this.#end.now(frame, 'protocol error');
      return;
    }
    reportFault(this.gate, 'session', error, { session: this.id });
    this.#end.now(
      replies.serverError(to, 'an internal fault of cqlgate; the session ends'),
      'internal',
    );
  }

  allAnswered(): void {
    this.#end.allAnswered();
  }

  begin(request: Request): void {
    this.#requests.begin(request);
  }

  /** STARTUP is the first that is answered in its state: what it agreed on holds from then on. */
  reply(frame: Buffer): void {
    if (!this.isClosed) this.#outbox.push(frame);
    if (!this.isOver && this.#state === 'authenticating') this.#agreed();
    this.pauseOrResume();
  }

  close(frame: Buffer | null, reason: string): void {
    if (this.isEnding && frame !== null) this.#outbox.push(frame);
    this.endAfterFlight(frame, reason);
  }

  /** Ends the session once what is in flight has been answered: the frame comes last. */
  endAfterFlight(frame: Buffer | null, reason: string): void {
    this.#end.afterFlight(frame, reason);
  }

  /** Ends the session from outside: `evicted`, `shutdown`. */
  end(reason: string): void {
    this.#end.now(null, reason);
  }

  /** Ends it at once: an error of ours left it in a state that nobody knows. */
  cutOff(): void {
    this.#end.cutOff('internal');
  }

  /** Answers and events are for who is logged in, and not about to end. */
  get #isReady(): boolean {
    return this.#state === 'ready' && !this.isOver;
  }

  #tell(event: Buffer | null): void {
    if (event !== null) this.#outbox.push(event);
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
    this.#end.now(replies.authError(to, text), 'handshake timeout');
  }

  #endSlowSender(): void {
    this.gate.metrics.counter('memory_closes_total', 'slow_sender').value++;
    const to = { version: this.version, streamId: 0 };
    this.#end.now(replies.overloaded(to, SLOW_SENDER), 'a request came too slowly');
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
    this.#end.cutOff(text);
  }

  #closed(): void {
    if (!this.#end.closed()) return;
    this.#slot.release();
    // First: whatever goes wrong with the rest, it is not kept.
    this.#onClosed(this);
    if (!this.identity.isLoggedIn) return;
    if (this.identity.over() !== null) {
      this.gate.metrics.counter('token_expired_closes_total').value++;
    }
    this.gate.activity.flushSession(this);
    const end = { kind: 'session_end', ...this.auditBase(), reason: this.#end.reason } as const;
    this.gate.sessionLog.ended(this.who(), this.#isStartSingle, () => end);
  }
}

const MEMORY_TEXTS = {
  over_budget: 'it held the most above its share while the memory of the gate was short',
  unauthenticated: 'connections without a login held too much together',
} as const;

const SLOW_SENDER =
  'a request began and did not come at 16 KiB/s; send each as a whole, over a faster connection';
