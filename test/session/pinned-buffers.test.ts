// Buffers behind unread answers: charged whole, once, and not for a byte longer than the client leaves its part unread.
import { beforeEach, describe, expect, it } from 'vitest';
import { PinnedBuffers } from '../../src/session/pinned-buffers.ts';

let pinned: PinnedBuffers;

beforeEach(() => {
  pinned = new PinnedBuffers();
});

describe('a buffer', () => {
  it('is charged whole, once for all of its views, until the last one was taken', () => {
    const buffer = Buffer.alloc(100_000);
    for (let start = 0; start < 90; start += 10) pinned.add(buffer.subarray(start, start + 10));
    expect(pinned.bytes).toBe(100_000);
    pinned.settle(10, 80, 80);
    expect(pinned.bytes).toBe(100_000);
    pinned.settle(0, 90, 89);
    expect(pinned.bytes).toBe(100_000);
    pinned.settle(0, 90, 90);
    expect(pinned.bytes).toBe(0);
  });

  it('is charged anew by a view that comes when all others were taken, or have left the queue', () => {
    const buffer = Buffer.alloc(50_000);
    pinned.add(buffer.subarray(0, 10));
    pinned.settle(0, 10, 10);
    pinned.add(buffer.subarray(10, 20));
    expect(pinned.bytes).toBe(50_000);
    pinned.settle(0, 20, 10);
    pinned.add(buffer.subarray(20, 30));
    pinned.settle(10, 20, 20);
    expect(pinned.bytes).toBe(50_000);
    pinned.settle(0, 30, 30);
    expect(pinned.bytes).toBe(0);
  });

  it('is not let go for bytes that come after it and shrink', () => {
    const large = Buffer.alloc(200_000);
    pinned.add(large.subarray(100_000));
    pinned.settle(0, 100_000, 0);
    for (let i = 0; i < 10; i++) pinned.add(Buffer.alloc(50_000));
    // All of it was handed over, in 100 bytes.
    pinned.settle(0, 100_100, 99_999);
    expect(pinned.bytes).toBe(200_000 + 10 * 50_000);
    pinned.settle(0, 100_100, 100_000);
    expect(pinned.bytes).toBe(10 * 50_000);
    pinned.settle(0, 100_100, 100_100);
    expect(pinned.bytes).toBe(0);
  });

  it('of one that is gone is charged no longer', () => {
    pinned.add(Buffer.alloc(50_000));
    pinned.clear();
    expect(pinned.bytes).toBe(0);
    pinned.add(Buffer.alloc(60_000));
    expect(pinned.bytes).toBe(60_000);
  });
});
