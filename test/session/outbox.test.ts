// What leaves to a client that reads slowly: in order and whole, charged while it waits, at a least speed.
import { EventEmitter } from 'node:events';
import type net from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { MEMORY, SESSION } from '../../src/limits.ts';
import { MemoryBudget, type SessionAccount } from '../../src/memory/budget.ts';
import { Outbox } from '../../src/session/outbox.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** A socket whose client takes what the test says. */
class SlowSocket extends EventEmitter {
  readonly #taken: Buffer[] = [];
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
  end(): void {
    this.writableEnded = true;
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
  const budget = new MemoryBudget({
    heapBytes: 64 * MIB,
    bufferBytes: 1024 * MIB,
    requestBytes: 1024 * MIB,
    evicted: () => undefined,
    paused: () => undefined,
  });
  told = [];
  socket = new SlowSocket();
  account = budget.open({ memoryLooked: () => undefined, outOfMemory: () => undefined });
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
    outbox.tick(second * 1000);
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
    socket.drain();
    socket.emit('close');
    expect(socket.taken.equals(frame)).toBe(true);
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
