// Frames gathered for one write. Those that lie side by side in one buffer, as they were read, leave
// as one view; in v5 they are put into segments, for which each stays its own, or is cut into parts.
import { compressed, type BodyCompression } from './compression.ts';
import { Frame } from './frame.ts';
import {
  cutParts,
  encodeSegments,
  fitsSegment,
  isCompressible,
  type SegmentPart,
} from './segment-encoder.ts';
import type { SegmentLayout } from './segment.ts';

/** Bytes as they leave; of v5 a whole frame or a part of a large one, not yet in a segment. */
export type View = Buffer | SegmentPart;

export class FrameViews {
  #views: View[] = [];
  /** The last frame gathered, while its neighbour in the same buffer may still join it. */
  #runBuffer: Buffer | null = null;
  #runStart = 0;
  #runEnd = 0;
  /** v5: what is taken from here on leaves in segments of this layout. */
  segments: SegmentLayout | null = null;
  /** v4: larger bodies leave compressed. */
  compression: BodyCompression | null = null;

  pushFrame(frame: Frame): void {
    if (!frame.isWhole) {
      this.#pushParts(frame);
      return;
    }
    if (this.compression !== null && this.#pushCompressed(frame, this.compression)) return;
    if (this.segments !== null && !fitsSegment(frame.byteLength, this.segments)) {
      this.#closeRun();
      this.#cut(frame.bytes(), this.segments);
      return;
    }
    if (
      this.segments === null &&
      frame.buffer === this.#runBuffer &&
      frame.start === this.#runEnd
    ) {
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
    if (this.compression !== null) {
      this.pushFrame(new Frame(bytes, 0, bytes.length));
      return;
    }
    this.#closeRun();
    if (this.segments !== null && !fitsSegment(bytes.length, this.segments)) {
      this.#cut(bytes, this.segments);
    } else this.#views.push(bytes);
  }

  /** The buffers to write, in order; nothing is left behind. */
  take(): Buffer[] {
    const views = this.takeViews();
    return this.segments === null ? (views as Buffer[]) : encodeSegments(views, this.segments);
  }

  /** The same before they are put into segments. */
  takeViews(): View[] {
    this.#closeRun();
    const views = this.#views;
    this.#views = [];
    return views;
  }

  /** What is compressed, or is cut to segments that are full, is made of whole frames; else the parts need not lie together. */
  #pushParts(frame: Frame): void {
    const isCompressed = this.compression !== null && isCompressible(frame.byteLength);
    if (isCompressed || this.segments !== null) {
      this.pushFrame(frame.whole());
      return;
    }
    this.#closeRun();
    this.#views.push(frame.bytes());
    // One by one: there may be more of them than a call takes arguments.
    for (const part of frame.rest) this.#views.push(part);
  }

  #cut(frame: Buffer, layout: SegmentLayout): void {
    for (const part of cutParts(frame, layout)) this.#views.push(part);
  }

  #pushCompressed(frame: Frame, compression: BodyCompression): boolean {
    const views = compressed(frame, compression);
    if (views === null) return false;
    this.#closeRun();
    this.#views.push(...views);
    return true;
  }

  #closeRun(): void {
    if (this.#runBuffer === null) return;
    this.#views.push(this.#runBuffer.subarray(this.#runStart, this.#runEnd));
    this.#runBuffer = null;
  }
}
