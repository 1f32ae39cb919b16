// The segment of v5 (the specification calls it "frame"): little-endian header, payload, checksum.
//
//   3 bytes  bits 0-16 payload length, bit 17 self-contained, bits 18-23 zero
//   3 bytes  CRC24 of those
//   n bytes  payload: whole frames when self-contained, else a part of one large frame
//   4 bytes  CRC32 of the payload
import { crc24 } from './crc.ts';

export const SEGMENT_HEADER_BYTES = 6;
export const SEGMENT_TRAILER_BYTES = 4;
/** What 17 bits hold. */
export const SEGMENT_PAYLOAD_MAX_BYTES = 131_071;
/** What Cassandra's own writer puts into one: 128 KiB less header, trailer and two bytes. */
export const SEGMENT_PAYLOAD_WRITE_BYTES = 131_060;

const LENGTH_BYTES = 3;
const SELF_CONTAINED = 1 << 17;
const RESERVED = ~(SEGMENT_PAYLOAD_MAX_BYTES | SELF_CONTAINED) & 0xffffff;

export function writeSegmentHeader(
  target: Buffer,
  offset: number,
  payloadBytes: number,
  selfContained: boolean,
): void {
  const header = payloadBytes | (selfContained ? SELF_CONTAINED : 0);
  target.writeUIntLE(header, offset, 3);
  target.writeUIntLE(crc24(header, LENGTH_BYTES), offset + 3, 3);
}

export function payloadBytesOf(header: number): number {
  return header & SEGMENT_PAYLOAD_MAX_BYTES;
}

export function isSelfContained(header: number): boolean {
  return (header & SELF_CONTAINED) !== 0;
}

export function hasReservedBits(header: number): boolean {
  return (header & RESERVED) !== 0;
}

export function headerChecksum(header: number): number {
  return crc24(header, LENGTH_BYTES);
}
