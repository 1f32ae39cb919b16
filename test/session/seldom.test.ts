// How often something that may happen without end is told.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Seldom } from '../../src/session/seldom.ts';

const INTERVAL_MS = 60_000;
let seldom: Seldom;
let told: number[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  seldom = new Seldom(INTERVAL_MS);
  told = [];
});
afterEach(() => void vi.useRealTimers());

const happens = (times = 1): void => {
  for (let i = 0; i < times; i++) seldom.tell((untold) => told.push(untold));
};

describe('what happens again and again', () => {
  it('is told at once the first time, with nothing left out', () => {
    happens();
    expect(told).toEqual([0]);
  });

  it('is not told again before the interval is over, to the millisecond', () => {
    happens();
    vi.advanceTimersByTime(INTERVAL_MS - 1);
    happens();
    expect(told).toEqual([0]);
    vi.advanceTimersByTime(1);
    happens();
    expect(told).toEqual([0, 1]);
  });

  it('is told with how often it was not, counted anew each time', () => {
    happens(101);
    vi.advanceTimersByTime(INTERVAL_MS);
    happens(3);
    vi.advanceTimersByTime(INTERVAL_MS);
    happens();
    vi.advanceTimersByTime(INTERVAL_MS);
    happens();
    expect(told).toEqual([0, 100, 2, 0]);
  });

  it('has its interval from the last time it was told, not from the last time it happened', () => {
    happens();
    for (let i = 0; i < 4; i++) {
      vi.advanceTimersByTime(INTERVAL_MS / 4);
      happens();
    }
    expect(told).toEqual([0, 3]);
  });
});
