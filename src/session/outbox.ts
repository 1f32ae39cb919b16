// The one writer to a client's socket. It gathers what a turn produced, hands the socket as much as it
// may hold at once, keeps the rest until the client took that, and watches how fast it does. Segments of v5 are made
// of what is handed over, so that a large answer is checked and compressed over several turns.
import type net from 'node:net';
import { LONG_AGO, msBetween, type MonotonicMs } from '../clock.ts';
import { guarded } from '../guard.ts';
import { COMPRESSION, MEMORY, SESSION, TURN } from '../limits/session.ts';
import type { SessionAccount } from '../memory/budget.ts';
import { RateFloor } from '../memory/rate-floor.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import type { SegmentLayout } from '../protocol/segment.ts';
import { FrameViews, type View } from '../protocol/frame-views.ts';
import { encodeSegments, SegmentPart } from '../protocol/segment-encoder.ts';
import { flushAfterTurn, inLaterTurn, turnWork, writeTogether, type Flushable } from '../turn.ts';
import { PinnedBuffers } from './pinned-buffers.ts';

export interface OutboxListener {
  /** More is waiting than the soft bound: read no further requests until `drained`. */
  full(): void;
  drained(): void;
  /** The client takes its answers too slowly, or not at all. */
  stuck(reason: string): void;
  /** An error of ours came up while its answers were written. */
  failed(): void;
}

export class Outbox implements Flushable {
  readonly #socket: net.Socket;
  readonly #account: SessionAccount;
  readonly #listener: OutboxListener;
  readonly #frames = new FrameViews();
  #gatheredBytes = 0;
  /** What the socket has no room for, in order. The first view may be handed over in part. */
  #queue: View[] = [];
  #queueStart = 0;
  #queuedBytes = 0;
  /** Of these, what came before the switch to segments. */
  #plainBytes = 0;
  readonly #pinned = new PinnedBuffers();
  /** All that the socket was ever handed, as it leaves. */
  #handedBytes = 0;
  /** All that ever left, and what of it was taken at the last look. */
  #pushedBytes = 0;
  #takenBytes = 0;
  #lookedAtMs = LONG_AGO;
  readonly #rate = new RateFloor();
  #flushPending = false;
  #full = false;
  #ending = false;
  /** Set while what is left is given out, or its end was read. */
  #endTimer: NodeJS.Timeout | null = null;
  /** More segments are made in a later turn. */
  #isPutOff = false;
  readonly #goOn: () => void;

  constructor(socket: net.Socket, account: SessionAccount, listener: OutboxListener) {
    this.#socket = socket;
    this.#account = account;
    this.#listener = listener;
    const failed = (): void => this.#listener.failed();
    this.#goOn = guarded('session', () => this.#putOffOver(), failed);
    socket.on(
      'drain',
      guarded('session', () => this.#drained(), failed),
    );
    const stalled = (): void => {
      if (this.#full) this.#listener.stuck('the client took nothing of its answers for too long');
    };
    socket.on('timeout', guarded('session', stalled, failed));
  }

  /** Bytes gathered, queued or handed to the socket, and not yet taken. */
  get bytes(): number {
    return this.#gatheredBytes + this.#unread;
  }

  /** Of these, what the socket was not handed yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  get isFull(): boolean {
    return this.#full;
  }

  get #unread(): number {
    return this.#queuedBytes + this.#socket.writableLength;
  }

  /** A response as it came from the node, with the client's stream id in place. */
  pushFrame(frame: Frame): void {
    this.#frames.pushFrame(frame);
    this.#gathered(frame.byteLength);
  }

  /** One whole frame of our own. */
  push(bytes: Buffer): void {
    this.#frames.push(bytes);
    this.#gathered(bytes.length);
  }

  /** What is pushed from here on leaves in v5 segments; what came before leaves as it is. */
  switchToSegments(layout: SegmentLayout): void {
    if (this.#frames.segments !== null) return;
    this.flush();
    this.#plainBytes = this.#queuedBytes;
    this.#frames.segments = layout;
  }

  /** v4: larger bodies that are pushed from here on leave compressed. */
  compressBodies(compression: BodyCompression | null): void {
    this.#frames.compression = compression;
  }

  /**
   * Writes what is left and ends the connection. What is unread is given out as long as the client takes it, at the least
   * speed and within bounds; then it gets a moment to close.
   */
  end(): void {
    if (this.#ending) return;
    this.flush();
    this.#ending = true;
    this.#rate.stop();
    this.#destroyAfter(SESSION.closeLongestMs);
    this.#socket.once(
      'finish',
      guarded('session', () => this.#destroyAfter(SESSION.closeGraceMs)),
    );
    this.#socket.once(
      'close',
      guarded('session', () => this.#stopEndTimer()),
    );
    if (this.#queuedBytes === 0) this.#socket.end();
  }

  /** A client that neither reads nor closes must not hold the socket for ever. */
  #destroyAfter(ms: number): void {
    this.#stopEndTimer();
    this.#endTimer = setTimeout(
      guarded('session', () => this.#socket.destroy()),
      ms,
    );
  }

  #stopEndTimer(): void {
    if (this.#endTimer !== null) clearTimeout(this.#endTimer);
  }

  /** The socket is closed: nothing is held any more. */
  clear(): void {
    this.#queue = [];
    this.#queueStart = 0;
    this.#queuedBytes = 0;
    this.#plainBytes = 0;
    this.#pinned.clear();
    this.#frames.takeViews();
    this.#gatheredBytes = 0;
  }

  flush(): void {
    this.#flushPending = false;
    const gathered = this.#frames.takeViews();
    if (gathered.length === 0) return;
    const bytes = this.#gatheredBytes;
    this.#gatheredBytes = 0;
    const socket = this.#socket;
    if (socket.destroyed || this.#ending) return;
    const { segments } = this.#frames;
    // Many small answers are not worth the queue, unless the turn has done enough.
    const isMuch = segments !== null && bytes > SESSION.outboxSegmentsBytes;
    const mostBytes = isMuch && turnWork.isSpent ? 0 : SESSION.outboxWriteBytes;
    if (bytes <= mostBytes && this.#queuedBytes === 0 && !socket.writableNeedDrain) {
      if (isMuch) this.#countSegments(bytes, segments);
      this.#write(segments === null ? (gathered as Buffer[]) : encodeSegments(gathered, segments));
      this.#pushedBytes += bytes;
      if (socket.writableLength === 0) return;
      for (const view of gathered) this.#pinned.add(bufferOf(view));
    } else {
      for (const view of gathered) this.#enqueue(view);
      this.#pump();
    }
    this.#settle();
  }

  /** Called now and then: what was taken since, and whether that is fast enough. */
  tick(nowMs: MonotonicMs): void {
    const unread = this.#unread;
    if (unread === 0 && this.#account.output === 0) return;
    this.#settle();
    const taken = this.#pushedBytes - unread;
    const moved = taken - this.#takenBytes;
    const passedMs = msBetween(this.#lookedAtMs, nowMs);
    this.#takenBytes = taken;
    this.#lookedAtMs = nowMs;
    if (this.#ending) {
      const endGraceMs = SESSION.closeGraceMs + inMs(Math.min(unread, SESSION.outboxWriteBytes));
      if (!this.#rate.isRunning) this.#rate.start(endGraceMs);
      else if (!this.#rate.moved(moved, passedMs, endGraceMs)) this.#socket.destroy();
      return;
    }
    if (!this.#full && !this.#account.isAboveShare) {
      this.#rate.stop();
      return;
    }
    const graceMs = this.#account.isAboveShare ? MEMORY.rateGraceMs : MEMORY.rateCapMs;
    if (!this.#rate.isRunning) {
      // What is in the socket already is taken in one piece, as far as is known here.
      this.#rate.start(graceMs + inMs(SESSION.outboxWriteBytes));
      return;
    }
    const capMs = graceMs + inMs(SESSION.outboxWriteBytes);
    if (!this.#rate.moved(moved, passedMs, capMs)) {
      this.#listener.stuck(`the client took its answers too slowly, with ${unread} bytes unread`);
    }
  }

  flushFailed(): void {
    this.#listener.failed();
  }

  #gathered(bytes: number): void {
    this.#gatheredBytes += bytes;
    if (this.#flushPending) return;
    this.#flushPending = true;
    flushAfterTurn(this);
  }

  /**
   * What has to wait must not pin the read buffers of the node's connection. The parts of a large frame share a buffer
   * that holds nothing else, which may be 256 MiB: they are not copied, and all of it is charged until the last was taken.
   */
  #enqueue(view: View): void {
    const isSmall = !(view instanceof SegmentPart) && view.length * 4 < view.buffer.byteLength;
    const kept = isSmall ? Buffer.from(view) : view;
    this.#queue.push(kept);
    this.#queuedBytes += kept.length;
    this.#pushedBytes += kept.length;
    this.#pinned.add(bufferOf(kept));
  }

  /** Hands the socket what it has room for; of segments, as many as a turn may make. */
  #pump(): void {
    const socket = this.#socket;
    while (
      this.#queuedBytes > 0 &&
      !this.#isPutOff &&
      socket.writableLength < SESSION.outboxWriteBytes
    ) {
      if (socket.destroyed || socket.writableEnded) return;
      if (this.#frames.segments === null || this.#plainBytes > 0) {
        const before = this.#queuedBytes;
        this.#write(this.#take(SESSION.outboxWriteBytes));
        this.#plainBytes = Math.max(0, this.#plainBytes - (before - this.#queuedBytes));
      } else if (turnWork.isSpent) this.#putOff();
      else {
        this.#write(this.#takeSegments(this.#frames.segments));
        // Others come first, however much the socket takes.
        if (this.#queuedBytes > 0) this.#putOff();
      }
    }
    if (this.#ending && this.#queuedBytes === 0 && !socket.writableEnded) socket.end();
  }

  #write(bytes: Buffer[]): void {
    for (const one of bytes) this.#handedBytes += one.length;
    writeTogether(this.#socket, bytes);
  }

  #putOff(): void {
    this.#isPutOff = true;
    inLaterTurn(this.#goOn);
  }

  #putOffOver(): void {
    this.#isPutOff = false;
    this.#drained();
  }

  #takeSegments(layout: SegmentLayout): Buffer[] {
    const before = this.#queuedBytes;
    const segments = encodeSegments(this.#takeWhole(SESSION.outboxWriteBytes), layout);
    const taken = before - this.#queuedBytes;
    this.#countSegments(taken, layout);
    // What the client takes is counted in the bytes that go to it.
    this.#pushedBytes += segments.reduce((sum, one) => sum + one.length, -taken);
    return segments;
  }

  #countSegments(bytes: number, { compressed }: SegmentLayout): void {
    turnWork.add(bytes / (compressed ? COMPRESSION.compressedPerUnit : TURN.bytesPerUnit));
  }

  /** As many views from the front of the queue as have room, at least one. */
  #takeWhole(mostBytes: number): View[] {
    const views: View[] = [];
    let room = mostBytes;
    while (this.#queueStart < this.#queue.length) {
      const first = this.#queue[this.#queueStart]!;
      if (views.length > 0 && first.length > room) break;
      views.push(first);
      this.#queueStart++;
      this.#queuedBytes -= first.length;
      room -= first.length;
    }
    this.#forgetTaken();
    return views;
  }

  /** Bytes from the front of the queue, at most so many. */
  #take(mostBytes: number): Buffer[] {
    const views: Buffer[] = [];
    let room = this.#plainBytes > 0 ? Math.min(mostBytes, this.#plainBytes) : mostBytes;
    while (this.#queueStart < this.#queue.length && room > 0) {
      const first = bufferOf(this.#queue[this.#queueStart]!);
      if (first.length > room) {
        views.push(first.subarray(0, room));
        this.#queue[this.#queueStart] = first.subarray(room);
        this.#queuedBytes -= room;
        break;
      }
      views.push(first);
      this.#queueStart++;
      this.#queuedBytes -= first.length;
      room -= first.length;
    }
    this.#forgetTaken();
    return views;
  }

  #forgetTaken(): void {
    if (this.#queueStart === this.#queue.length) {
      this.#queue = [];
      this.#queueStart = 0;
    } else if (this.#queueStart * 2 > this.#queue.length) {
      // What was handed over must not be held here as well.
      this.#queue = this.#queue.slice(this.#queueStart);
      this.#queueStart = 0;
    }
  }

  /** What is unread now is charged, and decides whether requests are read. */
  #settle(): void {
    const unread = this.#unread;
    const takenBytes = this.#handedBytes - this.#socket.writableLength;
    this.#pinned.settle(this.#queuedBytes, this.#handedBytes, takenBytes);
    this.#account.setOutput(Math.max(unread, this.#pinned.bytes));
    if (unread > SESSION.outboxSoftBytes) this.#fill();
    else if (this.#queuedBytes === 0) this.#empty();
  }

  #fill(): void {
    if (this.#full) return;
    this.#full = true;
    // Counts write progress, not only reads (net.Socket watches libuv's write queue).
    this.#socket.setTimeout(SESSION.outboxStalledMs);
    this.#listener.full();
  }

  #drained(): void {
    this.#pump();
    this.#settle();
  }

  #empty(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#socket.setTimeout(0);
    this.#listener.drained();
  }
}

function bufferOf(view: View): Buffer {
  return view instanceof SegmentPart ? view.bytes : view;
}

/** How long so many bytes may take at the least speed. */
function inMs(bytes: number): number {
  return (bytes * 1000) / MEMORY.leastBytesPerSecond;
}
