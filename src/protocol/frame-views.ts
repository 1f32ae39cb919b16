// Frames gathered for one write. Those that lie side by side in one buffer, as they were read, leave
// as one view; in v5 they are put into segments, for which each stays its own.
import type { Frame } from './frame.ts';
import { encodeSegments } from './segment-encoder.ts';

export class FrameViews {
  #views: Buffer[] = [];
  /** The last frame gathered, while its neighbour in the same buffer may still join it. */
  #runBuffer: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;
  /** What is taken from here on leaves in v5 segments. */
  segmented = false;

  pushFrame(frame: Frame): void {
    if (!this.segmented && frame.buffer === this.#runBuffer && frame.start === this.#runEnd) {
      this.#runEnd = frame.end;
      return;
    }
    this.#closeRun();
    this.#runBuffer = frame.buffer;
    this.#runStart = frame.start;
    this.#runEnd = frame.end;
  }

  /** One whole frame. */
  push(bytes: Buffer): void {
    this.#closeRun();
    this.#views.push(bytes);
  }

  /** The buffers to write, in order; nothing is left behind. */
  take(): Buffer[] {
    this.#closeRun();
    const views = this.#views;
    this.#views = [];
    return this.segmented ? encodeSegments(views) : views;
  }

  #closeRun(): void {
    if (this.#runBuffer === null) return;
    this.#views.push(this.#runBuffer.subarray(this.#runStart, this.#runEnd));
    this.#runBuffer = null;
  }
}
