// How slowly a source is answered that guesses.
import { describe, expect, it } from 'vitest';
import { FailureDelays } from '../../src/identity/failure-delays.ts';
import { ADMISSION } from '../../src/limits/identity.ts';
import { monotonic } from '../support/moments.ts';

let nowMs = 0;
const delays = (): FailureDelays => new FailureDelays(() => monotonic(nowMs));

describe('the failures of a source', () => {
  it('are answered at once at first, then a step later each, up to the longest', () => {
    const of = delays();
    const told = Array.from({ length: 100 }, () => of.failed('a'));
    const { freeFailures, delayStepMs, delayMaxMs } = ADMISSION;
    expect(told.slice(0, freeFailures + 2)).toEqual([
      ...Array<number>(freeFailures).fill(0),
      delayStepMs,
      2 * delayStepMs,
    ]);
    const steps = delayMaxMs / delayStepMs;
    expect(told[freeFailures + steps - 2]).toBe(delayMaxMs - delayStepMs);
    expect(told.slice(freeFailures + steps - 1).every((ms) => ms === delayMaxMs)).toBe(true);
    expect([of.delayMs('a'), of.delayMs('b')]).toEqual([delayMaxMs, 0]);
  });

  it('count on until none came for a while, and not a moment less', () => {
    const of = delays();
    for (let i = 0; i <= ADMISSION.freeFailures; i++) of.failed('a');
    nowMs += ADMISSION.forgetMs - 1;
    expect(of.delayMs('a')).toBe(ADMISSION.delayStepMs);
    nowMs += 1;
    expect(of.delayMs('a')).toBe(0);
    expect(of.failed('a')).toBe(0);
  });

  it('are forgotten when it succeeds', () => {
    const of = delays();
    for (let i = 0; i < 20; i++) of.failed('a');
    of.succeeded('a');
    expect([of.delayMs('a'), of.failed('a')]).toEqual([0, 0]);
  });

  it('are counted of a bounded number of sources: the one that failed longest ago is forgotten', () => {
    const of = delays();
    const guess = (source: string): void => {
      for (let i = 0; i <= ADMISSION.freeFailures; i++) of.failed(source);
    };
    guess('first');
    guess('second');
    for (let i = 2; i < ADMISSION.sources; i++) of.failed(`s${i}`);
    expect(of.delayMs('first')).toBe(ADMISSION.delayStepMs);
    // Whoever failed again stands behind the others.
    of.failed('first');
    of.failed('one more');
    expect(of.delayMs('second')).toBe(0);
    expect(of.delayMs('first')).toBe(2 * ADMISSION.delayStepMs);
  });
});
