// How slowly a source is answered that guesses: the longer, the more often it failed of late. A source is never
// banned: behind NAT all jobs are one, on one machine all processes of a user are.
import { monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { ADMISSION } from '../limits/identity.ts';

interface Failures {
  count: number;
  lastMs: MonotonicMs;
}

export class FailureDelays {
  readonly #nowMs: () => MonotonicMs;
  /** By source, the one that failed last at the end. */
  readonly #failures = new Map<string, Failures>();

  constructor(nowMs: () => MonotonicMs = monotonicMs) {
    this.#nowMs = nowMs;
  }

  /** Milliseconds by which an answer to this source is to be delayed, as it stands. */
  delayMs(source: string): number {
    const failures = this.#failures.get(source);
    return failures === undefined || !this.#isRecent(failures) ? 0 : delayOf(failures.count);
  }

  /** One more failure; returns the delay that follows from it. */
  failed(source: string): number {
    const before = this.#failures.get(source);
    const count = before !== undefined && this.#isRecent(before) ? before.count + 1 : 1;
    this.#failures.delete(source);
    this.#failures.set(source, { count, lastMs: this.#nowMs() });
    if (this.#failures.size > ADMISSION.sources) {
      const oldest = this.#failures.keys().next();
      if (oldest.done !== true) this.#failures.delete(oldest.value);
    }
    return delayOf(count);
  }

  succeeded(source: string): void {
    this.#failures.delete(source);
  }

  #isRecent({ lastMs }: Failures): boolean {
    return msBetween(lastMs, this.#nowMs()) < ADMISSION.forgetMs;
  }
}

/** The first failures are honest mistakes, answered at once. */
function delayOf(count: number): number {
  const excess = count - ADMISSION.freeFailures;
  return excess <= 0 ? 0 : Math.min(ADMISSION.delayMaxMs, ADMISSION.delayStepMs * excess);
}
