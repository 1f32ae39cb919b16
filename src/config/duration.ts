// Durations as operators write them: 500ms, 30s, 10m, 24h, 7d.

import { CLOCK } from '../limits/process.ts';

const UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const durationPattern = /^([1-9]\d{0,8})(ms|s|m|h|d)$/;

/** Longer than anything of the gate lives is a slip of the pen. */
export const durationBound = `at most ${CLOCK.longestDurationMs / UNITS_MS.d}d`;

export function isBoundedDuration(text: string): boolean {
  return !(durationMs(text) > CLOCK.longestDurationMs);
}

/** Milliseconds of a text that fits `durationPattern`; NaN of any other. */
export function durationMs(text: string): number {
  const [, count, unit] = durationPattern.exec(text) ?? [];
  return Number(count) * UNITS_MS[unit as keyof typeof UNITS_MS];
}
