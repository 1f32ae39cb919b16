// When Bitbucket may be asked again after a failure. All look-ups share one pause, because limits and outages
// concern all of them. It doubles with each failure, with jitter; a Retry-After takes precedence.
import { backoffMs } from '../backoff.ts';
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
  /** The reason of the last failure, for the answer to those who are to try again later. */
  reason = 'Bitbucket takes long to answer';

  constructor({ nowMs = monotonicMs, random = Math.random }: PauseOptions = {}) {
    this.#nowMs = nowMs;
    this.#random = random;
  }

  /** The milliseconds still to wait; 0 if there is no pause. */
  get leftMs(): number {
    return Math.max(0, msBetween(this.#nowMs(), this.#untilMs));
  }

  /** A request that began at `startedAtMs` failed. `retryAfterMs` is what the answer asked for. */
  failed(startedAtMs: MonotonicMs, reason: string, retryAfterMs: number | null): void {
    const nowMs = this.#nowMs();
    this.reason = reason;
    // Requests that were in flight at the same time fail together, and count as one failure.
    if (startedAtMs > this.#beganAtMs) this.#failures++;
    this.#beganAtMs = nowMs;
    const doubledMs = backoffMs(this.#failures, VCS.pauseMinMs, VCS.pauseMaxMs);
    const askedMs = Math.min(VCS.retryAfterMaxMs, retryAfterMs ?? 0);
    // Later than asked for, never sooner, so that gates that share a limit do not come back at the same time.
    const waitMs = Math.max(askedMs, doubledMs / 2) + (doubledMs / 2) * this.#random();
    const untilMs = later(nowMs, waitMs);
    if (untilMs > this.#untilMs) this.#untilMs = untilMs;
  }

  /** To be called when an answer came. A pause that Retry-After asked for stays in force. */
  succeeded(): void {
    this.#failures = 0;
  }
}
