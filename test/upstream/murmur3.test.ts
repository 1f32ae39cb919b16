// Tokens as Cassandra 5.0.9 gave them for `SELECT token(k)`; test/node/tokens.test.ts asks a real one for
// thousands more.
import { describe, expect, it } from 'vitest';
import { murmur3 } from '../../src/upstream/murmur3.ts';

function tokenOf(key: Buffer, start = 0, end = key.length): bigint {
  const token = { high: 0, low: 0 };
  murmur3(key, start, end, token);
  return BigInt.asIntN(64, (BigInt(token.high) << 32n) | BigInt(token.low));
}

describe('a token', () => {
  it.each([
    ['123', -7468325962851647638n],
    ['', 0n],
  ])('of the text %j', (text, token) => {
    expect(tokenOf(Buffer.from(text))).toBe(token);
  });

  it.each([
    ['00000000', -3485513579396041028n],
    ['00000001', -4069959284402364209n],
  ])('of the bytes %s', (hex, token) => {
    expect(tokenOf(Buffer.from(hex, 'hex'))).toBe(token);
  });

  it('is of the range alone, wherever that lies in its buffer', () => {
    const key = Buffer.from('a key of some length beyond two blocks');
    for (let length = 0; length <= key.length; length++) {
      const whole = tokenOf(key.subarray(0, length));
      const padded = Buffer.concat([Buffer.alloc(7, 0xff), key, Buffer.alloc(9, 0x80)]);
      expect(tokenOf(padded, 7, 7 + length)).toBe(whole);
    }
  });
});

/** MurmurHash3 x64 128 as it is published, with 64-bit numbers, and Cassandra's two deviations. */
describe('a token is that of the published algorithm', () => {
  const C1 = 0x87c37b91114253d5n;
  const C2 = 0x4cf5ad432745937fn;
  const F1 = 0xff51afd7ed558ccdn;
  const F2 = 0xc4ceb9fe1a85ec53n;
  const u64 = (n: bigint): bigint => BigInt.asUintN(64, n);
  const rotl = (n: bigint, bits: bigint): bigint => u64((n << bits) | (n >> (64n - bits)));
  const fmix = (n: bigint): bigint => {
    let k = u64((n ^ (n >> 33n)) * F1);
    k = u64((k ^ (k >> 33n)) * F2);
    return k ^ (k >> 33n);
  };

  function reference(key: Buffer): bigint {
    let [h1, h2] = [0n, 0n];
    const blocks = Math.floor(key.length / 16);
    for (let i = 0; i < blocks; i++) {
      const [k1, k2] = [key.readBigUInt64LE(16 * i), key.readBigUInt64LE(16 * i + 8)];
      h1 ^= u64(rotl(u64(k1 * C1), 31n) * C2);
      h1 = u64((rotl(h1, 27n) + h2) * 5n + 0x52dce729n);
      h2 ^= u64(rotl(u64(k2 * C2), 33n) * C1);
      h2 = u64((rotl(h2, 31n) + h1) * 5n + 0x38495ab5n);
    }
    const tail = [...key.subarray(16 * blocks)];
    const joined = (bytes: readonly number[]): bigint =>
      bytes.reduce((k, byte, i) => u64(k ^ (BigInt.asIntN(8, BigInt(byte)) << BigInt(8 * i))), 0n);
    h2 ^= u64(rotl(u64(joined(tail.slice(8)) * C2), 33n) * C1);
    h1 ^= u64(rotl(u64(joined(tail.slice(0, 8)) * C1), 31n) * C2);
    h1 ^= BigInt(key.length);
    h2 ^= BigInt(key.length);
    h1 = u64(h1 + h2);
    h2 = u64(h2 + h1);
    const token = BigInt.asIntN(64, fmix(h1) + fmix(h2));
    return token === -(2n ** 63n) ? 2n ** 63n - 1n : token;
  }

  it('for keys of every length over five blocks, of any bytes', () => {
    let seed = 1;
    for (let length = 0; length <= 80; length++) {
      for (let round = 0; round < 8; round++) {
        const key = Buffer.from(
          Array.from({ length }, () => {
            seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
            // Of the first rounds all bytes are at an edge: of their sign, or of nothing at all.
            return round < 4 ? [0, 0x7f, 0x80, 0xff][(seed >>> 24) & 3]! : seed >>> 24;
          }),
        );
        expect(tokenOf(key)).toBe(reference(key));
      }
    }
  });

  /** A key of one block that has this token: each step of the algorithm backwards. */
  function keyWith(token: bigint): Buffer {
    const inverse = (odd: bigint): bigint => {
      let n = odd;
      for (let i = 0; i < 6; i++) n = u64(n * (2n - odd * n));
      return n;
    };
    const unmix = (n: bigint): bigint => {
      let k = u64((n ^ (n >> 33n)) * inverse(F2));
      k = u64((k ^ (k >> 33n)) * inverse(F1));
      return k ^ (k >> 33n);
    };
    const second = 0x0123456789abcdefn;
    const a = unmix(u64(token - second));
    const b = unmix(second);
    const h2 = u64(b - a) ^ 16n;
    const h1 = u64(a - u64(b - a)) ^ 16n;
    const fifth = inverse(5n);
    const k1 = rotl(u64((h1 - 0x52dce729n) * fifth), 37n);
    const k2 = rotl(u64(u64((h2 - 0x38495ab5n) * fifth) - h1), 33n);
    const key = Buffer.alloc(16);
    key.writeBigUInt64LE(u64(rotl(u64(k1 * inverse(C2)), 33n) * inverse(C1)), 0);
    key.writeBigUInt64LE(u64(rotl(u64(k2 * inverse(C1)), 31n) * inverse(C2)), 8);
    return key;
  }

  it.each([
    [-(2n ** 63n), 2n ** 63n - 1n],
    [-(2n ** 63n) + 1n, -(2n ** 63n) + 1n],
    [2n ** 63n - 1n, 2n ** 63n - 1n],
    [-(2n ** 63n) + 2n ** 32n, -(2n ** 63n) + 2n ** 32n],
    [0n, 0n],
    [-1n, -1n],
    [0xffff_ffffn, 0xffff_ffffn],
  ])('and the smallest long is that of no key (%s)', (computed, token) => {
    expect(tokenOf(keyWith(computed))).toBe(token);
  });
});
