// Frames of every size around those that fill v5 segments. One that Cassandra gets as a large frame of a single part
// makes it take the parts of all later ones for more of it: on a connection that tenants share, no large request would
// ever be answered again.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import {
  isSelfContained,
  LZ4_SEGMENTS,
  payloadBytesOf,
  PLAIN_SEGMENTS,
  SEGMENT_TRAILER_BYTES,
  uncompressedBytesOf,
  type SegmentLayout,
} from '../../src/protocol/segment.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';

const noise = randomBytes(300_000);
const zeros = Buffer.alloc(300_000);

/** The length of what each segment holds, and whether that is whole frames. */
function contentsOf(bytes: Buffer, layout: SegmentLayout): [length: number, isWhole: boolean][] {
  const found: [number, boolean][] = [];
  for (let at = 0; at < bytes.length;) {
    const header = bytes.readUIntLE(at, layout.lengthBytes);
    const payloadBytes = payloadBytesOf(header);
    const length = uncompressedBytesOf(layout, header) || payloadBytes;
    found.push([length, isSelfContained(layout, header)]);
    at += layout.headerBytes + payloadBytes + SEGMENT_TRAILER_BYTES;
  }
  return found;
}

describe.each([
  ['plain', PLAIN_SEGMENTS, noise],
  ['compressed', LZ4_SEGMENTS, zeros],
  ['compressed, of what does not shrink', LZ4_SEGMENTS, noise],
])('frames around the size of a segment: %s', (_name, layout, content) => {
  const full = layout.fullPayloadBytes;
  const frameOf = (bytes: number): Buffer =>
    encodeFrame({
      version: 5,
      opcode: Opcode.QUERY,
      streamId: 1,
      body: content.subarray(0, bytes - 9),
    });
  const around = (bytes: number): number[] =>
    [-13, -12, -10, -9, -8, -1, 0, 1, 8, 9, 10].map((more) => bytes + more);
  const sizes = [...around(full), ...around(128 * 1024), ...around(2 * full)];

  const expectBack = (sent: readonly Buffer[], cut: number): void => {
    const views = new FrameViews();
    views.segments = layout;
    for (const frame of sent) views.pushFrame(new Frame(frame, 0, frame.length));
    const bytes = Buffer.concat(views.take());
    let parts = 0;
    for (const [length, isWhole] of contentsOf(bytes, layout)) {
      expect(length).toBeLessThanOrEqual(full);
      if (!isWhole) parts++;
    }
    for (const { length } of sent) {
      if (length <= full) continue;
      parts -= Math.ceil(length / full);
    }
    // No large frame has a single part, and no other has any.
    expect(parts).toBe(0);
    const decoder = new SegmentDecoder({
      direction: 'request',
      version: 5,
      maxFrameBytes: 1 << 20,
      layout,
    });
    decoder.allowMultiSegment = true;
    const found: Buffer[] = [];
    for (const chunk of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
      decoder.push(chunk);
      for (let next = decoder.next(); next !== null; next = decoder.next()) {
        found.push((next as Frame).bytes());
      }
    }
    expect(decoder.isMidFrame).toBe(false);
    expect(found.map(({ length }) => length)).toEqual(sent.map(({ length }) => length));
    expect(Buffer.concat(found).equals(Buffer.concat(sent))).toBe(true);
  };

  it.each(sizes)('%i bytes, alone and between others', (size) => {
    const frame = frameOf(size);
    const small = frameOf(40);
    expectBack([frame], 3);
    expectBack([small, frame, small, frame, frame, small], full + 5);
  });

  it('with the second part cut anywhere in its header', () => {
    const begin = 128 * 1024;
    for (let cut = begin - 5; cut < begin + 20; cut++) {
      if (content === zeros) expectBack([frameOf(2 * full + 1)], cut - begin + 5);
      else expectBack([frameOf(2 * full + 1)], cut);
    }
  });

  it('a small one that fills the rest of a segment shares it', () => {
    const views = new FrameViews();
    views.segments = layout;
    const frames = [frameOf(1_000), frameOf(full - 1_000), frameOf(9)];
    for (const frame of frames) views.push(frame);
    expect(contentsOf(Buffer.concat(views.take()), layout)).toEqual([
      [full, true],
      [9, true],
    ]);
    expectBack(frames, 7);
  });
});
