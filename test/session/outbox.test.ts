// What leaves to a client that reads slowly: in order and whole, charged while it waits, at a least speed.
import { EventEmitter } from 'node:events';
import type net from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { monotonic } from '../support/moments.ts';
import { MEMORY, SESSION } from '../../src/limits/session.ts';
import type { SessionAccount } from '../../src/memory/budget.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { Outbox } from '../../src/session/outbox.ts';
import { accountOf, roomyBudget } from '../support/session-account.ts';
import { bytesOf, decodeAll } from '../protocol/streams.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A socket whose client takes what the test says. */
class SlowSocket extends EventEmitter {
  #taken: Buffer[] = [];
  readonly #waiting: Buffer[] = [];
  destroyed = false;
  writableEnded = false;
  /** The largest amount that it ever had to hold. */
  most = 0;

  get taken(): Buffer {
    return Buffer.concat(this.#taken);
  }
  get writableLength(): number {
    return this.#waiting.reduce((sum, one) => sum + one.length, 0);
  }
  get writableNeedDrain(): boolean {
    return this.#waiting.length > 0;
  }
  write(bytes: Buffer): boolean {
    this.#waiting.push(bytes);
    this.most = Math.max(this.most, this.writableLength);
    return false;
  }
  cork(): void {
    // One write for all of them makes no difference here.
  }
  uncork(): void {
    // As above.
  }
  setTimeout(): void {
    // The time without any progress is Node's own.
  }
  forget(bytes: number): void {
    this.#taken = [this.taken.subarray(bytes)];
  }
  end(): void {
    this.writableEnded = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
  /** Its client reads all that lies in the socket. */
  drain(): void {
    this.#taken.push(...this.#waiting.splice(0));
    this.emit('drain');
  }
}

let socket: SlowSocket;
let account: SessionAccount;
let outbox: Outbox;
let told: string[];

beforeEach(() => {
  const budget = roomyBudget();
  told = [];
  socket = new SlowSocket();
  account = accountOf(budget);
  outbox = new Outbox(socket as unknown as net.Socket, account, {
    full: () => told.push('full'),
    drained: () => told.push('drained'),
    stuck: (reason) => told.push(reason),
    failed: () => told.push('failed'),
  });
});

/** Looks once a second, until it is ended or the time is over. */
function endedAfter(seconds: number, each: (second: number) => void): number | null {
  for (let second = 0; second <= seconds; second++) {
    each(second);
    outbox.tick(monotonic(second * 1000));
    if (told.some((one) => one.includes('too slowly'))) return second;
  }
  return null;
}

describe('the outbox', () => {
  it('hands over a bounded amount at once, in order and whole', () => {
    const frames = Array.from({ length: 40 }, (_unused, i) => Buffer.alloc(100 * KIB + i, i + 1));
    for (const frame of frames) outbox.push(frame);
    outbox.flush();
    expect(socket.most).toBeLessThanOrEqual(SESSION.outboxWriteBytes);
    expect(account.output).toBeGreaterThan(3 * MIB);
    expect(told).toEqual(['full']);
    while (outbox.bytes > 0) socket.drain();
    expect(socket.taken.equals(Buffer.concat(frames))).toBe(true);
    expect(account.output).toBe(0);
    expect(told).toEqual(['full', 'drained']);
  });

  it('gives out what is left at its end', () => {
    const frame = Buffer.alloc(2 * MIB, 7);
    outbox.push(frame);
    outbox.flush();
    outbox.end();
    expect(socket.writableEnded).toBe(false);
    while (outbox.bytes > 0) socket.drain();
    expect(socket.writableEnded).toBe(true);
    socket.emit('close');
    expect(socket.taken.equals(frame)).toBe(true);
  });

  describe.each([
    ['plain', PLAIN_SEGMENTS],
    ['compressed', LZ4_SEGMENTS],
  ])('in %s segments', (_name, layout) => {
    const PART = layout.fullPayloadBytes;
    const sizes = [9, 100, PART - 1, 20, PART, PART + 1, 9, 3 * PART, 300 * KIB, 4 * MIB, 50, MIB];
    const frameOf = (bytes: number, n: number): Buffer =>
      encodeFrame({ version: 5, opcode: 8, streamId: n, body: Buffer.alloc(bytes - 9, n + 1) });

    const expectReceived = (frames: readonly Buffer[]): void => {
      const decoder = new SegmentDecoder({
        direction: 'response',
        version: 5,
        maxFrameBytes: 16 * MIB,
        layout,
      });
      decoder.allowMultiSegment = true;
      const found = bytesOf(decodeAll(decoder, [socket.taken]));
      expect(found.map(({ length }) => length)).toEqual(frames.map(({ length }) => length));
      expect(Buffer.concat(found).equals(Buffer.concat(frames))).toBe(true);
    };

    it('makes no more of them in a turn than it hands over at once, in order and whole', async () => {
      outbox.switchToSegments(layout);
      const frames = sizes.map(frameOf);
      for (const frame of frames) outbox.push(frame);
      outbox.flush();
      const all = Buffer.concat(frames).length;
      let turns = 0;
      for (let left = outbox.bytes; left > 0; left = outbox.bytes, turns++) {
        const before = outbox.queuedBytes;
        socket.drain();
        await new Promise(setImmediate);
        // A view that has no room goes alone, and the socket may take what two turns made.
        expect(before - outbox.queuedBytes).toBeLessThanOrEqual(2 * SESSION.outboxWriteBytes);
      }
      expect(turns).toBeGreaterThan(all / SESSION.outboxWriteBytes / 2);
      expectReceived(frames);
      expect(account.output).toBe(0);
    });

    it('does not copy a large answer that has to wait, and charges it until its last part left', async () => {
      outbox.switchToSegments(layout);
      const frame = frameOf(12 * MIB, 7);
      const before = process.memoryUsage().arrayBuffers;
      outbox.pushFrame(new Frame(frame, 0, frame.length));
      outbox.flush();
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
      while (outbox.queuedBytes > 0) {
        expect(account.output).toBeGreaterThanOrEqual(frame.length);
        socket.drain();
        await new Promise(setImmediate);
      }
      while (outbox.bytes > 0) socket.drain();
      expect(account.output).toBe(0);
      expectReceived([frame]);
    });

    it('cuts answers that came in parts wherever these end', async () => {
      outbox.switchToSegments(layout);
      const frame = frameOf(2 * MIB, 7);
      const frames: Buffer[] = [];
      for (const first of [9, 10, 1000, PART - 1, PART, PART + 1, MIB]) {
        const parts = [frame.subarray(first, first + 1), frame.subarray(first + 1)];
        outbox.pushFrame(new Frame(frame, 0, first, parts));
        outbox.push(frameOf(40, first % 100));
        frames.push(frame, frameOf(40, first % 100));
      }
      outbox.flush();
      outbox.end();
      while (outbox.bytes > 0) {
        socket.drain();
        await new Promise(setImmediate);
      }
      expect(socket.writableEnded).toBe(true);
      socket.emit('close');
      expectReceived(frames);
    });

    it('leaves what came before the switch as it is, however slowly it is taken', async () => {
      const before = Buffer.alloc(700 * KIB, 1);
      outbox.push(before);
      outbox.switchToSegments(layout);
      outbox.push(frameOf(100, 2));
      outbox.push(frameOf(400 * KIB, 3));
      outbox.flush();
      while (outbox.bytes > 0) {
        socket.drain();
        await new Promise(setImmediate);
      }
      expect(socket.taken.subarray(0, before.length).equals(before)).toBe(true);
      socket.forget(before.length);
      expectReceived([frameOf(100, 2), frameOf(400 * KIB, 3)]);
    });
  });

  describe('charges what lies behind unread answers', () => {
    const turn = async (): Promise<void> => {
      socket.drain();
      await new Promise(setImmediate);
    };

    it.each([
      ['plain', null],
      ['in plain segments', PLAIN_SEGMENTS],
      ['in compressed segments', LZ4_SEGMENTS],
    ])('while a part of it is unread, however small: %s', async (_name, layout) => {
      const version = layout === null ? 4 : 5;
      const frame = encodeFrame({ version, opcode: 8, streamId: 1, body: Buffer.alloc(8 * MIB) });
      if (layout !== null) outbox.switchToSegments(layout);
      outbox.pushFrame(new Frame(frame, 0, frame.length));
      outbox.flush();
      while (outbox.queuedBytes > 0) await turn();
      outbox.tick(monotonic(1000));
      // What is left is in the socket, and holds all of the answer.
      expect(outbox.bytes).toBeLessThanOrEqual(2 * SESSION.outboxWriteBytes);
      expect(account.output).toBeGreaterThanOrEqual(frame.length);
      // More of what shrinks, behind it, changes nothing.
      const small = encodeFrame({ version, opcode: 8, streamId: 2, body: Buffer.alloc(100 * KIB) });
      for (let i = 0; i < 8; i++) outbox.push(small);
      outbox.flush();
      await new Promise(setImmediate);
      expect(account.output).toBeGreaterThanOrEqual(frame.length);
      while (outbox.bytes > 0) await turn();
      expect(account.output).toBe(0);
    });

    it('and no longer, though something of later answers is always unread', () => {
      // A third of what was read at once of a node is this client's.
      const push = (): void => {
        for (let i = 0; i < 13; i++) {
          const read = Buffer.alloc(60 * KIB);
          outbox.pushFrame(new Frame(read, 0, 20 * KIB));
          outbox.flush();
        }
      };
      push();
      push();
      for (let round = 0; round < 500; round++) {
        socket.drain();
        push();
        expect(outbox.bytes).toBeGreaterThan(0);
        expect(account.output).toBeLessThan(4 * (outbox.bytes + SESSION.outboxWriteBytes));
      }
      while (outbox.bytes > 0) socket.drain();
      expect(account.output).toBe(0);
    });
  });

  describe('at its end', () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    /** Seconds until it is cut off, while the client does what `each` says in each of them. */
    const cutAfter = (seconds: number, each: (second: number) => void): number | null => {
      for (let second = 0; second <= seconds; second++) {
        each(second);
        outbox.tick(monotonic(second * 1000));
        vi.advanceTimersByTime(1000);
        if (socket.destroyed) return second;
      }
      return null;
    };

    it('goes on giving out to a client that takes its answers', () => {
      outbox.push(Buffer.alloc(40 * MIB, 3));
      outbox.flush();
      outbox.end();
      // 2 MiB a second, for twenty seconds.
      const read = (): void => {
        for (let i = 0; i < 8; i++) socket.drain();
      };
      expect(cutAfter(25, read)).toBeNull();
      expect(socket.writableEnded).toBe(true);
      expect(socket.taken.length).toBe(40 * MIB);
    });

    it('waits for nobody who takes nothing', () => {
      outbox.push(Buffer.alloc(3 * MIB));
      outbox.flush();
      outbox.end();
      const creditMs = (SESSION.outboxWriteBytes * 1000) / MEMORY.leastBytesPerSecond;
      const cut = cutAfter(100, () => undefined);
      expect(cut).toBeLessThanOrEqual((SESSION.closeGraceMs + creditMs) / 1000 + 2);
    });

    it('is over for everybody at last', () => {
      outbox.push(Buffer.alloc(100 * MIB));
      outbox.flush();
      outbox.end();
      const cut = cutAfter(100, () => socket.drain());
      expect(cut).toBe(SESSION.closeLongestMs / 1000 - 1);
    });

    it('gives a client that was given all a moment to close', () => {
      outbox.push(Buffer.alloc(10));
      outbox.flush();
      outbox.end();
      socket.drain();
      socket.emit('finish');
      expect(cutAfter(10, () => undefined)).toBe(SESSION.closeGraceMs / 1000 - 1);
    });
  });

  it('ends no client for the amount alone', () => {
    outbox.push(Buffer.alloc(128 * MIB));
    outbox.flush();
    // 16 writes of 256 KiB a second are 4 MiB.
    const read = (): void => {
      for (let i = 0; i < 16; i++) socket.drain();
    };
    expect(endedAfter(60, read)).toBeNull();
    expect(outbox.bytes).toBe(0);
  });

  it('ends a client that takes nearly nothing, sooner above its share', () => {
    const push = (): void => {
      outbox.push(Buffer.alloc(3 * MIB));
      outbox.flush();
    };
    push();
    account.isAboveShare = true;
    const creditMs = (SESSION.outboxWriteBytes * 1000) / MEMORY.leastBytesPerSecond;
    const soon = endedAfter(200, () => undefined);
    expect(soon).toBeLessThanOrEqual((MEMORY.rateGraceMs + creditMs) / 1000 + 2);
    told = [];
    outbox.clear();
    account.isAboveShare = false;
  });

  it('gives a client below its share a minute', () => {
    outbox.push(Buffer.alloc(3 * MIB));
    outbox.flush();
    const end = endedAfter(200, () => undefined);
    expect(end).toBeGreaterThan(MEMORY.rateCapMs / 1000);
    expect(end).toBeLessThan(100);
  });
});
