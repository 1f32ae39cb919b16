// Compressed bodies and segments: round trips at every cut, both LZ4 implementations against each
// other, and input made to make a decompressor write or allocate too much.
import { beforeEach, describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { COMPRESSION, TURN } from '../../src/limits/session.ts';
import { turnWork } from '../../src/turn.ts';
import { COMPRESSIONS, type BodyCompression } from '../../src/protocol/compression.ts';
import { crc32 } from '../../src/protocol/crc.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { FrameDecoder, OversizedFrame } from '../../src/protocol/frame-decoder.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { javascriptLz4, lz4 } from '../../src/protocol/lz4.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { LZ4_SEGMENTS, writeSegmentHeader } from '../../src/protocol/segment.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import { encodeSegments } from '../../src/protocol/segment-encoder.ts';
import { bytesOf, decodeAll, random, requestOf } from './streams.ts';

const next = random(7);

// What a turn may compress is bounded: each test begins with a new one.
beforeEach(async () => new Promise<void>((resolve) => void setImmediate(resolve)));

/** Bytes that repeat, more or less. */
function text(bytes: number, alphabet = 4): Buffer {
  return Buffer.from(Array.from({ length: bytes }, () => 97 + Math.floor(next() * alphabet)));
}

const LONG = Buffer.concat([Buffer.alloc(70_000, 'abcd'), text(9_000), Buffer.alloc(400)]);
const samples = [text(1), text(13), text(64), text(1_500), text(20_000, 256), LONG];

describe('LZ4 blocks', () => {
  it.each([
    ['native by JavaScript', lz4, javascriptLz4],
    ['JavaScript by native', javascriptLz4, lz4],
    ['JavaScript by itself', javascriptLz4, javascriptLz4],
  ])('written %s are read back', (_name, writer, reader) => {
    for (const sample of samples) {
      const block = writer.compress(sample);
      if (block === null) continue;
      expect(block.length).toBeLessThan(sample.length);
      const output = Buffer.alloc(sample.length);
      expect(reader.decompress(block, output)).toBe(true);
      expect(output.equals(sample)).toBe(true);
    }
    expect(writer.compress(LONG)!.length).toBeLessThan(LONG.length / 2);
  });

  it('that do not shrink are not made', () => {
    expect(lz4.compress(text(2_000, 256))).toBeNull();
    expect(javascriptLz4.compress(text(2_000, 256))).toBeNull();
  });

  it.each([
    ['native', lz4],
    ['JavaScript', javascriptLz4],
  ])('that were tampered with are refused or give the stated length (%s)', (_name, codec) => {
    const block = codec.compress(LONG)!;
    for (let round = 0; round < 2_000; round++) {
      const bad = Buffer.from(block);
      bad[Math.floor(next() * bad.length)] = Math.floor(next() * 256);
      // One byte behind the output shows whether it was written over.
      const memory = Buffer.alloc(LONG.length + 1);
      codec.decompress(bad.subarray(0, bad.length - (round % 3)), memory.subarray(0, -1));
      expect(memory.at(-1)).toBe(0);
    }
    expect(codec.decompress(block, Buffer.alloc(LONG.length - 1))).toBe(false);
    expect(codec.decompress(block, Buffer.alloc(LONG.length + 1))).toBe(false);
    expect(codec.decompress(Buffer.alloc(0), Buffer.alloc(5))).toBe(false);
  });

  it('cannot be made to work for longer than their output takes', () => {
    // One literal, then a match of 16 Mi times 255 bytes.
    const bomb = Buffer.concat([
      Buffer.from([0x1f, 97, 1, 0]),
      Buffer.alloc(1 << 24, 255),
      Buffer.from([0, 0]),
    ]);
    const before = process.cpuUsage().user;
    expect(javascriptLz4.decompress(bomb, Buffer.alloc(1 << 16))).toBe(false);
    expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(5);
  });

  it('do not show what was in memory before', () => {
    // A match before anything was written.
    const block = Buffer.from([0x04, 4, 0, 0x10, 97]);
    const output = Buffer.alloc(9);
    expect(javascriptLz4.decompress(block, output)).toBe(false);
  });
});

const decoder = (compression: BodyCompression | null, maxFrameBytes = 1 << 20) => {
  const made = new FrameDecoder({ direction: 'request', version: 4, maxFrameBytes });
  made.compression = compression;
  return made;
};

describe.each([...COMPRESSIONS.values()])('bodies in v4 by $name', (compression) => {
  const plain = [requestOf(4, 1, 0), requestOf(4, 2, 1_023), requestOf(4, 3, 5_000)];
  const encode = (frames: readonly Buffer[]): Buffer => {
    const views = new FrameViews();
    views.compression = compression;
    for (const frame of frames) views.push(frame);
    return Buffer.concat(views.take());
  };

  it('come back at every cut, the small ones as they were', () => {
    const stream = encode(plain);
    expect(stream.length).toBeLessThan(2_000);
    expect(stream.subarray(0, 9 + 9 + 1_023)).toEqual(Buffer.concat(plain.slice(0, 2)));
    for (let a = 0; a <= stream.length; a++) {
      const parts = [stream.subarray(0, a), stream.subarray(a)];
      const found = Buffer.concat(bytesOf(decodeAll(decoder(compression), parts)));
      expect(found.equals(Buffer.concat(plain))).toBe(true);
    }
  });

  it('that are large leave as they were', () => {
    const most = requestOf(4, 1, COMPRESSION.maxBytes);
    const more = requestOf(4, 2, COMPRESSION.maxBytes + 1);
    expect(encode([most]).length).toBeLessThan(most.length);
    expect(encode([more]).equals(more)).toBe(true);
  });

  it('leave as they were once the work of a turn is spent', async () => {
    const frame = requestOf(4, 1, COMPRESSION.maxBytes);
    const frames = Array.from({ length: 20 }, () => frame);
    const before = turnWork.done;
    const bytes = encode(frames);
    const one = COMPRESSION.maxBytes / COMPRESSION.compressedPerUnit;
    expect(turnWork.done - before).toBeLessThanOrEqual(TURN.work + one);
    expect(bytes.length).toBeGreaterThan(15 * frame.length);
    expect(bytes.subarray(-frame.length).equals(frame)).toBe(true);
    await new Promise(setImmediate);
    expect(encode([frame]).length).toBeLessThan(frame.length);
  });

  it('may be empty, and need not be smaller', () => {
    const bodies = [Buffer.alloc(0), Buffer.from('abc')];
    for (const body of bodies) {
      const coded =
        compression.name === 'snappy'
          ? Buffer.concat([Buffer.from([body.length, ...(body.length ? [8] : [])]), body])
          : Buffer.concat([Buffer.from([0, 0, 0, body.length, body.length << 4]), body]);
      const frame = flagged(coded);
      const [found] = decodeAll(decoder(compression), [frame]);
      expect((found as Frame).flags).toBe(0);
      expect((found as Frame).bytes().subarray(9)).toEqual(body);
    }
  });

  it('that state more than the limit are told to be too large, and nothing is allocated', () => {
    const claims =
      compression.name === 'lz4'
        ? [Buffer.from([0x7f, 0xff, 0xff, 0xff, 0]), Buffer.from([0xff, 0xff, 0xff, 0xff, 0])]
        : [Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0])];
    for (const claim of claims) {
      const before = process.memoryUsage().arrayBuffers;
      const [found, after] = decodeAll(decoder(compression), [flagged(claim), plain[0]!]);
      expect(found instanceof OversizedFrame && found.byteLength > 1 << 30).toBe(true);
      expect(after).toBeInstanceOf(Frame);
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);
    }
  });

  it.each([
    ['is cut off', (body: Buffer) => body.subarray(0, body.length / 2)],
    ['states too little', (body: Buffer) => Buffer.concat([body.subarray(0, 2), body])],
    ['states nothing', () => Buffer.from([0xff, 0xff, 0xff])],
  ])('that %s are a protocol fault on their stream', (_name, damage) => {
    const views = new FrameViews();
    views.compression = compression;
    views.push(requestOf(4, 77, 5_000));
    const body = damage(Buffer.concat(views.take()).subarray(9));
    expect(() => decodeAll(decoder(compression), [flagged(body, 77)])).toThrow(ProtocolFault);
    try {
      decodeAll(decoder(compression), [flagged(body, 77)]);
    } catch (error) {
      expect((error as ProtocolFault).streamId).toBe(77);
    }
  });

  it('are refused where none was agreed on', () => {
    expect(() => decodeAll(decoder(null), [encode([plain[2]!])])).toThrow(/no compression/);
  });
});

function flagged(body: Buffer, streamId = 1): Buffer {
  const flags = FrameFlag.COMPRESSED;
  return encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId, flags, body });
}

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
