// The end of a process after an error that no guard caught: what is sealed before, and that it ends in any case.
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { INTERNAL_EXIT, LastResort } from '../../src/commands/last-resort.ts';
import { reportFaultsTo } from '../../src/guard.ts';
import { LAST_RESORT } from '../../src/limits/process.ts';

const reported: unknown[] = [];
let uncaught: (error: unknown) => void;
let exits: unknown[];
let lastResort: LastResort;

beforeEach(() => {
  vi.useFakeTimers();
  reported.length = 0;
  exits = [];
  reportFaultsTo((place, error) => reported.push([place, error]));
  vi.spyOn(process, 'exit').mockImplementation((code) => {
    exits.push(code);
    return undefined as never;
  });
  vi.spyOn(process, 'on').mockImplementation((_event, handler) => {
    uncaught = handler as typeof uncaught;
    return process;
  });
  lastResort = new LastResort();
  lastResort.install();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});
afterAll(() => reportFaultsTo(() => undefined));

const error = new TypeError('broken');

describe('an error that no guard caught', () => {
  it('is reported, and ends the process when all is sealed', async () => {
    let sealed = (): void => undefined;
    lastResort.seal = async () => new Promise<void>((resolve) => (sealed = resolve));
    uncaught(error);
    await vi.advanceTimersByTimeAsync(1);
    expect(reported).toEqual([['process', error]]);
    expect(exits).toEqual([]);
    sealed();
    await vi.advanceTimersByTimeAsync(1);
    expect(exits).toEqual([INTERNAL_EXIT]);
  });

  it('ends the process even if nothing can be sealed in time', async () => {
    lastResort.seal = async () => new Promise(() => undefined);
    uncaught(error);
    await vi.advanceTimersByTimeAsync(LAST_RESORT.sealMs + 1);
    expect(exits).toEqual([INTERNAL_EXIT]);
  });

  it.each([
    ['rejects', async () => Promise.reject(new Error('no disk'))],
    [
      'throws',
      () => {
        throw new Error('no disk');
      },
    ],
  ])('ends the process even if sealing %s', async (_how, seal) => {
    lastResort.seal = seal;
    uncaught(error);
    await vi.advanceTimersByTimeAsync(1);
    expect(exits).toEqual([INTERNAL_EXIT]);
  });

  it('seals once, however many follow', async () => {
    let seals = 0;
    lastResort.seal = async () =>
      new Promise(() => {
        seals++;
      });
    uncaught(error);
    uncaught(error);
    expect(seals).toBe(1);
    expect(reported).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(0);
  });
});
