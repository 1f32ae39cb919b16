// Bytes in any number of reads: what comes out is what came in, and what it costs grows with the bytes alone.
import { describe, expect, it, vi } from 'vitest';
import { READS } from '../../src/limits/session.ts';
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

  it('hands out whole what it was told to expect, in any reads, with what follows behind it', () => {
    for (let seed = 1; seed <= 8; seed++) {
      const next = random(seed);
      const below = (n: number): number => Math.floor(next() * n);
      const bytes = READS.joinedFromBytes + below(400_000);
      const before = below(3) * 100;
      const stream = Buffer.allocUnsafeSlow(before + bytes + 5_000);
      for (let i = 0; i < stream.length; i++) stream[i] = below(256);
      const queue = new ByteQueue();
      let isTaken = before === 0;
      const taken: Buffer[] = [];
      for (let at = 0; at < stream.length;) {
        const end = at + 1 + below([400, 5_000, 90_000][below(3)]!);
        queue.push(Buffer.from(stream.subarray(at, end)));
        at = Math.min(end, stream.length);
        if (!isTaken && queue.available >= before) {
          queue.take(before);
          isTaken = true;
        }
        if (!isTaken || taken.length > 0) continue;
        if (queue.available < bytes) queue.expect(bytes);
        else {
          expect(queue.byteAt(8)).toBe(stream[before + 8]);
          queue.take(bytes);
          taken.push(queue.buffer.subarray(queue.start, queue.start + bytes));
        }
      }
      expect(taken[0]?.equals(stream.subarray(before, before + bytes))).toBe(true);
      expect(queue.takeAll()?.equals(stream.subarray(before + bytes))).toBe(true);
    }
  });

  it('copies little at once of what it was told to expect, and holds no more than twice what came', () => {
    const bytes = 16 * 1024 * 1024;
    const chunk = Buffer.alloc(65_536);
    const queue = new ByteQueue();
    const copied: number[] = [];
    const { copy } = Buffer.prototype;
    let now = 0;
    Buffer.prototype.copy = function copyCounted(this: Buffer, ...args: Parameters<typeof copy>) {
      const moved: number = copy.call(this, ...args);
      now += moved;
      return moved;
    };
    const alloc = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      for (let at = 0; at < bytes; at += chunk.length) {
        now = 0;
        queue.push(chunk);
        if (queue.available < bytes) queue.expect(bytes);
        else queue.take(bytes);
        copied.push(now);
        const allocated = alloc.mock.calls.reduce((sum, [size]) => sum + size, 0);
        expect(allocated).toBeLessThanOrEqual(2 * (at + chunk.length));
      }
    } finally {
      Buffer.prototype.copy = copy;
      alloc.mockRestore();
    }
    expect(Math.max(...copied)).toBeLessThanOrEqual(READS.joinedAtOnceBytes + 2 * chunk.length);
    expect(copied.reduce((sum, one) => sum + one, 0)).toBe(bytes);
  });

  it('lets go of what it was told to expect when that is dropped', () => {
    const queue = new ByteQueue();
    queue.push(Buffer.alloc(400_000, 1));
    queue.expect(600_000);
    queue.push(Buffer.alloc(100_000, 1));
    queue.expect(600_000);
    queue.skip(500_000);
    queue.push(Buffer.from('next'));
    queue.take(4);
    expect(queue.buffer.toString('latin1', queue.start, queue.start + 4)).toBe('next');
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

  it('copies a read that waits below the bound only, and keeps a larger one as it is', () => {
    const partsBehind = (bytes: number): readonly [read: Buffer, part: Buffer] => {
      const queue = new ByteQueue();
      const read = Buffer.alloc(bytes, 7);
      queue.push(Buffer.alloc(1));
      queue.push(read);
      return [read, queue.takeParts(1 + bytes)[1]!];
    };
    const [small, gathered] = partsBehind(READS.gatheredBelowBytes - 1);
    expect(gathered.equals(small)).toBe(true);
    expect(gathered.buffer).not.toBe(small.buffer);
    const [large, kept] = partsBehind(READS.gatheredBelowBytes);
    expect(kept.buffer).toBe(large.buffer);
    expect(kept.byteOffset).toBe(large.byteOffset);
  });

  it('gathers in blocks of the least size first, each next one twice as large, up to the largest', () => {
    const queue = new ByteQueue();
    queue.push(Buffer.alloc(1));
    const alloc = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      const read = Buffer.alloc(READS.gatheredBelowBytes / 2);
      for (let sent = 0; sent < 6 * READS.blockMaxBytes; sent += read.length) queue.push(read);
      const sizes = alloc.mock.calls.map(([size]) => size);
      const doubling: number[] = [];
      for (let size = READS.blockMinBytes; size < READS.blockMaxBytes; size *= 2) {
        doubling.push(size);
      }
      expect(sizes.slice(0, doubling.length)).toEqual(doubling);
      expect(new Set(sizes.slice(doubling.length))).toEqual(new Set([READS.blockMaxBytes]));
    } finally {
      alloc.mockRestore();
    }
  });

  it('joins what belongs together only from the bound on', () => {
    const alloc = vi.spyOn(Buffer, 'allocUnsafeSlow');
    try {
      const early = (bytes: number): boolean => {
        const queue = new ByteQueue();
        queue.push(Buffer.alloc(bytes - 1));
        alloc.mockClear();
        queue.expect(bytes);
        return alloc.mock.calls.length === 1;
      };
      expect(early(READS.joinedFromBytes - 1)).toBe(false);
      expect(early(READS.joinedFromBytes)).toBe(true);
    } finally {
      alloc.mockRestore();
    }
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
