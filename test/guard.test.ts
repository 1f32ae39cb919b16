// An error of the gate's own in whatever the event loop calls ends what it belongs to, and nothing else.
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  described,
  guarded,
  guardedEach,
  reportFault,
  reportFaultsTo,
  unattended,
} from '../src/guard.ts';

const told: string[] = [];
const ends: unknown[] = [];

beforeEach(() => {
  told.length = 0;
  ends.length = 0;
  reportFaultsTo((place, error) => told.push(`${place}: ${String(error)}`));
});

afterEach(() => vi.useRealTimers());

const fail = (): never => {
  throw new Error('ours');
};

describe('a guard', () => {
  it('ends what the handler belongs to, with what it was called with', () => {
    const socket = new EventEmitter();
    const read = (chunk: string): void => {
      throw new Error(chunk === 'bytes' ? 'ours' : 'another');
    };
    socket.on(
      'data',
      guarded('session', read, (chunk) => ends.push(chunk)),
    );
    socket.emit('data', 'bytes');
    expect(told).toEqual(['session: Error: ours']);
    expect(ends).toEqual(['bytes']);
  });

  it('lets a timer go on with its next round', () => {
    vi.useFakeTimers();
    let rounds = 0;
    const timer = setInterval(
      guarded('cluster', () => {
        rounds++;
        fail();
      }),
      10,
    );
    vi.advanceTimersByTime(35);
    clearInterval(timer);
    expect(rounds).toBe(3);
    expect(told).toHaveLength(3);
  });

  it('reports what goes wrong in the end too, and does not throw', () => {
    guarded('session', fail, fail)();
    expect(told).toHaveLength(2);
  });

  it('gives each of many its turn', () => {
    const served: number[] = [];
    const serve = (one: number): void => {
      if (one === 2) fail();
      served.push(one);
    };
    guardedEach('session', [1, 2, 3], serve, (one) => ends.push(one));
    expect(served).toEqual([1, 3]);
    expect(ends).toEqual([2]);
  });

  it('takes a promise that nobody waits for', async () => {
    unattended('lane', Promise.reject(new Error('ours')), () => ends.push('ended'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['lane: Error: ours']);
    expect(ends).toEqual(['ended']);
  });
});

describe('what is told of an error', () => {
  it('is its name and where it came up, never its text', () => {
    const error = new TypeError("value 'secret' of a client\n    at secret");
    const { error: name, at } = described(error);
    expect(name).toBe('TypeError');
    expect(at.length).toBeGreaterThan(0);
    expect(at.length).toBeLessThanOrEqual(8);
    expect(at.slice(1).join()).not.toContain('secret');
    expect(described('secret')).toEqual({ error: 'string', at: [] });
  });

  it('goes to whom faults are reported now', () => {
    reportFault('audit', new Error('ours'));
    expect(told).toEqual(['audit: Error: ours']);
  });
});
