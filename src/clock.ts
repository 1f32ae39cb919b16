// The two clocks, and the only place that reads them. The wall clock says what time it is: people and time
// servers set it, forward and back. The monotonic clock only runs: it says how long something takes, and means
// nothing in another process. A moment is of one of the two types, which are no numbers to the compiler: moments
// of different clocks can be neither compared nor subtracted, and neither can be mistaken for a duration, which
// is a plain number of milliseconds. Whatever another party tells as a point in time (the end of a token or of a
// certificate, a revocation) and whatever is written down belongs to the wall clock. All else is how long.
declare const clock: unique symbol;

/** A moment of the wall clock. Milliseconds since the epoch. */
export interface WallMs {
  readonly [clock]: 'wall';
}

/** A moment of this process's monotonic clock. Milliseconds since the process began. */
export interface MonotonicMs {
  readonly [clock]: 'monotonic';
}

type Moment = WallMs | MonotonicMs;

/** Before everything that this process did, and after it. Both are doubles, so that fields of moments stay that. */
export const LONG_AGO = -Infinity as unknown as MonotonicMs;
export const NEVER = Infinity as unknown as MonotonicMs;

export function wallMs(): WallMs {
  return Date.now() as unknown as WallMs;
}

export function monotonicMs(): MonotonicMs {
  return performance.now() as unknown as MonotonicMs;
}

/** `ms` after a moment, or before it where that is negative. */
export function later<M extends Moment>(at: M, ms: number): M {
  return ((at as unknown as number) + ms) as unknown as M;
}

/** From one moment to another of the same clock; negative where `to` is the earlier one. */
export function msBetween<M extends Moment>(from: M, to: M): number {
  return (to as unknown as number) - (from as unknown as number);
}

/** How long ago a moment of the monotonic clock is. */
export function msSince(at: MonotonicMs): number {
  return msBetween(at, monotonicMs());
}

export function earliest<M extends Moment>(a: M, b: M): M {
  return a < b ? a : b;
}

export function latest<M extends Moment>(a: M, b: M): M {
  return a > b ? a : b;
}

/** A time in milliseconds since the epoch from a source that this process trusts: a file system, or a record of its own. */
export function wallAt(epochMs: number): WallMs {
  return epochMs as unknown as WallMs;
}

/** Milliseconds since the epoch, for whom another process tells the time. */
export function epochMs(at: WallMs): number {
  return at as unknown as number;
}
