// Who may wait at the door. Connections without a login are bounded, in all and per source; when a
// bound is reached the oldest of the source with most makes room, so that garbage can't keep valid
// tokens out. A source that fails is answered slowly, never banned: behind NAT all jobs are one source.
import { ADMISSION } from '../limits.ts';

export interface Ticket {
  succeeded(): void;
  /** Milliseconds by which the answer to this failure is to be delayed. */
  failed(): number;
  /** The connection ended. Safe to call at any time, and twice. */
  release(): void;
}

export interface AdmissionOptions {
  readonly unauthenticatedConnections: number;
  readonly unauthenticatedPerSource: number;
  readonly nowMs?: () => number;
}

interface Waiting {
  readonly source: string;
  readonly evict: () => void;
}

interface Failures {
  count: number;
  lastMs: number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #nowMs: () => number;
  /** By source, in order of arrival. */
  readonly #waiting = new Map<string, Set<Waiting>>();
  readonly #failures = new Map<string, Failures>();
  #total = 0;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  get unauthenticated(): number {
    return this.#total;
  }

  admit(source: string, evict: () => void): Ticket {
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
        this.#failures.delete(source);
      },
      failed: () => this.#failed(source),
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

  #failed(source: string): number {
    const nowMs = this.#nowMs();
    const before = this.#failures.get(source);
    const recent = before !== undefined && nowMs - before.lastMs < ADMISSION.forgetMs;
    const count = recent ? before.count + 1 : 1;
    this.#failures.delete(source);
    this.#failures.set(source, { count, lastMs: nowMs });
    if (this.#failures.size > ADMISSION.sources) {
      const oldest = this.#failures.keys().next();
      if (oldest.done !== true) this.#failures.delete(oldest.value);
    }
    // The first failures are honest mistakes, answered at once.
    const excess = count - ADMISSION.freeFailures;
    return excess <= 0 ? 0 : Math.min(ADMISSION.delayMaxMs, ADMISSION.delayStepMs * excess);
  }
}
