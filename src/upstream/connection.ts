// One socket to one node: its login as one Cassandra role, stream ids, gathered writes, and each response handed to the
// request that asked for it. It knows nothing of sessions, and of the policy only that a client's frame leaves with a
// Permit for just that.
import type net from 'node:net';
import type { MonotonicMs } from '../clock.ts';
import type { WantedKeyspace } from '../cql/connection-state.ts';
import { ProtocolFault } from '../errors.ts';
import { guarded } from '../guard.ts';
import { TURN } from '../limits/session.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { Permit } from '../policy/decide.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import { Frame } from '../protocol/frame.ts';
import type { OversizedFrame } from '../protocol/frame-decoder.ts';
import { FrameViews } from '../protocol/frame-views.ts';
import { EVENT_STREAM_ID } from '../protocol/messages/event.ts';
import { Opcode, opcodeName } from '../protocol/opcodes.ts';
import { segmentLayoutOf } from '../protocol/segment.ts';
import {
  flushAfterTurn,
  inLaterTurn,
  turnMonotonicMs,
  turnWork,
  writeTogether,
  type Flushable,
} from '../turn.ts';
import { AnswerDecoder } from './answer-decoder.ts';
import { ConnectionKeyspace } from './connection-keyspace.ts';
import type { Login } from './credentials.ts';
import { dialProblem, showsCertificate, type Dial } from './dial.ts';
import { asFault, UpstreamFault } from './faults.ts';
import { shakeHands } from './handshake.ts';
import type { ClientRequest, InFlight } from './in-flight-request.ts';
import { Liveness } from './liveness.ts';
import { endpointText } from '../protocol/inet.ts';
import { OwnRequest, ownFrame } from './own-request.ts';
import { checkPermit } from './permit-check.ts';
import type { UpstreamStreamId } from './stream-ids.ts';
import { Streams } from './streams.ts';

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly dial: Dial;
  readonly version: number;
  readonly login: Login;
  /** Towards the node, whatever its clients use; null for none. In v5 it is LZ4 or nothing. */
  readonly compression: BodyCompression | null;
  /** For TCP and the login; UPSTREAM.connectTimeoutMs where it is left out. */
  readonly timeoutMs?: number;
  /** Charged with what answers hold that are not whole yet; left out: nobody is charged. */
  readonly memory?: MemoryBudget | undefined;
  readonly onEvent?: (event: Frame) => void;
  /** Called once, when the connection can't be used any more. */
  readonly onClosed: (connection: Connection, cause: UpstreamFault) => void;
  /** Nothing is in flight on it any more, or nothing that reads its keyspace: it may serve somebody who waits. */
  readonly onIdle: (connection: Connection) => void;
  /** The node takes a keyspace that a request names before that of the connection. */
  readonly takesRequestKeyspace?: boolean;
  /** Whether requests that read its keyspace may keep it in that; left out: they may. */
  readonly mayKeepKeyspace?: (connection: Connection) => boolean;
}

type State = 'opening' | 'ready' | 'closed';

export class Connection implements Flushable {
  readonly node: string;
  readonly version: number;
  readonly cassandraRole: string;
  readonly takesRequestKeyspace: boolean;
  readonly #options: ConnectionOptions;
  readonly #socket: net.Socket;
  readonly #streams: Streams;
  readonly #answers: AnswerDecoder;
  #state: State = 'opening';
  #closeCause: UpstreamFault | null = null;
  /** Frames gathered in this turn, and the stream ids that go with them. */
  readonly #gathered = new FrameViews();
  #sentThisTurn: UpstreamStreamId[] = [];
  #flushPending = false;
  readonly #goOn: () => void;

  readonly keyspaceState: ConnectionKeyspace;
  readonly liveness = new Liveness(this);
  /** Something that gives way to others was sent on it since it was idle last (Pool). */
  isLaden = false;

  private constructor(options: ConnectionOptions, socket: net.Socket) {
    this.#options = options;
    this.#socket = socket;
    this.node = endpointText(options);
    this.version = options.version;
    this.cassandraRole = options.login.name;
    this.takesRequestKeyspace = options.takesRequestKeyspace ?? false;
    this.keyspaceState = new ConnectionKeyspace((problem) =>
      this.destroy(new UpstreamFault('timeout', `${this.node} ${problem}`)),
    );
    this.#streams = new Streams(this.keyspaceState);
    this.#answers = new AnswerDecoder(options);
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
      connection.destroy(asFault(error));
      throw connection.#closeCause ?? error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nothing more comes. What the node did answer is handed out at once, or those who asked would never know. */
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

  get quarantined(): number {
    return this.#streams.quarantined;
  }

  get isSuspect(): boolean {
    return this.liveness.isSuspect;
  }

  /** How much it has to do, to be compared with others; a silent node is the last to be chosen. */
  get load(): number {
    return this.liveness.isSuspect
      ? this.#streams.taken + UPSTREAM.streamsPerConnection
      : this.#streams.taken;
  }

  /** It will be written to at the end of this turn anyway, and is not suspect. */
  get isGathering(): boolean {
    return this.#flushPending && !this.liveness.isSuspect;
  }

  get hasRoom(): boolean {
    return this.#streams.available > 0 && this.#state === 'ready';
  }

  /** More than what is kept for those who have little in flight. */
  get hasMuchRoom(): boolean {
    return this.#streams.available > UPSTREAM.streamsKeptFree && this.#state === 'ready';
  }

  /** The keyspace that it is in, as the node confirmed it last; null for none. */
  get keyspace(): string | null {
    return this.keyspaceState.current;
  }

  /** Whether a request that is sent now is carried out in that keyspace. */
  isIn(wanted: WantedKeyspace): boolean {
    return this.keyspaceState.isIn(wanted);
  }

  /** Whether a request may leave as it is to be carried out in this keyspace; otherwise it is made to name it. */
  carries(keyspace: WantedKeyspace): boolean {
    const state = this.keyspaceState;
    if (state.isChanging || !state.isIn(keyspace)) return false;
    return state.readers > 0 || (this.#options.mayKeepKeyspace?.(this) ?? true);
  }

  /**
   * Sends a client's frame: its stream id is patched in place, and the bytes leave as they are. Returns false where no
   * stream id is free or the connection is gone; nothing has left then. Throws PermitFault (permit-check.ts).
   */
  forward(permit: Permit, request: ClientRequest, frame: Frame): boolean {
    if (this.#state !== 'ready') return false;
    return this.#enqueue(request, frame, checkPermit(permit, request, frame, this));
  }

  /**
   * Sends a frame again whose bytes were handed to a socket before. Those are never patched again, so a fresh header
   * goes before the same body.
   */
  repeat(permit: Permit, request: ClientRequest, frame: Frame): boolean {
    if (this.#state !== 'ready') return false;
    const id = this.#take(request, checkPermit(permit, request, frame, this));
    if (id === -1) return false;
    const header = Buffer.from(frame.buffer.subarray(frame.start, frame.bodyStart));
    header.writeInt16BE(id, 2);
    const body = frame.buffer.subarray(frame.bodyStart, frame.end);
    // Segments and compressed bodies are made of whole frames; otherwise the two need not lie together.
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
   * A request of the gate's own, never a client's bytes. `reads` says that it is carried out in the keyspace of the
   * connection.
   */
  async request(
    opcode: number,
    body: Buffer | null,
    timeoutMs: number,
    reads = false,
  ): Promise<Frame> {
    return new Promise((resolve, reject) => {
      const own = new OwnRequest(this.node, timeoutMs, resolve, reject);
      const frame = ownFrame(this.version, opcode, body);
      if (this.#state === 'closed' || !this.#enqueue(own, frame, reads)) {
        reject(this.#closeCause ?? new UpstreamFault('busy', `${this.node} has no free stream`));
      }
    });
  }

  /** Looks at deadlines and for signs of life; called a few times a second. */
  tick(nowMs: MonotonicMs): void {
    if (this.#state !== 'ready') return;
    this.#streams.expire(nowMs);
    this.liveness.tick(nowMs);
  }

  /** Ends the connection and tells every request in flight. Safe to call twice. */
  destroy(cause: UpstreamFault): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closeCause = cause;
    this.keyspaceState.end();
    const unsent = this.#sentThisTurn;
    this.#sentThisTurn = [];
    this.#gathered.takeViews();
    this.#answers.release();
    this.#socket.destroy();
    this.#streams.loseAll(unsent, cause);
    this.#options.onClosed(this, cause);
  }

  /** Writes what was gathered in this turn: one write for all of it. */
  flush(): void {
    this.#flushPending = false;
    this.#sentThisTurn = [];
    const views = this.#gathered.take();
    if (this.#state !== 'closed') writeTogether(this.#socket, views);
  }

  flushFailed(): void {
    this.destroy(new UpstreamFault('protocol', `${this.node}: an internal error of cqlgate`));
  }

  #enqueue(request: InFlight, frame: Frame, reads: boolean): boolean {
    const id = this.#take(request, reads);
    if (id === -1) return false;
    frame.setStreamId(id);
    this.#gathered.pushFrame(frame);
    this.#scheduleFlush();
    return true;
  }

  #take(request: InFlight, reads: boolean): UpstreamStreamId | -1 {
    if (this.#streams.taken === 0) this.liveness.workStarted(turnMonotonicMs());
    const id = this.#streams.take(request, reads);
    if (id !== -1) this.#sentThisTurn.push(id);
    return id;
  }

  #scheduleFlush(): void {
    if (this.#flushPending) return;
    this.#flushPending = true;
    flushAfterTurn(this);
  }

  #read(chunk: Buffer): void {
    this.liveness.heard(turnMonotonicMs());
    this.#answers.push(chunk);
    this.#handOut();
  }

  /**
   * Hands out the answers at hand. Most cost nothing beyond what their requests were charged for. Where the gate
   * learns from an answer, the rest waits for a later turn, and nothing is read until then.
   */
  #handOut(mostWork: number = TURN.workPerSession): void {
    const before = turnWork.done;
    try {
      for (let frame = this.#answers.next(); frame !== null; frame = this.#answers.next()) {
        this.#dispatch(frame);
        if (turnWork.done - before < mostWork || this.#state === 'closed') continue;
        this.#socket.pause();
        inLaterTurn(this.#goOn);
        break;
      }
      if (this.#state !== 'closed') this.#answers.charge();
    } catch (error) {
      // Nobody knows any more where the next frame begins, or whose answer it is.
      const text = error instanceof Error ? error.message : String(error);
      this.destroy(new UpstreamFault('protocol', `${this.node} sent a malformed frame: ${text}`));
    }
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
    // With its type, or the compiler would take it for the answer to the later question too.
    const couldSwitch: boolean = this.keyspaceState.canSwitch;
    this.#answer(this.#streams.end(id, this.liveness.heardAtMs), frame);
    if (this.#streams.taken === 0) {
      this.isLaden = false;
      this.liveness.workEnded();
      this.#options.onIdle(this);
    } else if (!couldSwitch && this.keyspaceState.canSwitch) this.#options.onIdle(this);
  }

  /** An error with one answer ends that request alone: the frames around it are whole. */
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

  /** STARTUP was answered. Compression, and in v5 segments, hold from here on in both directions. */
  #agreed(): void {
    const { compression } = this.#options;
    const layout = segmentLayoutOf(this.version, compression !== null);
    if (layout === null) {
      this.#gathered.compression = compression;
      return;
    }
    this.#gathered.segments = layout;
    this.#answers.switchToSegments(layout);
    this.#handOut();
  }
}
