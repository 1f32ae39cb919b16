// LZ4 raw blocks (no frame, no length): by the native package where it was built, else in
// JavaScript. Both write into memory of the stated size that was zeroed before: a block may copy
// from what it has not written yet, and must not find another session's bytes there.
import { compressBlock, compressBound } from 'lz4js';

export interface Lz4 {
  readonly implementation: 'native' | 'javascript';
  /** The block, or null where it would not be smaller. */
  compress(bytes: Buffer): Buffer | null;
  /** Fills `output` exactly; false where the block is malformed, or says more or less. */
  decompress(block: Buffer, output: Buffer): boolean;
}

const TOKEN_LONG = 15;
const MATCH_MIN_BYTES = 4;

/**
 * Written here rather than taken from lz4js, which neither stops at the end of its output nor
 * refuses to copy from before its start: a 64 KiB block could keep it busy for 16 MiB.
 */
function decompressBlock(block: Buffer, output: Buffer): boolean {
  const { length } = block;
  let at = 0;
  let written = 0;
  while (at < length) {
    const token = block[at++]!;
    let literals = token >> 4;
    if (literals === TOKEN_LONG) {
      let more = 255;
      while (more === 255 && at < length) literals += more = block[at++]!;
    }
    if (at + literals > length || written + literals > output.length) return false;
    block.copy(output, written, at, at + literals);
    at += literals;
    written += literals;
    // The last sequence has literals only.
    if (at === length) return written === output.length;
    if (at + 2 > length) return false;
    const offset = block[at]! | (block[at + 1]! << 8);
    at += 2;
    let match = token & TOKEN_LONG;
    if (match === TOKEN_LONG) {
      let more = 255;
      while (more === 255 && at < length) match += more = block[at++]!;
    }
    match += MATCH_MIN_BYTES;
    if (offset === 0 || offset > written || written + match > output.length) return false;
    // A match may overlap what it writes, byte by byte.
    for (let from = written - offset; match > 0; match--) output[written++] = output[from++]!;
  }
  return false;
}

/** Positions in the input at hand: what an earlier input left would be taken for a match of itself. */
const hashTable = new Uint32Array(1 << 16);

export const javascriptLz4: Lz4 = {
  implementation: 'javascript',
  compress: (bytes) => {
    const output = Buffer.allocUnsafe(compressBound(bytes.length));
    hashTable.fill(0);
    return smaller(output, compressBlock(bytes, output, 0, bytes.length, hashTable), bytes);
  },
  decompress: decompressBlock,
};

async function nativeLz4(): Promise<Lz4 | null> {
  try {
    const { default: native } = await import('lz4');
    return {
      implementation: 'native',
      compress: (bytes) => {
        const output = Buffer.allocUnsafe(native.encodeBound(bytes.length));
        return smaller(output, native.encodeBlock(bytes, output), bytes);
      },
      decompress: (block, output) => native.decodeBlock(block, output) === output.length,
    };
  } catch {
    // It is optional: npm leaves it out where there is no compiler.
    return null;
  }
}

function smaller(output: Buffer, written: number, input: Buffer): Buffer | null {
  return written > 0 && written < input.length ? output.subarray(0, written) : null;
}

export const lz4: Lz4 = (await nativeLz4()) ?? javascriptLz4;
