// Cassandra's token of a partition key: the first half of MurmurHash3 x64 128, with its two deviations
// (MurmurHash.java): bytes of the tail are signed, and the smallest long stands for no key.
//
// 64-bit numbers are pairs of 32-bit halves: BigInt would cost ten times as much and an allocation for
// each step. The result is left in `token`, which the next call overwrites.

/** A signed 64-bit number in halves: the high one signed, the low one unsigned. */
export interface Token {
  high: number;
  low: number;
}

const C1_HIGH = 0x87c37b91 | 0;
const C1_LOW = 0x114253d5 | 0;
const C2_HIGH = 0x4cf5ad43 | 0;
const C2_LOW = 0x2745937f | 0;

// The product of the last `multiply`, and the sum of the last `add`.
let high = 0;
let low = 0;

function multiply(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const a0 = aLow & 0xffff;
  const a1 = aLow >>> 16;
  const b0 = bLow & 0xffff;
  const b1 = bLow >>> 16;
  const low0 = a0 * b0;
  const cross1 = a0 * b1;
  const cross2 = a1 * b0;
  const middle = (low0 >>> 16) + (cross1 & 0xffff) + (cross2 & 0xffff);
  low = (middle << 16) | (low0 & 0xffff);
  high =
    (a1 * b1 +
      (cross1 >>> 16) +
      (cross2 >>> 16) +
      (middle >>> 16) +
      Math.imul(aHigh, bLow) +
      Math.imul(aLow, bHigh)) |
    0;
}

function add(aHigh: number, aLow: number, bHigh: number, bLow: number): void {
  const sum = (aLow >>> 0) + (bLow >>> 0);
  low = sum | 0;
  high = (aHigh + bHigh + (sum > 0xffffffff ? 1 : 0)) | 0;
}

/** Rotates the last result left by 0 < `bits` < 64. */
function rotateLeft(bits: number): void {
  if (bits >= 32) {
    const swapped = high;
    high = low;
    low = swapped;
    bits -= 32;
  }
  if (bits === 0) return;
  const top = (high << bits) | (low >>> (32 - bits));
  low = (low << bits) | (high >>> (32 - bits));
  high = top;
}

/** The finalizer: two rounds of shift and multiply, on the last result. */
function mix(): void {
  low ^= high >>> 1;
  multiply(high, low, 0xff51afd7 | 0, 0xed558ccd | 0);
  low ^= high >>> 1;
  multiply(high, low, 0xc4ceb9fe | 0, 0x1a85ec53 | 0);
  low ^= high >>> 1;
}

/** Writes the token of `key[start, end)` into `token`. */
export function murmur3(key: Buffer, start: number, end: number, token: Token): void {
  let h1High = 0;
  let h1Low = 0;
  let h2High = 0;
  let h2Low = 0;
  const length = end - start;
  const blocksEnd = start + (length & ~15);
  for (let at = start; at < blocksEnd; at += 16) {
    multiply(int32(key, at + 4), int32(key, at), C1_HIGH, C1_LOW);
    rotateLeft(31);
    multiply(high, low, C2_HIGH, C2_LOW);
    high ^= h1High;
    low ^= h1Low;
    rotateLeft(27);
    add(high, low, h2High, h2Low);
    multiply(high, low, 0, 5);
    add(high, low, 0, 0x52dce729);
    h1High = high;
    h1Low = low;

    multiply(int32(key, at + 12), int32(key, at + 8), C2_HIGH, C2_LOW);
    rotateLeft(33);
    multiply(high, low, C1_HIGH, C1_LOW);
    high ^= h2High;
    low ^= h2Low;
    rotateLeft(31);
    add(high, low, h1High, h1Low);
    multiply(high, low, 0, 5);
    add(high, low, 0, 0x38495ab5);
    h2High = high;
    h2Low = low;
  }

  const tail = length & 15;
  if (tail > 8) {
    tailOf(key, blocksEnd + 8, end);
    multiply(high, low, C2_HIGH, C2_LOW);
    rotateLeft(33);
    multiply(high, low, C1_HIGH, C1_LOW);
    h2High ^= high;
    h2Low ^= low;
  }
  if (tail > 0) {
    tailOf(key, blocksEnd, Math.min(end, blocksEnd + 8));
    multiply(high, low, C1_HIGH, C1_LOW);
    rotateLeft(31);
    multiply(high, low, C2_HIGH, C2_LOW);
    h1High ^= high;
    h1Low ^= low;
  }

  h1Low ^= length;
  h2Low ^= length;
  add(h1High, h1Low, h2High, h2Low);
  h1High = high;
  h1Low = low;
  add(h2High, h2Low, h1High, h1Low);
  h2High = high;
  h2Low = low;
  high = h1High;
  low = h1Low;
  mix();
  h1High = high;
  h1Low = low;
  high = h2High;
  low = h2Low;
  mix();
  add(h1High, h1Low, high, low);
  // The smallest long is no token of a key (Murmur3Partitioner.normalize).
  const isMinimum = high === MIN_HIGH && low === 0;
  token.high = isMinimum ? MAX_HIGH : high;
  token.low = isMinimum ? 0xffffffff : low >>> 0;
}

const MIN_HIGH = -0x80000000;
const MAX_HIGH = 0x7fffffff;

/** Up to eight bytes, little endian; each is sign-extended before it is shifted and joined by XOR. */
function tailOf(key: Buffer, start: number, end: number): void {
  let tailHigh = 0;
  let tailLow = 0;
  for (let at = end - 1; at >= start; at--) {
    const byte = (key[at]! << 24) >> 24;
    const shift = (at - start) * 8;
    if (shift >= 32) tailHigh ^= byte << (shift - 32);
    else {
      tailLow ^= byte << shift;
      // What of the sign and of the byte itself lies beyond the low half.
      tailHigh ^= shift === 0 ? byte >> 31 : byte >> (32 - shift);
    }
  }
  high = tailHigh;
  low = tailLow;
}

function int32(key: Buffer, at: number): number {
  return key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24);
}
