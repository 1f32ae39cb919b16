// Times and durations that others tell, bounded when they are read.
import { describe, expect, it } from 'vitest';
import { epochMs, wallAt } from '../src/clock.ts';
import { CLOCK } from '../src/limits/process.ts';
import {
  durationOf,
  isoTime,
  nearestTime,
  timeOf,
  timeOfText,
  timerMs,
} from '../src/wall-clock.ts';

describe('a time that is told', () => {
  it('is taken from the first to the last that every reader understands', () => {
    expect(epochMs(timeOf(CLOCK.earliestMs, 1)!)).toBe(CLOCK.earliestMs);
    expect(epochMs(timeOf(CLOCK.latestMs, 1)!)).toBe(CLOCK.latestMs);
    expect(timeOf(CLOCK.earliestMs - 1, 1)).toBeNull();
    expect(timeOf(CLOCK.latestMs + 1, 1)).toBeNull();
    expect(epochMs(timeOf(5, 1_000)!)).toBe(5_000);
    expect(timeOfText('9999-12-31T23:59:59.999Z')).toEqual(wallAt(CLOCK.latestMs));
    expect(timeOfText('1969-12-31T23:59:59.999Z')).toBeNull();
    expect(timeOfText('yesterday')).toBeNull();
  });

  it('is the nearest one where it must not be lost', () => {
    expect(isoTime(nearestTime(-1))).toBe('1970-01-01T00:00:00.000Z');
    expect(isoTime(nearestTime(CLOCK.latestMs + 1))).toBe('9999-12-31T23:59:59.999Z');
    expect(isoTime(nearestTime(NaN))).toBe('9999-12-31T23:59:59.999Z');
    expect(isoTime(wallAt(Infinity))).toBe('9999-12-31T23:59:59.999Z');
    expect(isoTime(wallAt(86_400_000))).toBe('1970-01-02T00:00:00.000Z');
  });
});

describe('a duration that is told', () => {
  it('is never negative, and no longer than anything is kept', () => {
    expect(durationOf(CLOCK.longestDurationMs, 1)).toBe(CLOCK.longestDurationMs);
    expect(durationOf(CLOCK.longestDurationMs + 1, 1)).toBe(CLOCK.longestDurationMs);
    expect([durationOf(-1, 1), durationOf(NaN, 1), durationOf(3, 1_000)]).toEqual([0, 0, 3_000]);
  });

  it('is cut to what a timer waits for', () => {
    expect(timerMs(CLOCK.longestTimerMs)).toBe(CLOCK.longestTimerMs);
    expect(timerMs(CLOCK.longestTimerMs + 1)).toBe(CLOCK.longestTimerMs);
    expect([timerMs(-5), timerMs(NaN), timerMs(7)]).toEqual([0, 0, 7]);
  });
});
