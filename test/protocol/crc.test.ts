// The checksums of v5 segments and of the PROXY protocol.
import { crc32 as zlibCrc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { crc24, crc32, crc32c } from '../../src/protocol/crc.ts';

describe('checksums', () => {
  it('are those of the specification', () => {
    // CRC32 is zlib's, as if FA 2D 55 CA had come first.
    const text = Buffer.from('123456789');
    const expected = zlibCrc32(Buffer.concat([Buffer.from([0xfa, 0x2d, 0x55, 0xca]), text]));
    expect(crc32(text, 0, text.length)).toBe(expected);
    const long = Buffer.alloc(5_000, 3);
    expect(crc32(long, 1_000, 5_000)).toBe(
      zlibCrc32(Buffer.concat([Buffer.from([0xfa, 0x2d, 0x55, 0xca]), long.subarray(1_000)])),
    );
    // The polynomial's own property: no header of one set bit has the checksum of another.
    const sums = new Set(Array.from({ length: 24 }, (_unused, bit) => crc24(2 ** bit, 3)));
    expect(sums.size).toBe(24);
    expect(crc24(0, 3)).not.toBe(0);
  });
});

describe('CRC24', () => {
  it('is that of the header that Cassandra writes for an empty segment, and of no other', () => {
    // org.apache.cassandra.net.Crc.crc24 of three and of five bytes: worked out by its definition, bit by bit.
    const byDefinition = (bytes: readonly number[]): number => {
      let crc = 0x875060n;
      for (const byte of bytes) {
        crc ^= BigInt(byte) << 16n;
        for (let bit = 0; bit < 8; bit++) {
          crc <<= 1n;
          if ((crc & 0x1000000n) !== 0n) crc ^= 0x1974f0bn;
        }
      }
      return Number(crc);
    };
    expect(crc24(0x020000, 3)).toBe(byDefinition([0, 0, 2]));
    expect(crc24(0x04_1234_5678, 5)).toBe(byDefinition([0x78, 0x56, 0x34, 0x12, 4]));
    expect(crc24(0x020000, 3)).not.toBe(crc24(0x020000, 5));
  });
});

describe('CRC32', () => {
  it('is the same in parts as at once, where the native call is used and where it is not', () => {
    for (const bytes of [1, 255, 256, 257, 5_000]) {
      const buffer = Buffer.from(Array.from({ length: bytes + 300 }, (_unused, i) => i * 7));
      const whole = crc32(buffer, 0, buffer.length);
      expect(crc32(buffer, bytes, buffer.length, crc32(buffer, 0, bytes))).toBe(whole);
    }
  });
});

describe('CRC32C', () => {
  it('is that of the examples that everybody uses', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });
});
