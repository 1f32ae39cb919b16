// Frames out of bytes, wherever the reads cut them; and what is no frame.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import {
  FrameDecoder,
  OversizedFrame,
  UnsupportedVersionFault,
} from '../../src/protocol/frame-decoder.ts';
import { COMPRESSIONS } from '../../src/protocol/compression.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import { PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { bytesOf, decodeAll, random, requestOf, viewsOn } from './streams.ts';

const MAX = 64 * 1024;
const decoder = (version: number | null = 4, maxFrameBytes = MAX) =>
  new FrameDecoder({ direction: 'request', version, maxFrameBytes });

const frames = [requestOf(4, 1, 0), requestOf(4, 2, 5), requestOf(4, -5, 40), requestOf(4, 300, 1)];
const stream = Buffer.concat(frames);

/** As a read would give them: memory of their own. */
const own = (bytes: Buffer): Buffer => Buffer.from(bytes);

describe('large results that came in several reads', () => {
  const result = (
    streamId: number,
    bodyBytes: number,
    flags = 0,
    opcode: number = Opcode.RESULT,
  ) => {
    const body = Buffer.from(
      Array.from({ length: bodyBytes }, (_unused, i) => (i + streamId) & 0xff),
    );
    return encodeFrame({ version: 4, opcode, streamId, flags, body });
  };
  const inParts = () =>
    new FrameDecoder({
      direction: 'response',
      version: 4,
      maxFrameBytes: MAX,
      partsFromBytes: 100,
    });
  const all = [result(1, 20), result(2, 200), result(-1, 0), result(3, 300), result(4, 90)];
  const bytes = Buffer.concat(all);

  it('are handed out as the reads that they came in, and are the same bytes at every split point', () => {
    let inSeveral = 0;
    for (let a = 0; a <= bytes.length; a++) {
      for (const b of [a, a + 60]) {
        const reads = [bytes.subarray(0, a), bytes.subarray(a, b), bytes.subarray(b)];
        const found = decodeAll(inParts(), reads.map(own)) as Frame[];
        expect(found.map((frame) => Buffer.concat([frame.bytes(), ...frame.rest]))).toEqual(all);
        expect(found.map((frame) => frame.byteLength)).toEqual(all.map(({ length }) => length));
        expect(found.map((frame) => Buffer.from(frame.whole().bytes()))).toEqual(all);
        for (const frame of found.filter(({ isWhole }) => !isWhole)) {
          inSeveral++;
          expect(frame.byteLength).toBeGreaterThan(100);
          expect(frame.end - frame.start).toBeGreaterThanOrEqual(9);
        }
      }
    }
    expect(inSeveral).toBeGreaterThan(400);
  });

  it('are not copied, and their stream id is patched in place', () => {
    const large = result(6, 3_000);
    const reads = [large.subarray(0, 50), large.subarray(50)].map(own);
    const [frame] = decodeAll(inParts(), reads) as Frame[];
    expect(frame!.buffer.buffer).toBe(reads[0]!.buffer);
    expect(frame!.rest[0]!.buffer).toBe(reads[1]!.buffer);
    frame!.setStreamId(77);
    expect(frame!.whole().streamId).toBe(77);
    expect(reads[0]!.readInt16BE(2)).toBe(77);
  });

  it.each([
    ['with a warning', result(5, 300, 0x08)],
    ['with a trace', result(5, 300, 0x02)],
    ['that are errors', result(5, 300, 0, Opcode.ERROR)],
    ['not above the bound', result(5, 91)],
  ])('are joined %s', (_name, frame) => {
    const reads = [frame.subarray(0, 50), frame.subarray(50)].map(own);
    const [found] = decodeAll(inParts(), reads) as Frame[];
    expect(found!.isWhole).toBe(true);
    expect(found!.whole()).toBe(found);
    expect(Buffer.from(found!.bytes())).toEqual(frame);
    expect(viewsOn(reads, [found!])).toEqual([]);
  });

  it('may have come in any number of reads', () => {
    const parts = Array.from({ length: 300_000 }, () => Buffer.alloc(1));
    const views = new FrameViews();
    views.pushFrame(new Frame(all[3]!, 0, all[3]!.length, parts));
    expect(views.take()).toHaveLength(1 + parts.length);
  });

  it('are joined by who makes segments or compressed bodies of them', () => {
    const split = () =>
      decodeAll(inParts(), [all[3]!.subarray(0, 50), all[3]!.subarray(50)].map(own));
    const plain = new FrameViews();
    plain.pushFrame(split()[0] as Frame);
    plain.push(all[0]!);
    expect(plain.take()).toEqual([all[3]!.subarray(0, 50), all[3]!.subarray(50), all[0]]);
    const segments = new FrameViews();
    segments.segments = PLAIN_SEGMENTS;
    segments.pushFrame(split()[0] as Frame);
    const reader = new SegmentDecoder({
      direction: 'response',
      version: 4,
      maxFrameBytes: MAX,
      layout: PLAIN_SEGMENTS,
    });
    expect(bytesOf(decodeAll(reader, segments.take()))).toEqual([all[3]]);
    const compressing = new FrameViews();
    compressing.compression = COMPRESSIONS.get('lz4')!;
    compressing.pushFrame(decodeAll(inParts(), cut(result(6, 3_000)))[0] as Frame);
    const decompressing = inParts();
    decompressing.compression = COMPRESSIONS.get('lz4')!;
    const [back] = decodeAll(decompressing, [Buffer.concat(compressing.take())]) as Frame[];
    expect(Buffer.from(back!.bytes().subarray(9))).toEqual(result(6, 3_000).subarray(9));
  });

  const cut = (frame: Buffer): Buffer[] =>
    [frame.subarray(0, 1_000), frame.subarray(1_000)].map(own);
});

describe('the frame decoder', () => {
  it('finds the same frames at every split point', () => {
    for (let a = 0; a <= stream.length; a++) {
      const parts = [stream.subarray(0, a), stream.subarray(a)];
      expect(bytesOf(decodeAll(decoder(), parts))).toEqual(frames);
    }
  });

  it('finds the same frames byte by byte', () => {
    const parts = [...stream].map((byte) => Buffer.from([byte]));
    expect(bytesOf(decodeAll(decoder(), parts))).toEqual(frames);
  });

  it('copies nothing of frames that lie in one read', () => {
    const found = decodeAll(decoder(), [stream]);
    expect(viewsOn([stream], found)).toHaveLength(frames.length);
    for (const frame of found) expect((frame as Frame).buffer).toBe(stream);
  });

  it('copies what straddles two reads, and nothing else', () => {
    // Small reads that wait are packed together; large ones stay as they are.
    const large = [requestOf(4, 1, 30_000), requestOf(4, 2, 30_000), requestOf(4, 3, 30_000)];
    const all = Buffer.concat(large);
    const reads = [all.subarray(0, 45_000), all.subarray(45_000)].map(own);
    const found = decodeAll(decoder(), reads);
    expect(bytesOf(found)).toEqual(large);
    expect(viewsOn(reads, found)).toEqual([found[0], found[2]]);
  });

  it('says once that a frame is over the limit, and goes on behind it', () => {
    const big = requestOf(4, 7, 500);
    const all = Buffer.concat([frames[1]!, big, frames[2]!]);
    for (let a = 0; a <= all.length; a++) {
      const found = decodeAll(decoder(4, 100), [all.subarray(0, a), all.subarray(a)]);
      expect(found).toHaveLength(3);
      expect(found[1]).toBeInstanceOf(OversizedFrame);
      expect(found[1]).toMatchObject({ streamId: 7, byteLength: 509 });
      expect(bytesOf([found[2]!])).toEqual([frames[2]]);
    }
  });

  it('holds no more than was received, whatever the length says', () => {
    const one = decoder(4, 256 * 1024 * 1024);
    const header = Buffer.from([4, 0, 0, 1, 7, 0x0f, 0, 0, 0]);
    expect(decodeAll(one, [header])).toEqual([]);
    expect(one.bufferedBytes).toBe(9);
  });

  it('tells the stream of what it refuses', () => {
    const fault = (bytes: number[], version: number | null = 4) => {
      try {
        decodeAll(decoder(version), [Buffer.from(bytes)]);
      } catch (error) {
        return error as ProtocolFault;
      }
      throw new Error('not refused');
    };
    expect(fault([4, 0, 0, 9, 7, 0xff, 0xff, 0xff, 0xff])).toMatchObject({ streamId: 9 });
    expect(fault([4, 0, 0, 9, 0x55, 0, 0, 0, 0]).message).toBe('Unknown opcode 85');
    expect(fault([4, 0, 0, 9, 8, 0, 0, 0, 0]).message).toContain('RESULT is no request');
    expect(fault([0x84, 0, 0, 9, 7, 0, 0, 0, 0]).message).toContain('request was expected');
    expect(fault([5, 0, 0, 9, 7, 0, 0, 0, 0]).message).toBe(
      'Invalid message version. Got 5/v5 but previous messages on this connection had version 4/v4',
    );
    expect(fault([0x16, 3, 1, 0, 0], null)).toBeInstanceOf(UnsupportedVersionFault);
  });

  it('survives 20,000 streams of noise with nothing but ProtocolFault', () => {
    const seed = Date.now() & 0xffff;
    const next = random(seed);
    for (let round = 0; round < 20_000; round++) {
      const bytes = Buffer.from(stream);
      for (let i = 0; i < 3; i++)
        bytes[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      const cut = Math.floor(next() * bytes.length);
      try {
        decodeAll(decoder(next() < 0.5 ? 4 : null), [bytes.subarray(0, cut), bytes.subarray(cut)]);
      } catch (error) {
        if (!(error instanceof ProtocolFault)) throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  });
});
