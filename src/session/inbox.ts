// A session's bytes to frames: plain until STARTUP was answered, then as it was agreed on there (v5
// segments, compression), and with the limits of a login until there is one.
import type { Limits } from '../limits/operator.ts';
import { COMPRESSION, TURN } from '../limits/session.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import { FrameDecoder, type OversizedFrame } from '../protocol/frame-decoder.ts';
import { SegmentDecoder } from '../protocol/segment-decoder.ts';
import type { SegmentLayout } from '../protocol/segment.ts';
import { hasBodyCompression } from '../protocol/versions.ts';

export class Inbox {
  readonly #limits: Limits;
  #decoder: FrameDecoder | SegmentDecoder;
  #compression: BodyCompression | null = null;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#decoder = new FrameDecoder({
      direction: 'request',
      version: null,
      maxFrameBytes: limits.preAuthFrameBytes,
    });
  }

  get maxFrameBytes(): number {
    return this.#decoder.maxFrameBytes;
  }

  /** Read, and not handed out as frames yet. */
  get bufferedBytes(): number {
    return this.#decoder.bufferedBytes;
  }

  get isMidFrame(): boolean {
    return this.#decoder.isMidFrame;
  }

  push(chunk: Buffer): void {
    this.#decoder.push(chunk);
  }

  next(): Frame | OversizedFrame | null {
    return this.#decoder.next();
  }

  /** Of segments that were read, and bodies that were decompressed, since it was last asked; in units of work. */
  takeWork(): number {
    const decoder = this.#decoder;
    let work = 0;
    if (decoder instanceof SegmentDecoder) {
      work = decoder.segmentsRead * TURN.segment;
      decoder.segmentsRead = 0;
    }
    const bytes = decoder.decompressedBytes;
    if (bytes === 0) return work;
    decoder.decompressedBytes = 0;
    return work + bytes / (this.#compression?.bytesPerUnit ?? 1);
  }

  /** STARTUP was read: no other version from here, and in v4 bodies may be compressed. */
  started(version: number, compression: BodyCompression | null): void {
    if (!(this.#decoder instanceof FrameDecoder)) return;
    this.#compression = compression;
    this.#decoder.version = version;
    this.#decoder.compression = hasBodyCompression(version) ? compression : null;
  }

  /** STARTUP was answered in v5: what comes from here comes in segments. */
  switchToSegments(version: number, layout: SegmentLayout): void {
    if (!(this.#decoder instanceof FrameDecoder)) return;
    const rest = this.#decoder.takeRest();
    this.#decoder = new SegmentDecoder({
      direction: 'request',
      version,
      maxFrameBytes: this.#limits.preAuthFrameBytes,
      layout,
    });
    if (rest !== null) this.#decoder.push(rest);
  }

  /** Nothing of it is handed out any more. */
  clear(): void {
    this.#decoder = new FrameDecoder({
      direction: 'request',
      version: null,
      maxFrameBytes: this.#limits.preAuthFrameBytes,
    });
  }

  loggedIn(): void {
    const { maxFrameBytes } = this.#limits;
    const isSlow = this.#compression?.implementation === 'javascript';
    this.#decoder.maxFrameBytes = isSlow
      ? Math.min(maxFrameBytes, COMPRESSION.javascriptFrameBytes)
      : maxFrameBytes;
    if (this.#decoder instanceof SegmentDecoder) this.#decoder.allowMultiSegment = true;
  }
}
