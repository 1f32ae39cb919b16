// The bytes that a node sends, as frames: one frame after the other, and in v5 segments once the login has agreed on
// them. What an answer holds that is not whole yet is charged to the memory of all answers.
import { UPSTREAM } from '../limits/upstream.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import { FrameDecoder, type OversizedFrame } from '../protocol/frame-decoder.ts';
import type { SegmentLayout } from '../protocol/segment.ts';
import { SegmentDecoder } from '../protocol/segment-decoder.ts';
import { hasBodyCompression } from '../protocol/versions.ts';

export interface AnswerDecoderOptions {
  readonly version: number;
  readonly compression: BodyCompression | null;
  /** Left out: nobody is charged. */
  readonly memory?: MemoryBudget | undefined;
}

export class AnswerDecoder {
  readonly #version: number;
  readonly #memory: MemoryBudget | undefined;
  #decoder: FrameDecoder | SegmentDecoder;
  #chargedBytes = 0;

  constructor({ version, compression, memory }: AnswerDecoderOptions) {
    this.#version = version;
    this.#memory = memory;
    const decoder = new FrameDecoder({
      direction: 'response',
      version,
      maxFrameBytes: UPSTREAM.responseFrameBytes,
      partsFromBytes: UPSTREAM.partsFromBytes,
    });
    // A node compresses the answer to STARTUP already.
    if (hasBodyCompression(version)) decoder.compression = compression;
    this.#decoder = decoder;
  }

  push(chunk: Buffer): void {
    this.#decoder.push(chunk);
    if (this.#memory === undefined) return;
    // An answer that has begun has its room already.
    const roomBytes = this.#memory.answerRoomBytes + this.#chargedBytes;
    this.#decoder.maxFrameBytes = Math.min(UPSTREAM.responseFrameBytes, roomBytes);
  }

  /** The next answer, if it is whole. Throws ProtocolFault on bytes that are none. */
  next(): Frame | OversizedFrame | null {
    return this.#decoder.next();
  }

  /** What the answer holds that is not whole yet. */
  charge(): void {
    this.#chargeBytes(this.#decoder.reservedBytes);
  }

  /** Nothing more is read. */
  release(): void {
    this.#chargeBytes(0);
  }

  /** From here on the node sends segments; what of them came already is read too. */
  switchToSegments(layout: SegmentLayout): void {
    const rest = (this.#decoder as FrameDecoder).takeRest();
    this.#decoder = new SegmentDecoder({
      direction: 'response',
      version: this.#version,
      maxFrameBytes: UPSTREAM.responseFrameBytes,
      layout,
    });
    this.#decoder.allowMultiSegment = true;
    if (rest !== null) this.push(rest);
  }

  #chargeBytes(bytes: number): void {
    if (bytes === this.#chargedBytes) return;
    this.#memory?.answers.add(bytes - this.#chargedBytes);
    this.#chargedBytes = bytes;
  }
}
