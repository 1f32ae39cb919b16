// One socket to one node: the handshake as one Cassandra role, stream ids, gathered writes, and
// each response handed to the request that asked for it. It knows nothing of sessions or policy,
// but that a client's frame leaves only with a Permit.
import type net from 'node:net';
import {
  later,
  latest,
  LONG_AGO,
  monotonicMs,
  msBetween,
  NEVER,
  type MonotonicMs,
} from '../clock.ts';
import { CqlErrorCode, ProtocolFault } from '../errors.ts';
import { guarded, unattended } from '../guard.ts';
import { TURN } from '../limits/session.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { Permit } from '../policy/decide.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import { Frame, encodeFrame } from '../protocol/frame.ts';
import { FrameViews } from '../protocol/frame-views.ts';
import { FrameDecoder, type OversizedFrame } from '../protocol/frame-decoder.ts';
import { encodeQuery } from '../protocol/messages/query.ts';
import { EVENT_STREAM_ID } from '../protocol/messages/event.ts';
import { decodeSetKeyspace, resultKind, ResultKind } from '../protocol/messages/result.ts';
import { Opcode, opcodeName } from '../protocol/opcodes.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../protocol/segment.ts';
import { SegmentDecoder } from '../protocol/segment-decoder.ts';
import { hasBodyCompression, usesSegments } from '../protocol/versions.ts';
import { Consistency } from '../protocol/consistency.ts';
import { isInState, type WantedKeyspace } from '../cql/connection-state.ts';
import { quoteIfNeeded } from '../cql/quote.ts';
import type { Statement } from '../cql/statement.ts';
import { endsInKeyspace } from '../protocol/request-keyspace.ts';
import {
  flushAfterTurn,
  inLaterTurn,
  turnMonotonicMs,
  turnWork,
  writeTogether,
  type Flushable,
} from '../turn.ts';
import type { Login } from './credentials.ts';
import { dialProblem, showsCertificate, type Dial } from './dial.ts';
import { nameOf } from './node.ts';
import { StreamIds, type UpstreamStreamId } from './stream-ids.ts';
import { PermitFault, UpstreamFault } from './faults.ts';
import { shakeHands } from './handshake.ts';
import { refusalOf } from './own-query.ts';

/** A request in flight, as its connection sees it. */
export interface InFlight {
  /** After this `timedOut` is called. */
  deadlineAtMs: MonotonicMs;
  /** Its answer, if it is plain rows, is passed on unread: large ones may come in parts (`Frame.rest`). */
  readonly takesParts: boolean;
  /** The response. Its stream id is still this connection's. */
  answered(response: Frame, connection: Connection): void;
  /** The connection ended first. `sent` is false when no byte of the request was handed to the socket. */
  lost(sent: boolean, cause: UpstreamFault): void;
  /** The deadline passed; the stream id stays quarantined until the late response. */
  timedOut(): void;
  /** The answer has so many bytes, for which there is no room: it was let go as it came. */
  tooLarge(bytes: number, connection: Connection): void;
  /** One of the above threw: an error of ours, which ends this request and nothing else. Never throws. */
  failed(error: unknown): void;
}

/** A client's request, with all that must be so for it to leave by a connection with its permit. */
export interface ClientRequest extends InFlight {
  readonly statement: Statement;
  /** The state that it was decided in. */
  readonly keyspace: WantedKeyspace;
  /** It names that keyspace itself, which is enough where the node takes it. */
  readonly namesKeyspace: boolean;
  /** It is a USE. */
  readonly isUse: boolean;
  /** Of the policy in force. */
  readonly policyVersion: string;
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly dial: Dial;
  readonly version: number;
  readonly login: Login;
  /** Towards the node, whatever its clients use; null for none. In v5 it is LZ4 or nothing. */
  readonly compression: BodyCompression | null;
  /** For TCP and the login; default: UPSTREAM.connectTimeoutMs. */
  readonly timeoutMs?: number;
  /** What answers that are not whole yet hold is charged here; left out: to nobody. */
  readonly memory?: MemoryBudget | undefined;
  readonly onEvent?: (event: Frame) => void;
  /** Called once, when the connection can't be used any more. */
  readonly onClosed: (connection: Connection, cause: UpstreamFault) => void;
  /**
   * Called when nothing is in flight on it any more, or nothing that reads its keyspace, so that those who wait can be
   * looked at.
   */
  readonly onIdle: (connection: Connection) => void;
  /** The node takes a keyspace that a request names before that of the connection. */
  readonly takesRequestKeyspace?: boolean;
  /** Whether it may be kept in its keyspace by what reads that; left out: it may. */
  readonly mayHold?: (connection: Connection) => boolean;
}

type State = 'opening' | 'ready' | 'closed';

/** Errors by which a node says that it does not do anything now. */
const BUSY: ReadonlySet<number> = new Set([
  CqlErrorCode.OVERLOADED,
  CqlErrorCode.IS_BOOTSTRAPPING,
  CqlErrorCode.SERVER_ERROR,
]);

/** Stands where a timed out request was, until its late response comes. */
const QUARANTINED: InFlight = {
  deadlineAtMs: NEVER,
  takesParts: true,
  answered: () => undefined,
  lost: () => undefined,
  timedOut: () => undefined,
  tooLarge: () => undefined,
  failed: () => undefined,
};

export class Connection implements Flushable {
  readonly node: string;
  readonly version: number;
  readonly #options: ConnectionOptions;
  readonly #socket: net.Socket;
  readonly #streams = new StreamIds(UPSTREAM.streamsPerConnection);
  readonly #slots: (InFlight | null)[] = new Array<InFlight | null>(
    UPSTREAM.streamsPerConnection,
  ).fill(null);
  /** By stream id, 1 where what is in flight there reads the keyspace of the connection. */
  readonly #readsKeyspace = new Uint8Array(UPSTREAM.streamsPerConnection);
  #decoder: FrameDecoder | SegmentDecoder;
  #state: State = 'opening';
  #closeCause: UpstreamFault | null = null;
  #lastReadAtMs = monotonicMs();
  /** When a first request was sent while none was in flight. */
  #busySinceMs = LONG_AGO;
  #heartbeatUnderWay = false;
  /** Of the answer that is not whole yet. */
  #answerBytes = 0;
  /** Frames gathered in this turn, and the stream ids that go with them. */
  readonly #gathered = new FrameViews();
  #sentThisTurn: UpstreamStreamId[] = [];
  #flushPending = false;
  readonly #goOn: () => void;

  /** The keyspace this connection is in, as the node last confirmed it. */
  keyspace: string | null = null;
  /** The keyspace it is being set to; frames that need a keyspace stay away until it is decided. */
  switchingTo: string | null = null;
  /** Set aside to be set to this keyspace once nothing is in flight that reads the one it is in. */
  reservedFor: string | null = null;
  /** Requests in flight that read its keyspace: nodes carry out requests side by side, so no USE goes beside them. */
  readers = 0;
  /** When the last of them ended. */
  readAtMs = LONG_AGO;
  /** A waiter was let in and takes it in this turn (Pool). */
  promised = false;
  idleSinceMs = monotonicMs();
  /** What gives way to others was sent on it since it was last idle (Pool). */
  isLaden = false;
  /** Nothing was heard for a while though something is in flight: others go before it. */
  isSuspect = false;

  private constructor(options: ConnectionOptions, socket: net.Socket) {
    this.#options = options;
    this.#socket = socket;
    this.node = nameOf(options);
    this.version = options.version;
    this.#decoder = new FrameDecoder({
      direction: 'response',
      version: options.version,
      maxFrameBytes: UPSTREAM.responseFrameBytes,
      partsFromBytes: UPSTREAM.partsFromBytes,
    });
    // A node compresses the answer to STARTUP already.
    if (hasBodyCompression(options.version)) this.#decoder.compression = options.compression;
    const end = (): void => this.flushFailed();
    const goOn = (): void => {
      if (this.#state === 'closed') return;
      socket.resume();
      this.#handOut();
    };
    this.#goOn = guarded('connection', goOn, end);
    const failed = (error: NodeJS.ErrnoException): void => {
      this.#ended(error.code === 'ECONNRESET' ? this.#closedText() : dialProblem(error));
    };
    const closed = (): void => this.#ended(this.#closedText());
    socket.on(
      'data',
      guarded('connection', (chunk: Buffer) => this.#read(chunk), end),
    );
    socket.on('error', guarded('connection', failed, end));
    socket.on('close', guarded('connection', closed, end));
  }

  /** Connects and logs in. Rejects with an UpstreamFault that says what failed. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { host, port, login, timeoutMs = UPSTREAM.connectTimeoutMs } = options;
    const socket = options.dial(host, port, login.open ? undefined : login.certificate);
    const connection = new Connection(options, socket);
    const late = (): void =>
      connection.destroy(
        new UpstreamFault('unreachable', `${connection.node} did not answer the login in time`),
      );
    const timer = setTimeout(guarded('connection', late), timeoutMs);
    try {
      await shakeHands({
        node: connection.node,
        login,
        request: async (opcode, body) => connection.request(opcode, body, timeoutMs),
        compression: options.compression,
        showedCertificate: showsCertificate(socket),
        agreed: () => connection.#agreed(),
      });
      connection.#state = 'ready';
      return connection;
    } catch (error) {
      connection.destroy(
        error instanceof UpstreamFault
          ? error
          : new UpstreamFault('unreachable', `${connection.node}: ${String(error)}`),
      );
      throw connection.#closeCause ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nothing more comes, so what its node answered is not put off any longer: those who asked would never know. */
  #ended(problem: string): void {
    if (this.#state !== 'closed') this.#handOut(Infinity);
    this.destroy(new UpstreamFault('unreachable', `${this.node} ${problem}`));
  }

  #closedText(): string {
    if (this.#state !== 'opening') return 'closed the connection';
    return 'closed the connection before the login; if it speaks TLS only, set cluster.tls';
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Requests in flight, quarantined ids included: a silent node is not a free one. */
  get inFlight(): number {
    return this.#streams.taken;
  }

  /** How much it has to do, to be compared with others; a silent node is the last to be chosen. */
  get load(): number {
    return this.isSuspect
      ? this.#streams.taken + UPSTREAM.streamsPerConnection
      : this.#streams.taken;
  }

  /** Something is to be written at the end of this turn, and it is no node to be spared. */
  get isGathering(): boolean {
    return this.#flushPending && !this.isSuspect;
  }

  get hasRoom(): boolean {
    return this.#streams.available > 0 && this.#state === 'ready';
  }

  /** More than what is kept for those who have little in flight. */
  get hasMuchRoom(): boolean {
    return this.#streams.available > UPSTREAM.streamsKeptFree && this.#state === 'ready';
  }

  /** Whether what is sent now is carried out in that state: a USE before it might change it. */
  isIn(wanted: WantedKeyspace): boolean {
    if (wanted === null) return true;
    return this.switchingTo === null && isInState(this.keyspace, wanted);
  }

  /** Whether a request may go as it is to be carried out in this keyspace; otherwise it is made to name it. */
  carries(keyspace: WantedKeyspace): boolean {
    if (!this.isIn(keyspace) || this.reservedFor !== null) return false;
    return this.readers > 0 || (this.#options.mayHold?.(this) ?? true);
  }

  /** It is being set to another keyspace, or will be. */
  get isChanging(): boolean {
    return this.switchingTo !== null || this.reservedFor !== null;
  }

  /** Its state is read by what is in flight, or about to change. */
  get isHeld(): boolean {
    return this.readers > 0 || this.switchingTo !== null;
  }

  /**
   * Sends a client's frame. The stream id is patched in place and the bytes go out as they are.
   * Returns false when no stream id is free or the connection is gone; nothing has left then. Throws PermitFault
   * where the permit is not of this login, this statement and the policy in force: whoever chose the connection
   * is not believed.
   */
  forward(permit: Permit, request: ClientRequest, frame: Frame): boolean {
    this.#check(permit, request, frame);
    if (this.#state !== 'ready') return false;
    return this.#enqueue(request, frame, this.#isRead(request, frame));
  }

  /**
   * Sends a request frame again whose first bytes were handed to a socket before: those are never
   * patched again, so a fresh header goes before the same body view.
   */
  repeat(permit: Permit, request: ClientRequest, frame: Frame): boolean {
    this.#check(permit, request, frame);
    if (this.#state !== 'ready') return false;
    const id = this.#take(this.#isRead(request, frame));
    if (id === -1) return false;
    const header = Buffer.from(frame.buffer.subarray(frame.start, frame.bodyStart));
    header.writeInt16BE(id, 2);
    this.#slots[id] = request;
    this.#sentThisTurn.push(id);
    const body = frame.buffer.subarray(frame.bodyStart, frame.end);
    // Segments and compressed bodies are made of whole frames; else the two need not lie together.
    if (this.#gathered.segments !== null || this.#gathered.compression !== null) {
      this.#gathered.push(Buffer.concat([header, body]));
    } else {
      this.#gathered.push(header);
      this.#gathered.push(body);
    }
    this.#scheduleFlush();
    return true;
  }

  /**
   * A request of the gate's own: control queries, re-prepares, keyspaces. Never a client's bytes. `reads` says that
   * it is carried out in the keyspace of the connection.
   */
  async request(
    opcode: number,
    body: Buffer | null,
    timeoutMs: number,
    reads = false,
  ): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const frame = ownFrame(this.version, opcode, body);
      const own: InFlight = {
        deadlineAtMs: later(monotonicMs(), timeoutMs),
        takesParts: false,
        answered: resolve,
        failed: reject,
        tooLarge: (bytes) =>
          reject(new UpstreamFault('busy', `an answer of ${bytes} bytes has no room here`)),
        lost: (_sent, cause) => reject(cause),
        timedOut: () =>
          reject(
            new UpstreamFault('timeout', `${this.node} did not answer within ${timeoutMs} ms`),
          ),
      };
      if (this.#state === 'closed' || !this.#enqueue(own, frame, reads)) {
        reject(this.#closeCause ?? new UpstreamFault('busy', `${this.node} has no free stream`));
      }
    });
  }

  /** Sets the keyspace of an idle connection. Rejects with the node's own refusal. */
  async use(keyspace: string): Promise<void> {
    this.switchingTo = keyspace;
    const query = `USE ${quoteIfNeeded(keyspace)}`;
    const { version } = this;
    let response: Frame;
    try {
      response = await this.request(
        Opcode.QUERY,
        encodeQuery({ query, consistency: Consistency.ONE, version }),
        UPSTREAM.useTimeoutMs,
        true,
      );
    } catch (error) {
      this.abandonKeyspace();
      throw error;
    }
    this.settleKeyspace(response);
    const refusal = refusalOf(response);
    if (refusal !== null) {
      // A node that has no time for it says nothing of the keyspace.
      const isBusy = BUSY.has(refusal.code);
      throw new UpstreamFault(isBusy ? 'busy' : 'keyspace', refusal.message);
    }
    if (this.keyspace !== keyspace) {
      throw new UpstreamFault('keyspace', 'the node did not confirm the keyspace');
    }
  }

  /**
   * A USE went unanswered: its late answer would move the connection to another keyspace behind
   * everybody's back, and unqualified statements with it. So the connection ends.
   */
  abandonKeyspace(problem = 'did not answer a USE'): void {
    this.destroy(new UpstreamFault('timeout', `${this.node} ${problem}`));
  }

  /**
   * Takes the keyspace from the answer to a USE; an error leaves it as it was. After any other answer, or
   * one that cannot be read, nobody knows which keyspace the connection is in: it ends, and this throws.
   */
  settleKeyspace(response: Frame): void {
    this.switchingTo = null;
    if (response.opcode === Opcode.ERROR) return;
    try {
      this.keyspace = setKeyspaceOf(response);
    } catch (error) {
      this.abandonKeyspace('answered a USE with what is no answer to it');
      throw error;
    }
  }

  /** Looks at deadlines and for signs of life; called a few times a second. */
  tick(nowMs: MonotonicMs): void {
    if (this.#state !== 'ready') return;
    if (this.#streams.taken > 0) this.#expire(nowMs);
    if (this.#streams.quarantined > UPSTREAM.quarantinedStreams) {
      this.destroy(new UpstreamFault('timeout', `${this.node} left too many requests unanswered`));
      return;
    }
    const isWaiting = this.#streams.taken > 0;
    const silentMs = this.silentMs(nowMs);
    this.isSuspect = isWaiting && silentMs > UPSTREAM.suspectAfterMs;
    if (silentMs > (isWaiting ? UPSTREAM.probeAfterMs : UPSTREAM.heartbeatIdleMs)) this.probe();
  }

  /** Since it was last heard, or first asked for something after that. */
  silentMs(nowMs: MonotonicMs): number {
    return msBetween(latest(this.#lastReadAtMs, this.#busySinceMs), nowMs);
  }

  /** Asks for a sign of life: a hung node keeps its sockets open, and so does a network that drops packets. */
  probe(): void {
    // Without a free stream nothing can be asked; deadlines tell then whether it answers.
    if (!this.hasRoom || this.#heartbeatUnderWay) return;
    this.#heartbeatUnderWay = true;
    const probed = this.request(Opcode.OPTIONS, null, UPSTREAM.probeTimeoutMs).then(
      (answer) => {
        this.#heartbeatUnderWay = false;
        // A node that is overloaded refuses even this, and lives.
        if (answer.opcode === Opcode.SUPPORTED || answer.opcode === Opcode.ERROR) return;
        this.destroy(
          new UpstreamFault('protocol', `${this.node} answered OPTIONS with another message`),
        );
      },
      () => this.destroy(new UpstreamFault('timeout', `${this.node} gives no sign of life`)),
    );
    unattended('connection', probed, () => this.flushFailed());
  }

  /** Ends the connection and tells every request in flight. Safe to call twice. */
  destroy(cause: UpstreamFault): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closeCause = cause;
    const unsent = new Set<number>(this.#sentThisTurn);
    this.#sentThisTurn = [];
    this.#gathered.takeViews();
    this.#charge(0);
    this.#socket.destroy();
    for (let id = 0; id < this.#slots.length; id++) {
      const request = this.#slots[id] ?? null;
      if (request === null) continue;
      this.#slots[id] = null;
      try {
        request.lost(!unsent.has(id), cause);
      } catch (error) {
        request.failed(error);
      }
    }
    this.#options.onClosed(this, cause);
  }

  /** Writes what was gathered in this turn: one write for all of it. */
  flush(): void {
    this.#flushPending = false;
    this.#sentThisTurn = [];
    const views = this.#gathered.take();
    if (this.#state !== 'closed') writeTogether(this.#socket, views);
  }

  #check(permit: Permit, request: ClientRequest, frame: Frame): void {
    if (permit.cassandraRole !== this.#options.login.name) {
      throw new PermitFault(
        'the permit is for another Cassandra role than the connection is logged in as',
      );
    }
    if (permit.statement !== request.statement) {
      throw new PermitFault('the permit is for another statement');
    }
    if (permit.policyVersion !== request.policyVersion) {
      throw new PermitFault('the permit is of another policy than the one in force');
    }
    if (!this.isIn(request.keyspace) && !this.#isNamed(request, frame)) {
      throw new PermitFault(
        'the connection is in another keyspace than the statement was decided in',
      );
    }
  }

  /** By the bytes that are to leave: what a request says of itself may be said of another frame. */
  #isNamed({ namesKeyspace, keyspace }: ClientRequest, frame: Frame): boolean {
    if (!namesKeyspace || this.#options.takesRequestKeyspace !== true) return false;
    return typeof keyspace === 'string' && endsInKeyspace(frame, keyspace);
  }

  /** Whether the keyspace of the connection must stay as it is until the answer. */
  #isRead(request: ClientRequest, frame: Frame): boolean {
    if (request.keyspace === null) return request.isUse;
    return !this.#isNamed(request, frame);
  }

  flushFailed(): void {
    this.destroy(new UpstreamFault('protocol', `${this.node}: an internal error of cqlgate`));
  }

  #enqueue(request: InFlight, frame: Frame, reads: boolean): boolean {
    const id = this.#take(reads);
    if (id === -1) return false;
    frame.setStreamId(id);
    this.#slots[id] = request;
    this.#sentThisTurn.push(id);
    this.#gathered.pushFrame(frame);
    this.#scheduleFlush();
    return true;
  }

  #take(reads: boolean): UpstreamStreamId | -1 {
    if (this.#streams.taken === 0) this.#busySinceMs = turnMonotonicMs();
    const id = this.#streams.take();
    if (reads && id !== -1) {
      this.#readsKeyspace[id] = 1;
      this.readers++;
    }
    return id;
  }

  #scheduleFlush(): void {
    if (this.#flushPending) return;
    this.#flushPending = true;
    flushAfterTurn(this);
  }

  #read(chunk: Buffer): void {
    this.#lastReadAtMs = turnMonotonicMs();
    this.#decoder.push(chunk);
    const { memory } = this.#options;
    if (memory !== undefined) {
      // What was begun has its room already.
      const roomBytes = memory.answerRoomBytes + this.#answerBytes;
      this.#decoder.maxFrameBytes = Math.min(UPSTREAM.responseFrameBytes, roomBytes);
    }
    this.#handOut();
  }

  /**
   * Hands out the answers at hand. Most cost nothing beside what their requests were charged; where what they tell
   * is learned, the rest waits for its turn, and nothing is read until then.
   */
  #handOut(mostWork: number = TURN.workPerSession): void {
    const before = turnWork.done;
    try {
      for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
        this.#dispatch(frame);
        if (turnWork.done - before < mostWork || this.#state === 'closed') continue;
        this.#socket.pause();
        inLaterTurn(this.#goOn);
        break;
      }
      this.#charge(this.#state === 'closed' ? 0 : this.#decoder.reservedBytes);
    } catch (error) {
      // Where the next frame begins, or whose an answer is, is not known any more.
      const text = error instanceof Error ? error.message : String(error);
      this.destroy(new UpstreamFault('protocol', `${this.node} sent a malformed frame: ${text}`));
    }
  }

  #charge(bytes: number): void {
    if (bytes === this.#answerBytes) return;
    this.#options.memory?.answers.add(bytes - this.#answerBytes);
    this.#answerBytes = bytes;
  }

  #dispatch(frame: Frame | OversizedFrame): void {
    const id = frame.streamId;
    if (id < 0) {
      if (id !== EVENT_STREAM_ID || frame.opcode !== Opcode.EVENT || !(frame instanceof Frame)) {
        throw new ProtocolFault(`a ${opcodeName(frame.opcode)} came on stream ${id}`, id);
      }
      this.#options.onEvent?.(frame);
      return;
    }
    const request = this.#slots[id] ?? null;
    // A response nobody asked for: what else this node mixes up can't be known.
    if (request === null) throw new ProtocolFault(`no request waits on stream ${id}`, id);
    this.#slots[id] = null;
    // With its type, or the compiler would take it for the answer to every later question.
    const wasHeld: boolean = this.isHeld;
    if (this.#readsKeyspace[id] === 1) {
      this.#readsKeyspace[id] = 0;
      if (--this.readers === 0) this.readAtMs = this.#lastReadAtMs;
    }
    if (request === QUARANTINED) this.#streams.giveQuarantined(id as UpstreamStreamId);
    else {
      this.#streams.give(id as UpstreamStreamId);
      this.#answer(request, frame);
    }
    if (this.#streams.taken === 0) {
      this.isLaden = false;
      // A heartbeat is no work: else nothing that is idle would ever be closed as that.
      if (!this.#heartbeatUnderWay) this.idleSinceMs = this.#lastReadAtMs;
      this.#options.onIdle(this);
    } else if (wasHeld && !this.isHeld) this.#options.onIdle(this);
  }

  /** What goes wrong with one answer ends that request; the frames around it are whole. */
  #answer(request: InFlight, frame: Frame | OversizedFrame): void {
    try {
      if (!(frame instanceof Frame)) {
        request.tooLarge(frame.byteLength, this);
        return;
      }
      request.answered(request.takesParts ? frame : frame.whole(), this);
    } catch (error) {
      request.failed(error);
    }
  }

  #expire(nowMs: MonotonicMs): void {
    for (let id = 0; id < this.#slots.length; id++) {
      const request = this.#slots[id] ?? null;
      if (request === null || request.deadlineAtMs > nowMs) continue;
      this.#slots[id] = QUARANTINED;
      this.#streams.quarantine();
      try {
        request.timedOut();
      } catch (error) {
        request.failed(error);
      }
    }
  }

  /** STARTUP was answered: what it agreed on holds from here, in both directions. */
  #agreed(): void {
    const { compression } = this.#options;
    const decoder = this.#decoder as FrameDecoder;
    if (!usesSegments(this.version)) {
      this.#gathered.compression = compression;
      return;
    }
    const rest = decoder.takeRest();
    const layout = compression === null ? PLAIN_SEGMENTS : LZ4_SEGMENTS;
    this.#decoder = new SegmentDecoder({
      direction: 'response',
      version: this.version,
      maxFrameBytes: UPSTREAM.responseFrameBytes,
      layout,
    });
    this.#decoder.allowMultiSegment = true;
    this.#gathered.segments = layout;
    if (rest !== null) this.#read(rest);
  }
}

function setKeyspaceOf(response: Frame): string {
  if (response.opcode === Opcode.RESULT && resultKind(response) === ResultKind.SET_KEYSPACE) {
    return decodeSetKeyspace(response);
  }
  throw new ProtocolFault('a USE was answered with another message');
}

function ownFrame(version: number, opcode: number, body: Buffer | null): Frame {
  const bytes = encodeFrame({ version, opcode, streamId: 0, body });
  return new Frame(bytes, 0, bytes.length);
}
