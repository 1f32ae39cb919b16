// When Bitbucket may be asked again after it failed: one pause for all look-ups, since its limits and
// its outages are one for all. Doubled with each failure, with jitter; Retry-After wins.
import { later, LONG_AGO, monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { VCS } from '../limits/services.ts';

export interface PauseOptions {
  readonly nowMs?: () => MonotonicMs;
  /** From 0 up to 1. */
  readonly random?: () => number;
}

export class Pause {
  readonly #nowMs: () => MonotonicMs;
  readonly #random: () => number;
  #failures = 0;
  #beganAtMs = LONG_AGO;
  #untilMs = LONG_AGO;
  /** Of the last failure, for who is told to come later. */
  reason = 'Bitbucket takes long to answer';

  constructor({ nowMs = monotonicMs, random = Math.random }: PauseOptions = {}) {
    this.#nowMs = nowMs;
    this.#random = random;
  }

  /** Milliseconds still to wait; 0 where there is no pause. */
  get leftMs(): number {
    return Math.max(0, msBetween(this.#nowMs(), this.#untilMs));
  }

  /** A request that began at `startedAtMs` failed. `retryAfterMs` is what the answer asked for. */
  failed(startedAtMs: MonotonicMs, reason: string, retryAfterMs: number | null): void {
    const nowMs = this.#nowMs();
    this.reason = reason;
    // Requests that were under way together fail together: that is one failure.
    if (startedAtMs > this.#beganAtMs) this.#failures++;
    this.#beganAtMs = nowMs;
    const doubledMs = Math.min(VCS.pauseMaxMs, VCS.pauseMinMs * 2 ** (this.#failures - 1));
    const askedMs = Math.min(VCS.retryAfterMaxMs, retryAfterMs ?? 0);
    // Later than asked, never sooner; gates that share a limit do not come back together.
    const waitMs = Math.max(askedMs, doubledMs / 2) + (doubledMs / 2) * this.#random();
    const untilMs = later(nowMs, waitMs);
    if (untilMs > this.#untilMs) this.#untilMs = untilMs;
  }

  /** An answer came. A pause that was asked for still holds. */
  succeeded(): void {
    this.#failures = 0;
  }
}
