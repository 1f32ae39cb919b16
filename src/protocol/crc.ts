// The checksums of v5 segments: CRC24 over the header, CRC32 over the payload (section 2.2 of the v5
// specification; Cassandra's org.apache.cassandra.net.Crc). And CRC32C, for the header of the PROXY protocol.
import { crc32 as zlibCrc32 } from 'node:zlib';

const CRC24_INIT = 0x875060;
const CRC24_POLYNOMIAL = 0x1974f0b;

/** CRC24 of the low `bytes` bytes of `header`, least significant byte first. */
export function crc24(header: number, bytes: number): number {
  let crc = CRC24_INIT;
  // Headers have up to 40 bits: divided, as shifts work on 32.
  let rest = header;
  for (let i = 0; i < bytes; i++) {
    crc ^= (rest % 256) << 16;
    rest = Math.floor(rest / 256);
    for (let bit = 0; bit < 8; bit++) {
      crc <<= 1;
      if ((crc & 0x1000000) !== 0) crc ^= CRC24_POLYNOMIAL;
    }
  }
  return crc & 0xffffff;
}

/** CRC32 starts as if these four bytes had come first, so that zeros do not check out. */
const CRC32_SEED = zlibCrc32(Buffer.from([0xfa, 0x2d, 0x55, 0xca]));

const TABLE = new Int32Array(256);
for (let i = 0; i < 256; i++) {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  TABLE[i] = crc;
}

/** The native call costs more than the work below this (measured on Node 20: equal at 256 bytes). */
const NATIVE_FROM_BYTES = 256;

/** CRC32 of a payload, or of its next part when the value of the parts before is given. */
export function crc32(buffer: Buffer, start: number, end: number, before = CRC32_SEED): number {
  if (end - start >= NATIVE_FROM_BYTES) return zlibCrc32(buffer.subarray(start, end), before);
  let crc = ~before;
  for (let i = start; i < end; i++) crc = TABLE[(crc ^ buffer[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const CRC32C_POLYNOMIAL = 0x82f63b78;

/** Bit by bit: it is asked for once in a connection, of a few hundred bytes at most. */
export function crc32c(bytes: Buffer): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc & 1) !== 0 ? (crc >>> 1) ^ CRC32C_POLYNOMIAL : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}
