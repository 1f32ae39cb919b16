// v5 segments as they are written: which frames share one, which are cut, what is compressed, and where one begins,
// which matters to readers that lose their place where a read ends within a segment's header.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { COMPRESSION } from '../../src/limits/session.ts';
import { crc32 } from '../../src/protocol/crc.ts';
import { encodeFrame, Frame, HEADER_BYTES } from '../../src/protocol/frame.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import {
  isSelfContained,
  LZ4_SEGMENTS,
  payloadBytesOf,
  PLAIN_SEGMENTS,
  SEGMENT_TRAILER_BYTES,
  writeSegmentHeader,
  type SegmentLayout,
} from '../../src/protocol/segment.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import {
  cutParts,
  encodeSegments,
  fitsSegment,
  isCompressible,
} from '../../src/protocol/segment-encoder.ts';
import { bytesOf, decodeAll, random, requestOf } from './streams.ts';

const next = random(7);

/** Bytes that repeat, more or less. */
function text(bytes: number, alphabet = 4): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => 97 + Math.floor(next() * alphabet)));
}

/** The payloads of segments, by their headers alone. */
function payloadsOf(bytes: Buffer, headerBytes = PLAIN_SEGMENTS.headerBytes): number[] {
  const sizes: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes.readUIntLE(at, 3) & 0x1ffff;
    sizes.push(size);
    at += headerBytes + size + SEGMENT_TRAILER_BYTES;
  }
  return sizes;
}

const FULL_PAYLOAD = PLAIN_SEGMENTS.fullPayloadBytes;

describe('segments', () => {
  it('are shared by small frames until the next one does not fit', () => {
    const half = FULL_PAYLOAD / 2 - HEADER_BYTES;
    const frames = [1, 2, 3].map((id) => requestOf(5, id, half));
    const sizes = payloadsOf(Buffer.concat(encodeSegments(frames)));
    expect(sizes).toEqual([FULL_PAYLOAD, FULL_PAYLOAD / 2]);
  });

  it('hold the parts of a frame that does not fit, as full as Cassandra fills them', () => {
    expect(fitsSegment(FULL_PAYLOAD, PLAIN_SEGMENTS)).toBe(true);
    expect(fitsSegment(FULL_PAYLOAD + 1, PLAIN_SEGMENTS)).toBe(false);
    const frame = requestOf(5, 1, 2 * FULL_PAYLOAD);
    const around = [requestOf(5, 2, 0), frame, requestOf(5, 3, 1)];
    expect(payloadsOf(Buffer.concat(encodeSegments(around)))).toEqual([
      9,
      FULL_PAYLOAD,
      FULL_PAYLOAD,
      9,
      10,
    ]);
    const parts = cutParts(frame, PLAIN_SEGMENTS);
    expect(parts.map(({ length }) => length)).toEqual([FULL_PAYLOAD, FULL_PAYLOAD, 9]);
    expect(encodeSegments(parts).filter((_one, i) => i % 3 === 1)).toEqual(
      parts.map(({ bytes }) => bytes),
    );
  });

  it('are none where there is nothing', () => {
    expect(encodeSegments([])).toEqual([]);
    expect(encodeSegments([Buffer.alloc(0)])).toEqual([]);
  });

  it('are compressed from the least size on, and not one byte below it', () => {
    const packed = (payloadBytes: number): number =>
      Buffer.concat(encodeSegments([requestOf(5, 1, payloadBytes - HEADER_BYTES)], LZ4_SEGMENTS))
        .length;
    const frame = LZ4_SEGMENTS.headerBytes + SEGMENT_TRAILER_BYTES;
    expect(packed(COMPRESSION.minBytes - 1)).toBe(COMPRESSION.minBytes - 1 + frame);
    expect(packed(COMPRESSION.minBytes)).toBeLessThan(COMPRESSION.minBytes);
  });

  it('of a frame that is too large are not compressed, in none of its parts', () => {
    expect(isCompressible(COMPRESSION.maxBytes + HEADER_BYTES)).toBe(true);
    expect(isCompressible(COMPRESSION.maxBytes + HEADER_BYTES + 1)).toBe(false);
    const most = requestOf(5, 1, COMPRESSION.maxBytes);
    const more = requestOf(5, 1, COMPRESSION.maxBytes + 1);
    expect(Buffer.concat(encodeSegments([most], LZ4_SEGMENTS)).length).toBeLessThan(100_000);
    expect(Buffer.concat(encodeSegments([more], LZ4_SEGMENTS)).length).toBeGreaterThan(more.length);
  });
});

describe('LZ4 segments', () => {
  const segments = (maxFrameBytes = 1 << 24) => {
    const made = new SegmentDecoder({
      direction: 'request',
      version: 5,
      maxFrameBytes,
      layout: LZ4_SEGMENTS,
    });
    made.allowMultiSegment = true;
    return made;
  };
  const sealed = (payload: Buffer, uncompressedBytes: number, selfContained = true): Buffer => {
    const bytes = Buffer.alloc(8 + payload.length + 4);
    const payloadBytes = payload.length;
    writeSegmentHeader(LZ4_SEGMENTS, bytes, { payloadBytes, uncompressedBytes, selfContained });
    payload.copy(bytes, 8);
    bytes.writeUInt32LE(crc32(payload, 0, payload.length), 8 + payload.length);
    return bytes;
  };

  it('carry small frames as they are, at every cut', () => {
    const frames = [requestOf(5, 1, 0), requestOf(5, 2, 60)];
    const bytes = Buffer.concat(encodeSegments(frames, LZ4_SEGMENTS));
    expect(bytes.length).toBe(8 + 4 + Buffer.concat(frames).length);
    for (let a = 0; a <= bytes.length; a++) {
      const parts = [bytes.subarray(0, a), bytes.subarray(a)];
      expect(bytesOf(decodeAll(segments(), parts))).toEqual(frames);
    }
  });

  it.each([1_100, 131_050, 131_051, 131_060, 131_071, 131_072, 262_130, 1 << 20])(
    'carry a frame of %i bytes between small ones, smaller than it was',
    (size) => {
      const all = [requestOf(5, 1, 3), requestOf(5, 9, size - 9), requestOf(5, 2, 60)];
      const bytes = Buffer.concat(encodeSegments(all, LZ4_SEGMENTS));
      expect(bytes.length).toBeLessThan(size / 2);
      const found = Buffer.concat(bytesOf(decodeAll(segments(), [bytes])));
      expect(found.equals(Buffer.concat(all))).toBe(true);
    },
  );

  it('carry what does not shrink uncompressed', () => {
    const body = text(5_000, 256);
    const frame = encodeFrame({ version: 5, opcode: Opcode.QUERY, streamId: 1, body });
    const bytes = Buffer.concat(encodeSegments([frame], LZ4_SEGMENTS));
    expect(bytes.length).toBe(8 + frame.length + 4);
    expect(bytesOf(decodeAll(segments(), [bytes]))).toEqual([frame]);
  });

  it('have the header of the specification', () => {
    // 17 bits length, 17 bits uncompressed length, self-contained, five zeros; little-endian.
    const bytes = sealed(Buffer.alloc(3), 131_071);
    expect(bytes.readUIntLE(0, 5)).toBe(3 + 131_071 * 2 ** 17 + 2 ** 34);
  });

  it.each([
    ['no LZ4 block', () => sealed(Buffer.from([0xf0, 1, 2]), 60), /no LZ4 block/],
    ['a wrong checksum', () => damaged(sealed(Buffer.alloc(20), 0), 12), /frame body/],
    ['a wrong header checksum', () => damaged(sealed(Buffer.alloc(20), 0), 4), /frame header/],
    ['reserved bits', () => withReserved(), /must be zero/],
  ])('with %s end the connection', (_name, bytes, expected) => {
    expect(() => decodeAll(segments(), [bytes()])).toThrow(expected);
  });

  function damaged(bytes: Buffer, at: number): Buffer {
    bytes[at]! ^= 1;
    return bytes;
  }

  function withReserved(): Buffer {
    const bytes = Buffer.alloc(12);
    const selfContained = true;
    // Bit 34 of the "uncompressed length" lands among the reserved bits.
    writeSegmentHeader(LZ4_SEGMENTS, bytes, {
      payloadBytes: 0,
      uncompressedBytes: 2 ** 18,
      selfContained,
    });
    return bytes;
  }
});

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
