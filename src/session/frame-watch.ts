// A frame that began must come to its end at a least speed, or its session ends: else a few bytes of many
// frames would hold memory for ever. Time in which the gate itself did not read does not count.
import { LONG_AGO, msBetween, type MonotonicMs } from '../clock.ts';
import { MEMORY } from '../limits/session.ts';
import { RateFloor } from '../memory/rate-floor.ts';

export interface FrameState {
  /** A frame began and is not whole. */
  readonly isMidFrame: boolean;
  /** Frames that were handed out so far, to tell one from the next. */
  readonly framesRead: number;
  readonly bytesRead: number;
  /** The gate does not read now. */
  readonly isPaused: boolean;
  /** The session holds more than its share: then nothing is lent on earlier speed. */
  readonly isAboveShare: boolean;
}

export class FrameWatch {
  readonly #rate = new RateFloor();
  #framesRead = 0;
  #bytesRead = 0;
  #lookedAtMs = LONG_AGO;
  #wasPaused = false;

  /** False where the frame comes too slowly. */
  look(nowMs: MonotonicMs, state: FrameState): boolean {
    const passedMs = msBetween(this.#lookedAtMs, nowMs);
    const movedBytes = state.bytesRead - this.#bytesRead;
    const couldMove = !state.isPaused && !this.#wasPaused;
    this.#lookedAtMs = nowMs;
    this.#bytesRead = state.bytesRead;
    this.#wasPaused = state.isPaused;
    if (!state.isMidFrame) {
      this.#rate.stop();
      return true;
    }
    if (!this.#rate.isRunning || this.#framesRead !== state.framesRead) {
      this.#framesRead = state.framesRead;
      this.#rate.start(MEMORY.rateGraceMs);
      return true;
    }
    const capMs = state.isAboveShare ? MEMORY.rateGraceMs : MEMORY.rateCapMs;
    return this.#rate.moved(movedBytes, couldMove ? passedMs : 0, capMs);
  }
}
