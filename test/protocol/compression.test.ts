// Compressed bodies of v4: round trips at every cut, and input made to make the gate allocate too much.
import { beforeEach, describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { COMPRESSION, TURN } from '../../src/limits/session.ts';
import { turnWork } from '../../src/turn.ts';
import { COMPRESSIONS, type BodyCompression } from '../../src/protocol/compression.ts';
import { encodeFrame, Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { FrameDecoder, OversizedFrame } from '../../src/protocol/frame-decoder.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { bytesOf, decodeAll, requestOf } from './streams.ts';

// What a turn may compress is bounded: each test begins with a new one.
beforeEach(async () => new Promise<void>((resolve) => void setImmediate(resolve)));

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

  it('are compressed from the least size on, and not one byte below it', () => {
    const below = requestOf(4, 1, COMPRESSION.minBytes - 1);
    expect(encode([below]).equals(below)).toBe(true);
    const least = requestOf(4, 1, COMPRESSION.minBytes);
    expect(encode([least]).length).toBeLessThan(least.length);
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
