// Times and durations that others tell us, bounded when they are read. A date of ECMAScript ends in the
// year 275760 and `toISOString` throws beyond it; a timer of Node waits 2^31 - 1 ms at most and fires at
// once for anything longer. So no number from outside reaches either without passing through here.
import { epochMs, wallAt, type WallMs } from './clock.ts';
import { CLOCK } from './limits/process.ts';

/** A time given as so many units since the epoch, in ms; null where it is no number or no usable date. */
export function timeOf(count: unknown, unitMs: number): WallMs | null {
  if (typeof count !== 'number') return null;
  const atMs = count * unitMs;
  return atMs >= CLOCK.earliestMs && atMs <= CLOCK.latestMs ? wallAt(atMs) : null;
}

/** The same of a date that is written out. */
export function timeOfText(text: unknown): WallMs | null {
  return typeof text === 'string' ? timeOf(Date.parse(text), 1) : null;
}

/** The nearest usable time, for what must not be lost though its time is none. NaN counts as the latest. */
export function nearestTime(atMs: number): WallMs {
  if (Number.isNaN(atMs)) return wallAt(CLOCK.latestMs);
  return wallAt(Math.min(CLOCK.latestMs, Math.max(CLOCK.earliestMs, atMs)));
}

/** A duration given as so many units, in ms: never negative, and no longer than anything here is kept. */
export function durationOf(count: number, unitMs: number): number {
  const ms = count * unitMs;
  return Number.isNaN(ms) ? 0 : Math.min(CLOCK.longestDurationMs, Math.max(0, ms));
}

/** What a timer can wait for: whoever waits longer looks at the clock again when it fires. */
export function timerMs(waitMs: number): number {
  return Number.isNaN(waitMs) ? 0 : Math.min(CLOCK.longestTimerMs, Math.max(0, waitMs));
}

/** As records, logs and answers have it. Never throws. */
export function isoTime(at: WallMs): string {
  return new Date(epochMs(nearestTime(epochMs(at)))).toISOString();
}
