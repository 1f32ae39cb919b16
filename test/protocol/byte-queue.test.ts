// Bytes in any number of reads: what comes out is what came in, and what it costs grows with the bytes alone.
import { describe, expect, it } from 'vitest';
import { ByteQueue } from '../../src/protocol/byte-queue.ts';
import { random } from './streams.ts';

/** Counts what is moved in arrays while `work` runs: `shift` and `splice` move all that follows. */
function movesOf(work: () => void): number {
  let moved = 0;
  const { shift, splice } = Array.prototype;
  Array.prototype.shift = function shiftCounted(this: unknown[]) {
    moved += this.length;
    return shift.call(this) as unknown;
  };
  Array.prototype.splice = function spliceCounted(this: unknown[], ...args: [number, number]) {
    moved += this.length;
    return splice.apply(this, args);
  } as typeof splice;
  try {
    work();
  } finally {
    Array.prototype.shift = shift;
    Array.prototype.splice = splice;
  }
  return moved;
}

describe('a queue of bytes', () => {
  it('hands out what was pushed, in any reads and any takes', () => {
    for (let seed = 1; seed <= 5; seed++) {
      const next = random(seed);
      const below = (n: number): number => Math.floor(next() * n);
      const queue = new ByteQueue();
      const pushed: number[] = [];
      const taken: number[] = [];
      for (let step = 0; step < 200; step++) {
        if (below(3) > 0) {
          const chunk = Buffer.allocUnsafeSlow([1, 5, 200, 700, 3_000][below(5)]!);
          for (let i = 0; i < chunk.length; i++) chunk[i] = below(256);
          for (const byte of chunk) pushed.push(byte);
          queue.push(chunk);
          continue;
        }
        const bytes = below(queue.available + 1);
        if (bytes > 12) {
          const ahead = pushed.slice(taken.length, taken.length + 12);
          expect(ahead.map((_unused, i) => queue.byteAt(i))).toEqual(ahead);
          expect(queue.uint32At(3)).toBe(Buffer.from(ahead).readUInt32BE(3));
        }
        if (below(2) === 0) {
          queue.take(bytes);
          taken.push(...queue.buffer.subarray(queue.start, queue.start + bytes));
        } else taken.push(...queue.takeParts(bytes).flatMap((part) => [...part]));
      }
      taken.push(...(queue.takeAll() ?? []));
      expect(Buffer.from(taken).equals(Buffer.from(pushed))).toBe(true);
      expect(queue.available).toBe(0);
      expect(() => queue.byteAt(0)).toThrow(RangeError);
    }
  });

  it('moves nothing for reads that wait, be they large or of one byte', () => {
    for (const readBytes of [1, 600]) {
      const queue = new ByteQueue();
      const moved = movesOf(() => {
        for (let i = 0; i < 20_000; i++) queue.push(Buffer.alloc(readBytes));
        queue.take(20_000 * readBytes);
      });
      expect(moved).toBe(0);
      expect(queue.available).toBe(0);
    }
  });

  it('gathers reads of one byte in blocks, and keeps none of their buffers', () => {
    const queue = new ByteQueue();
    const reads = Array.from({ length: 100_000 }, (_unused, i) => Buffer.from([i & 0xff]));
    for (const read of reads) queue.push(read);
    const parts = queue.takeParts(reads.length);
    expect(parts.length).toBeLessThan(20);
    expect(Buffer.concat(parts).equals(Buffer.concat(reads))).toBe(true);
    const pinned = parts.reduce((sum, part) => sum + part.buffer.byteLength, 0);
    expect(pinned).toBeLessThan(2 * reads.length + 4_096);
  });

  it('never grows by what was taken while it does not run empty', () => {
    const queue = new ByteQueue();
    queue.push(Buffer.alloc(600));
    const moved = movesOf(() => {
      for (let i = 0; i < 10_000; i++) {
        queue.push(Buffer.alloc(600));
        queue.take(600);
      }
    });
    expect(moved).toBe(0);
    expect(queue.available).toBe(600);
  });
});
