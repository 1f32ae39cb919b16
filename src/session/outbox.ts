// The one writer to a client's socket. It gathers what a turn produced, writes it at once, and
// watches how much the client leaves unread.
import type net from 'node:net';
import { guarded } from '../guard.ts';
import { SESSION } from '../limits.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import type { SegmentLayout } from '../protocol/segment.ts';
import { FrameViews } from '../protocol/frame-views.ts';
import { flushAfterTurn, writeTogether, type Flushable } from '../turn.ts';

export interface OutboxListener {
  /** More is waiting than the soft bound: read no further requests until `drained`. */
  full(): void;
  drained(): void;
  /** The client does not read: past the hard bound, or nothing taken for a long time. */
  stuck(reason: string): void;
  /** An error of ours came up while its answers were written. */
  failed(): void;
}

export class Outbox implements Flushable {
  readonly #socket: net.Socket;
  readonly #listener: OutboxListener;
  readonly #frames = new FrameViews();
  #gatheredBytes = 0;
  #flushPending = false;
  #full = false;
  #ending = false;

  constructor(socket: net.Socket, listener: OutboxListener) {
    this.#socket = socket;
    this.#listener = listener;
    const failed = (): void => this.#listener.failed();
    socket.on(
      'drain',
      guarded('session', () => this.#drained(), failed),
    );
    const stalled = (): void => {
      if (this.#full) this.#listener.stuck('the client took nothing of its answers for too long');
    };
    socket.on('timeout', guarded('session', stalled, failed));
  }

  /** Bytes gathered or handed to the socket and not yet taken. */
  get bytes(): number {
    return this.#gatheredBytes + this.#socket.writableLength;
  }

  get isFull(): boolean {
    return this.#full;
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
    this.#frames.segments = layout;
  }

  /** v4: larger bodies that are pushed from here on leave compressed. */
  compressBodies(compression: BodyCompression | null): void {
    this.#frames.compression = compression;
  }

  /** Writes what is left and ends the connection; the client gets a moment to read it. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.flush();
    this.#socket.end();
    // A client that neither reads nor closes must not hold the socket for ever.
    const timer = setTimeout(
      guarded('session', () => this.#socket.destroy()),
      SESSION.closeGraceMs,
    );
    this.#socket.once(
      'close',
      guarded('session', () => clearTimeout(timer)),
    );
  }

  flush(): void {
    this.#flushPending = false;
    const gathered = this.#frames.take();
    if (gathered.length === 0) return;
    this.#gatheredBytes = 0;
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    const waiting = socket.writableLength;
    // A response on top of this much unread: whatever the client does, it is not reading.
    if (waiting > SESSION.outboxHardBytes) {
      this.#listener.stuck(`the client left ${waiting} bytes of its answers unread`);
      return;
    }
    // What has to wait must not pin the read buffers of the node's connection.
    writeTogether(socket, waiting > 0 ? gathered.map(unpinned) : gathered);
    if (socket.writableLength > SESSION.outboxSoftBytes) this.#fill();
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

  #fill(): void {
    if (this.#full) return;
    this.#full = true;
    // Counts write progress, not only reads (net.Socket watches libuv's write queue).
    this.#socket.setTimeout(SESSION.outboxStalledMs);
    this.#listener.full();
  }

  #drained(): void {
    if (!this.#full) return;
    this.#full = false;
    this.#socket.setTimeout(0);
    this.#listener.drained();
  }
}

/** A copy where the view is less than a quarter of what it pins. */
function unpinned(view: Buffer): Buffer {
  return view.length * 4 < view.buffer.byteLength ? Buffer.from(view) : view;
}
