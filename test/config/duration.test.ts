// Durations as operators write them.
import { expect, it } from 'vitest';
import { durationBound, durationMs, isBoundedDuration } from '../../src/config/duration.ts';
import { CLOCK } from '../../src/limits/process.ts';

it.each([
  ['500ms', 500],
  ['30s', 30_000],
  ['10m', 600_000],
  ['24h', 86_400_000],
  ['7d', 604_800_000],
  ['0s', NaN],
  ['-1s', NaN],
  ['1.5h', NaN],
  ['10', NaN],
  ['10 m', NaN],
  ['1h30m', NaN],
  ['9999999999ms', NaN],
])('%s is %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

it('a duration is as long as anything of the gate lives, and no longer', () => {
  const days = CLOCK.longestDurationMs / 86_400_000;
  expect([isBoundedDuration(`${days}d`), isBoundedDuration(`${days + 1}d`)]).toEqual([true, false]);
  expect(durationBound).toBe(`at most ${days}d`);
});
