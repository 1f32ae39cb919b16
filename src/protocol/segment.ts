// The segment of v5 (the specification calls it "frame"): little-endian header, payload, checksum.
//
//   plain: 3 bytes  bits 0-16 payload length, bit 17 self-contained, bits 18-23 zero
//   lz4:   5 bytes  bits 0-16 payload length, bits 17-33 length before compression (0: the payload
//                   is not compressed), bit 34 self-contained, bits 35-39 zero
//   3 bytes  CRC24 of those
//   n bytes  payload: whole frames when self-contained, else a part of one large frame
//   4 bytes  CRC32 of the payload as it is on the wire
import { crc24 } from './crc.ts';

const CHECKSUM_BYTES = 3;
export const SEGMENT_TRAILER_BYTES = 4;
/** What Cassandra's own writer puts into one: 128 KiB less header, trailer and two bytes. */
export const SEGMENT_PAYLOAD_WRITE_BYTES = 131_060;

const LENGTH_VALUES = 2 ** 17;

/** One of the two header layouts; which of them holds for a connection is agreed on in STARTUP. */
export interface SegmentLayout {
  readonly lengthBytes: number;
  /** Lengths and checksum. */
  readonly headerBytes: number;
  readonly compressed: boolean;
}

export const PLAIN_SEGMENTS: SegmentLayout = {
  lengthBytes: 3,
  headerBytes: 3 + CHECKSUM_BYTES,
  compressed: false,
};

export const LZ4_SEGMENTS: SegmentLayout = {
  lengthBytes: 5,
  headerBytes: 5 + CHECKSUM_BYTES,
  compressed: true,
};

export interface SegmentHeader {
  readonly payloadBytes: number;
  /** Before compression; 0 where the payload is not compressed. */
  readonly uncompressedBytes: number;
  readonly selfContained: boolean;
}

export function writeSegmentHeader(
  layout: SegmentLayout,
  target: Buffer,
  { payloadBytes, uncompressedBytes, selfContained }: SegmentHeader,
): void {
  const lengths = layout.compressed
    ? payloadBytes + uncompressedBytes * LENGTH_VALUES
    : payloadBytes;
  const flag = layout.compressed ? LENGTH_VALUES ** 2 : LENGTH_VALUES;
  const header = lengths + (selfContained ? flag : 0);
  target.writeUIntLE(header, 0, layout.lengthBytes);
  const checksum = crc24(header, layout.lengthBytes);
  target.writeUIntLE(checksum, layout.lengthBytes, CHECKSUM_BYTES);
}

export function payloadBytesOf(header: number): number {
  return header % LENGTH_VALUES;
}

export function uncompressedBytesOf(layout: SegmentLayout, header: number): number {
  return layout.compressed ? Math.floor(header / LENGTH_VALUES) % LENGTH_VALUES : 0;
}

export function isSelfContained(layout: SegmentLayout, header: number): boolean {
  return flagsOf(layout, header) % 2 === 1;
}

/** Bits beyond the flag must be zero. */
export function hasReservedBits(layout: SegmentLayout, header: number): boolean {
  return flagsOf(layout, header) > 1;
}

export function headerChecksum(layout: SegmentLayout, header: number): number {
  return crc24(header, layout.lengthBytes);
}

function flagsOf(layout: SegmentLayout, header: number): number {
  return Math.floor(header / (layout.compressed ? LENGTH_VALUES ** 2 : LENGTH_VALUES));
}
