// Streams of frames for decoder tests, cut where a test wants.
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import type { FrameDecoder, OversizedFrame } from '../../src/protocol/frame-decoder.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import type { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';

export function requestOf(version: number, streamId: number, bodyBytes: number): Buffer {
  const body = Buffer.alloc(bodyBytes, streamId & 0xff);
  return encodeFrame({ version, opcode: Opcode.QUERY, streamId, body });
}

/** The frames that are views on one of the reads: all others were copied. */
export function viewsOn(
  reads: readonly Buffer[],
  frames: readonly (Frame | OversizedFrame)[],
): Frame[] {
  const memory = new Set(reads.map(({ buffer }) => buffer));
  return frames.filter(
    (frame) => frame instanceof Frame && memory.has(frame.buffer.buffer),
  ) as Frame[];
}

/** All frames that come out of these chunks. */
export function decodeAll(
  decoder: FrameDecoder | SegmentDecoder,
  chunks: readonly Buffer[],
): (Frame | OversizedFrame)[] {
  const found: (Frame | OversizedFrame)[] = [];
  for (const chunk of chunks) {
    decoder.push(chunk);
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) found.push(frame);
  }
  return found;
}

export function bytesOf(frames: readonly (Frame | OversizedFrame)[]): Buffer[] {
  return frames.map((frame) =>
    frame instanceof Frame ? Buffer.from(frame.bytes()) : Buffer.alloc(0),
  );
}

/** A small generator with a seed, so that a failure can be had again. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}
