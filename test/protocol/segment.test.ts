// The two layouts of a segment's header.
import { describe, expect, it } from 'vitest';
import {
  hasReservedBits,
  headerChecksum,
  isSelfContained,
  LZ4_SEGMENTS,
  payloadBytesOf,
  PLAIN_SEGMENTS,
  uncompressedBytesOf,
  writeSegmentHeader,
} from '../../src/protocol/segment.ts';

const LAYOUTS = [
  ['plain', PLAIN_SEGMENTS, 18],
  ['lz4', LZ4_SEGMENTS, 35],
] as const;

describe.each(LAYOUTS)('the header of a segment (%s)', (_name, layout, flagBits) => {
  /** What 17 bits hold. */
  const most = 131_071;

  it.each([
    [0, 0, true],
    [1, 0, false],
    [most, most, true],
    [most, 0, false],
    [5, 131_060, false],
  ])('says %i bytes, %i before compression, self-contained %s', (payloadBytes, size, isWhole) => {
    const uncompressedBytes = layout.compressed ? size : 0;
    const bytes = Buffer.alloc(layout.headerBytes);
    writeSegmentHeader(layout, bytes, { payloadBytes, uncompressedBytes, selfContained: isWhole });
    const header = bytes.readUIntLE(0, layout.lengthBytes);
    expect(payloadBytesOf(header)).toBe(payloadBytes);
    expect(uncompressedBytesOf(layout, header)).toBe(uncompressedBytes);
    expect(isSelfContained(layout, header)).toBe(isWhole);
    expect(hasReservedBits(layout, header)).toBe(false);
    expect(bytes.readUIntLE(layout.lengthBytes, 3)).toBe(headerChecksum(layout, header));
  });

  it('has no bits beyond its flag', () => {
    const bits = layout.lengthBytes * 8;
    for (let bit = 0; bit < bits; bit++) {
      expect([bit, hasReservedBits(layout, 2 ** bit)]).toEqual([bit, bit >= flagBits]);
    }
    expect(isSelfContained(layout, 2 ** (flagBits - 1))).toBe(true);
  });
});
