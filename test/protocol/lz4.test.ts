// LZ4 blocks: both implementations against each other, and input made to make a decompressor write too much.
import { describe, expect, it } from 'vitest';
import { javascriptLz4, lz4 } from '../../src/protocol/lz4.ts';
import { random } from './streams.ts';

const next = random(7);

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
