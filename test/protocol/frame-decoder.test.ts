// Frames out of bytes, wherever the reads cut them; and what is no frame.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import {
  FrameDecoder,
  OversizedFrame,
  UnsupportedVersionFault,
} from '../../src/protocol/frame-decoder.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { bytesOf, decodeAll, random, requestOf } from './streams.ts';

const MAX = 64 * 1024;
const decoder = (version: number | null = 4, maxFrameBytes = MAX) =>
  new FrameDecoder({ direction: 'request', version, maxFrameBytes });

const frames = [requestOf(4, 1, 0), requestOf(4, 2, 5), requestOf(4, -5, 40), requestOf(4, 300, 1)];
const stream = Buffer.concat(frames);

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
    const one = decoder();
    const found = decodeAll(one, [stream]);
    expect(one.copiedFrames).toBe(0);
    for (const frame of found) expect((frame as Frame).buffer).toBe(stream);
  });

  it('copies once what straddles two reads', () => {
    const one = decoder();
    decodeAll(one, [stream.subarray(0, 12), stream.subarray(12)]);
    expect(one.copiedFrames).toBe(1);
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
