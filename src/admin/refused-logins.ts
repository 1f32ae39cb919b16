// What failed requests to the admin API may cost. They are accounted for by themselves: connections of drivers that have
// not logged in are another count, in which whoever floods this port must not take a place, nor slow anybody's login.
import { setTimeout as delay } from 'node:timers/promises';
import { FailureDelays } from '../identity/failure-delays.ts';
import { ADMIN } from '../limits/process.ts';

export class RefusedLogins {
  readonly #delays = new FailureDelays();
  #waiting = 0;

  /** Failed requests whose answer waits. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Resolves when the failure may be answered: later, the more often its source failed, and while there is room. */
  async failed(source: string): Promise<void> {
    const waitMs = this.#delays.failed(source);
    if (waitMs === 0 || this.#waiting >= ADMIN.refusalsWaiting) return;
    this.#waiting++;
    try {
      await delay(waitMs, undefined, { ref: false });
    } finally {
      this.#waiting--;
    }
  }

  succeeded(source: string): void {
    this.#delays.succeeded(source);
  }
}
