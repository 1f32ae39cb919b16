// v5 segments as they are written: where one begins matters to readers that lose their place where a read ends within
// a segment's header.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { encodeSegments } from '../../src/protocol/segment-encoder.ts';
import {
  isSelfContained,
  LZ4_SEGMENTS,
  payloadBytesOf,
  PLAIN_SEGMENTS,
  SEGMENT_TRAILER_BYTES,
  type SegmentLayout,
} from '../../src/protocol/segment.ts';

const FULL_BYTES = 128 * 1024;
const MIB = 1024 * 1024;

interface Written {
  /** Header and trailer included. */
  readonly bytes: number;
  readonly selfContained: boolean;
}

function segmentsOf(bytes: Buffer, layout: SegmentLayout): Written[] {
  const found: Written[] = [];
  for (let at = 0; at < bytes.length; at += found.at(-1)!.bytes) {
    const header = bytes.readUIntLE(at, layout.lengthBytes);
    found.push({
      bytes: layout.headerBytes + payloadBytesOf(header) + SEGMENT_TRAILER_BYTES,
      selfContained: isSelfContained(layout, header),
    });
  }
  return found;
}

const answerOf = (bodyBytes: number): Buffer =>
  encodeFrame({
    version: 5,
    opcode: Opcode.RESULT,
    streamId: 1,
    body: randomBytes(bodyBytes),
  });

describe.each([
  ['plain', PLAIN_SEGMENTS],
  ['compressed', LZ4_SEGMENTS],
])('in %s segments', (_name, layout) => {
  const expectFull = (written: readonly Written[]): void => {
    expect(written.some(({ selfContained }) => selfContained)).toBe(false);
    for (const { bytes } of written.slice(0, -1)) expect(bytes).toBe(FULL_BYTES);
    expect(written.at(-1)!.bytes).toBeLessThanOrEqual(FULL_BYTES);
  };

  // Above 1 MiB nothing is compressed; random bytes do not shrink.
  it.each([200_000, MIB - 9, 3 * MIB, 16 * FULL_BYTES - 9])(
    'an answer of %i bytes goes on at multiples of 128 KiB',
    (size) => {
      const written = segmentsOf(Buffer.concat(encodeSegments([answerOf(size)], layout)), layout);
      expect(written.length).toBeGreaterThan(1);
      expectFull(written);
    },
  );

  it('so does one that came in reads of any size', () => {
    const answer = answerOf(MIB);
    for (const first of [9, 1_000, 65_536, layout.fullPayloadBytes + 1]) {
      const parts = [answer.subarray(first, first + 70_000), answer.subarray(first + 70_000)];
      const views = new FrameViews();
      views.segments = layout;
      views.pushFrame(new Frame(answer, 0, first, parts));
      expectFull(segmentsOf(Buffer.concat(views.take()), layout));
    }
  });

  it('small answers share one of at most 128 KiB', () => {
    const frames = Array.from({ length: 2_000 }, () => answerOf(91));
    const written = segmentsOf(Buffer.concat(encodeSegments(frames, layout)), layout);
    expect(written.length).toBe(2);
    for (const { bytes } of written) expect(bytes).toBeLessThanOrEqual(FULL_BYTES);
    expect(written.every(({ selfContained }) => selfContained)).toBe(true);
  });
});
