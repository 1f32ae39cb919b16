// Something that may happen without end, told no more often than a log bears: at once the first time, then with the number of
// times that were not told.
import { LONG_AGO, monotonicMs, msBetween } from '../clock.ts';

export class Seldom {
  readonly #intervalMs: number;
  #toldAtMs = LONG_AGO;
  #untold = 0;

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs;
  }

  /** `tell` is called, or not now; `untold` is how often it was not called since the last time. */
  tell(tell: (untold: number) => void): void {
    const nowMs = monotonicMs();
    if (msBetween(this.#toldAtMs, nowMs) < this.#intervalMs) {
      this.#untold++;
      return;
    }
    this.#toldAtMs = nowMs;
    tell(this.#untold);
    this.#untold = 0;
  }
}
