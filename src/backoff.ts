// How long to wait before something that failed is tried again. The wait doubles with each failure in a row, up to a
// bound. The bounds themselves belong to whoever tries again (src/limits).

/** `failures`: how many there were in a row, this one included; with 0 the wait is as short as after the first. */
export function backoffMs(failures: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.max(0, failures - 1));
}

/** Between half of it and all of it, so that processes that failed together do not try again together. */
export function jittered(ms: number, random: () => number = Math.random): number {
  return ms * (0.5 + random() / 2);
}
