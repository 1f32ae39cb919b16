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
