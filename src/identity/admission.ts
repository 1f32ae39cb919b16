// Admission of connections that have not logged in. They are bounded, in all and per source. When a bound is
// reached, the oldest connection of the source with the most is closed, so that garbage can't keep valid tokens
// out. A source whose logins fail is answered slowly, but never banned: behind NAT all jobs are one source.
import type { MonotonicMs } from '../clock.ts';
import { FailureDelays } from './failure-delays.ts';

/** The place of one connection among those without a login. */
export interface AdmissionSlot {
  succeeded(): void;
  /** Milliseconds by which the answer to this failure is to be delayed. */
  failed(): number;
  /** To be called when the connection ends. Calling it at any time, or twice, is safe. */
  release(): void;
}

export interface AdmissionOptions {
  readonly unauthenticatedConnections: number;
  readonly unauthenticatedPerSource: number;
  readonly nowMs?: () => MonotonicMs;
}

interface Waiting {
  readonly source: string;
  readonly evict: () => void;
}

export class Admission {
  readonly #options: AdmissionOptions;
  /** By source, in order of arrival. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  readonly #failures: FailureDelays;
  #total = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#failures = new FailureDelays(options.nowMs);
  }

  get unauthenticated(): number {
    return this.#total;
  }

  admit(source: string, evict: () => void): AdmissionSlot {
    const own = this.#waiting.get(source);
    if (own !== undefined && own.size >= this.#options.unauthenticatedPerSource) this.#evict(own);
    else if (this.#total >= this.#options.unauthenticatedConnections) this.#evict(this.#largest());
    const waiting: Waiting = { source, evict };
    const set = this.#waiting.get(source) ?? new Set();
    this.#waiting.set(source, set.add(waiting));
    this.#total++;
    return {
      succeeded: () => {
        this.#leave(waiting);
        this.#failures.succeeded(source);
      },
      failed: () => this.#failures.failed(source),
      release: () => this.#leave(waiting),
    };
  }

  #evict(from: Set<Waiting> | null): void {
    const oldest = from?.values().next();
    if (oldest === undefined || oldest.done === true) return;
    this.#leave(oldest.value);
    oldest.value.evict();
  }

  #largest(): Set<Waiting> | null {
    let largest: Set<Waiting> | null = null;
    for (const set of this.#waiting.values()) {
      if (largest === null || set.size > largest.size) largest = set;
    }
    return largest;
  }

  #leave(waiting: Waiting): void {
    const set = this.#waiting.get(waiting.source);
    if (set?.delete(waiting) !== true) return;
    this.#total--;
    if (set.size === 0) this.#waiting.delete(waiting.source);
  }
}
