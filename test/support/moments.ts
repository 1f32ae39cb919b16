// Moments for tests: made of plain numbers, and a wall clock that somebody sets while things wait.
import { vi } from 'vitest';
import { monotonicMs, msBetween, wallAt, type MonotonicMs, type WallMs } from '../../src/clock.ts';
import { nearestTime } from '../../src/wall-clock.ts';

/** For tokens that outlive the test. */
export const NO_END: WallMs = nearestTime(Infinity);

/** So many milliseconds after the start of a process. */
export function monotonic(ms: number): MonotonicMs {
  return ms as unknown as MonotonicMs;
}

/** Both clocks of whoever takes them, told by one number: nobody sets the wall clock. */
export function clocksAt(nowMs: () => number): {
  readonly wallMs: () => WallMs;
  readonly monotonicMs: () => MonotonicMs;
} {
  return { wallMs: () => wallAt(nowMs()), monotonicMs: () => monotonic(nowMs()) };
}

/** Milliseconds from now. */
export function msUntil(at: MonotonicMs): number {
  return msBetween(monotonicMs(), at);
}

/** Sets the wall clock of this process, as time servers and people do; undone by `vi.restoreAllMocks()`. */
export function stepWallClock(stepMs: number): void {
  const before = Date.now.bind(Date);
  vi.spyOn(Date, 'now').mockImplementation(() => before() + stepMs);
}
