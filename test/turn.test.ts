// A turn of the event loop as the gate counts it: one write per destination, one budget of work, one look at the clocks.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { reportFaultsTo } from '../src/guard.ts';
import { TURN } from '../src/limits/session.ts';
import {
  flushAfterTurn,
  inLaterTurn,
  laterTurn,
  turnMonotonicMs,
  turnWallMs,
  turnWork,
  writeTogether,
} from '../src/turn.ts';

const told: string[] = [];
const ends: unknown[] = [];
const turn = async (): Promise<void> =>
  new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

beforeEach(async () => {
  await turn();
  told.length = 0;
  ends.length = 0;
  reportFaultsTo((place, error) => told.push(`${place}: ${String(error)}`));
});

const fail = (): never => {
  throw new Error('ours');
};

describe('the writes of a turn', () => {
  it('reach every destination but the one that fails', async () => {
    const flushed: string[] = [];
    const destination = (name: string, flush: () => void) => ({
      flush,
      flushFailed: () => ends.push(name),
    });
    flushAfterTurn(destination('a', () => flushed.push('a')));
    flushAfterTurn(destination('b', fail));
    flushAfterTurn(destination('c', () => flushed.push('c')));
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(flushed).toEqual(['a', 'c']);
    expect(ends).toEqual(['b']);
    expect(told).toEqual(['flush: Error: ours']);
  });
});

describe('the work of a turn', () => {
  it('is spent at its bound, and there is as much in the next one', async () => {
    turnWork.add(TURN.work - 1);
    expect(turnWork.isSpent).toBe(false);
    turnWork.add(1);
    expect(turnWork.isSpent).toBe(true);
    const { turn: before } = turnWork;
    await turn();
    expect([turnWork.isSpent, turnWork.done]).toEqual([false, 0]);
    expect(turnWork.turn).toBeGreaterThan(before);
  });

  it('lets those who were put off go on in order, as many as there is room for, one at least', async () => {
    const went: string[] = [];
    const go = (name: string, units: number) => () => {
      went.push(name);
      turnWork.add(units);
    };
    inLaterTurn(go('a', TURN.work / 2));
    inLaterTurn(go('b', TURN.work / 2));
    inLaterTurn(go('c', 2 * TURN.work));
    inLaterTurn(go('d', 1));
    const after: string[] = [];
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    after.push(went.join(''));
    inLaterTurn(go('e', 1));
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    after.push(went.join(''));
    await new Promise<void>((resolve) => setImmediate(() => resolve()));
    after.push(went.join(''));
    expect(after).toEqual(['ab', 'abc', 'abcde']);
  });

  it('that somebody waits for is counted from when the turn is theirs, and once', async () => {
    const order: string[] = [];
    const first = laterTurn(TURN.work).then(() => order.push(`first ${turnWork.done}`));
    inLaterTurn(() => order.push('second'));
    await first;
    expect(order).toEqual(['first 0']);
    await turn();
    expect(order).toEqual(['first 0', 'second']);
  });
});

describe('the clocks of a turn', () => {
  it('are looked at once, and anew in the next one', async () => {
    const monotonic = vi.spyOn(performance, 'now');
    const wall = vi.spyOn(Date, 'now');
    try {
      const [at, on] = [turnMonotonicMs(), turnWallMs()];
      const looks = monotonic.mock.calls.length + wall.mock.calls.length;
      expect([turnMonotonicMs(), turnWallMs()]).toEqual([at, on]);
      expect(monotonic.mock.calls.length + wall.mock.calls.length).toBe(looks);
      expect(looks).toBe(2);
      await turn();
      turnMonotonicMs();
      expect(monotonic.mock.calls.length + wall.mock.calls.length).toBeGreaterThan(looks);
    } finally {
      vi.restoreAllMocks();
    }
  });
});

describe('several buffers for a socket', () => {
  it('are one write, and a single one needs no cork', () => {
    const calls: string[] = [];
    const socket = {
      cork: () => calls.push('cork'),
      write: (bytes: Buffer) => calls.push(bytes.toString()) > 0,
      uncork: () => calls.push('uncork'),
    };
    writeTogether(socket, [Buffer.from('a')]);
    writeTogether(socket, [Buffer.from('b'), Buffer.from('c')]);
    expect(calls).toEqual(['a', 'cork', 'b', 'c', 'uncork']);
  });
});
