// The least speed at which bytes must move while they are in the way: a bucket that fills with what moved and
// empties with time. It starts with a grace, and never holds more than its cap, so that nobody can be fast
// for a moment and then stand still for long on the credit of it.
import { MEMORY } from '../limits/session.ts';

export class RateFloor {
  #creditBytes = 0;
  #isRunning = false;

  /** Begins anew; `graceMs` is how long nothing at all may move. */
  start(graceMs: number): void {
    this.#creditBytes = bytesIn(graceMs);
    this.#isRunning = true;
  }

  stop(): void {
    this.#isRunning = false;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** False where less moved than had to. `passedMs` is only the time in which it could have moved. */
  moved(bytes: number, passedMs: number, capMs: number): boolean {
    if (!this.#isRunning) return true;
    this.#creditBytes = Math.min(this.#creditBytes + bytes, bytesIn(capMs)) - bytesIn(passedMs);
    return this.#creditBytes >= 0;
  }
}

function bytesIn(ms: number): number {
  return (MEMORY.leastBytesPerSecond * ms) / 1000;
}
