// v5 segments: frames out of them at every cut and size, and every way in which they can be corrupt.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { crc24, crc32 } from '../../src/protocol/crc.ts';
import { OversizedFrame } from '../../src/protocol/frame-decoder.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import { encodeSegments } from '../../src/protocol/segment-encoder.ts';
import { PLAIN_SEGMENTS, writeSegmentHeader } from '../../src/protocol/segment.ts';
import { bytesOf, decodeAll, random, requestOf, viewsOn } from './streams.ts';

function decoder(maxFrameBytes = 1 << 24, multi = true): SegmentDecoder {
  const made = new SegmentDecoder({ direction: 'request', version: 5, maxFrameBytes });
  made.allowMultiSegment = multi;
  return made;
}

/** A segment of these bytes, with checksums that are right. */
function segment(payload: Buffer, selfContained: boolean): Buffer {
  const bytes = Buffer.alloc(6 + payload.length + 4);
  writeSegmentHeader(PLAIN_SEGMENTS, bytes, {
    payloadBytes: payload.length,
    uncompressedBytes: 0,
    selfContained,
  });
  payload.copy(bytes, 6);
  bytes.writeUInt32LE(crc32(payload, 0, payload.length), 6 + payload.length);
  return bytes;
}

describe('the segment decoder', () => {
  const frames = [requestOf(5, 1, 0), requestOf(5, 2, 7), requestOf(5, 3, 60)];

  it('finds several frames of one segment at every split point', () => {
    const bytes = Buffer.concat(encodeSegments(frames));
    expect(bytes.length).toBe(6 + 4 + Buffer.concat(frames).length);
    for (let a = 0; a <= bytes.length; a++) {
      const parts = [bytes.subarray(0, a), bytes.subarray(a)];
      expect(bytesOf(decodeAll(decoder(), parts))).toEqual(frames);
    }
  });

  it('gives views where a segment lies in one read', () => {
    const reads = [Buffer.concat(encodeSegments(frames))];
    const found = decodeAll(decoder(), reads);
    expect(viewsOn(reads, found)).toHaveLength(frames.length);
  });

  const sizes = [1, 2, 3].flatMap((n) =>
    Array.from({ length: 9 }, (_unused, i) => n * 131_071 + i + 1),
  );
  it.each([131_050, 131_051, 131_059, 131_060, 131_061, ...sizes, 1 << 20])(
    'carries a frame of %i bytes, between small ones',
    (size) => {
      const all = [frames[1]!, requestOf(5, 9, size - 9), frames[2]!];
      const bytes = Buffer.concat(encodeSegments(all));
      const chunks = [];
      for (let at = 0; at < bytes.length; at += 65_536)
        chunks.push(bytes.subarray(at, at + 65_536));
      for (const reads of [[bytes], chunks]) {
        const found = bytesOf(decodeAll(decoder(), reads));
        // An assertion on each byte of them would take most of a second.
        expect(found.map(({ length }) => length)).toEqual(all.map(({ length }) => length));
        expect(Buffer.concat(found).equals(Buffer.concat(all))).toBe(true);
      }
    },
  );

  it('takes a small frame in several parts', () => {
    const frame = requestOf(5, 4, 30);
    const parts = [segment(frame.subarray(0, 12), false), segment(frame.subarray(12), false)];
    expect(bytesOf(decodeAll(decoder(), parts))).toEqual([frame]);
  });

  it('says once that a frame over several segments is over the limit, and goes on', () => {
    const all = encodeSegments([requestOf(5, 9, 300_000), frames[1]!]);
    const found = decodeAll(decoder(200_000), all);
    expect(found[0]).toBeInstanceOf(OversizedFrame);
    expect(bytesOf(found.slice(1))).toEqual([frames[1]]);
  });

  const faulty: [string, () => Buffer, RegExp][] = [
    ['a header with a wrong checksum', () => flipped(1), /frame header/],
    ['a header checksum that is wrong', () => flipped(4), /frame header/],
    ['a payload with a wrong checksum', () => flipped(10), /frame body/],
    [
      'a frame that ends outside',
      () => segment(frames[2]!.subarray(0, 30), true),
      /ends within a frame/,
    ],
    [
      'a header that ends outside',
      () => segment(frames[2]!.subarray(0, 5), true),
      /within the header/,
    ],
    [
      'a whole segment between parts',
      () => Buffer.concat([segment(frames[2]!.subarray(0, 20), false), segment(frames[1]!, true)]),
      /within the parts/,
    ],
    [
      'parts that are too long',
      () => segment(Buffer.concat([frames[1]!, Buffer.alloc(3)]), false),
      /longer than/,
    ],
    ['another version inside', () => segment(requestOf(4, 1, 0), true), /Invalid message version/],
  ];

  function flipped(at: number): Buffer {
    const bytes = Buffer.concat(encodeSegments(frames));
    bytes[at]! ^= 0x10;
    return bytes;
  }

  it.each(faulty)('refuses %s', (_name, make, text) => {
    expect(() => decodeAll(decoder(), [make()])).toThrow(text);
    expect(() => decodeAll(decoder(), [make()])).toThrow(ProtocolFault);
  });

  it('refuses reserved bits of the header', () => {
    const bytes = segment(frames[0]!, true);
    const header = bytes.readUIntLE(0, 3) | (1 << 20);
    bytes.writeUIntLE(header, 0, 3);
    bytes.writeUIntLE(crc24(header, 3), 3, 3);
    expect(() => decodeAll(decoder(), [bytes])).toThrow(/must be zero/);
  });

  it('refuses large requests before the login', () => {
    const bytes = Buffer.concat(encodeSegments([requestOf(5, 1, 200_000)]));
    expect(() => decodeAll(decoder(1 << 24, false), [bytes])).toThrow(
      /authentication is still pending/,
    );
  });

  it('survives noise with nothing but ProtocolFault', () => {
    const seed = Date.now() & 0xffff;
    const next = random(seed);
    for (let round = 0; round < 5_000; round++) {
      const bytes = Buffer.concat(encodeSegments(frames));
      bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      try {
        decodeAll(decoder(), [bytes]);
      } catch (error) {
        if (!(error instanceof ProtocolFault)) throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
