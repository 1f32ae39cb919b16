// The segment of v5 (the specification calls it "frame"): little-endian header, payload, checksum.
//
//   plain: 3 bytes  bits 0-16 payload length, bit 17 self-contained, bits 18-23 zero
//   lz4:   5 bytes  bits 0-16 payload length, bits 17-33 length before compression (0: the payload
//                   is not compressed), bit 34 self-contained, bits 35-39 zero
//   3 bytes  CRC24 of those
//   n bytes  payload: whole frames when self-contained, else a part of one large frame
//   4 bytes  CRC32 of the payload as it is on the wire
import { crc24 } from './crc.ts';
import { usesSegments } from './versions.ts';

const CHECKSUM_BYTES = 3;
export const SEGMENT_TRAILER_BYTES = 4;
/**
 * A segment is written with at most so many bytes, header and trailer included, and a large frame fills all of its
 * segments but the last. Whoever reads in powers of two then finds each header at the beginning of a read: the Python
 * driver loses bytes where a read ends within a header.
 */
const SEGMENT_WRITE_BYTES = 128 * 1024;

const LENGTH_VALUES = 2 ** 17;

/** One of the two header layouts; which of them holds for a connection is agreed on in STARTUP. */
export interface SegmentLayout {
  readonly lengthBytes: number;
  /** Lengths and checksum. */
  readonly headerBytes: number;
  /** The most that is put into one. */
  readonly fullPayloadBytes: number;
  readonly compressed: boolean;
}

export const PLAIN_SEGMENTS = layoutOf(3, false);
export const LZ4_SEGMENTS = layoutOf(5, true);

/** The layout that a connection switches to once STARTUP is answered; null if its version has no segments. */
export function segmentLayoutOf(version: number, isCompressed: boolean): SegmentLayout | null {
  if (!usesSegments(version)) return null;
  return isCompressed ? LZ4_SEGMENTS : PLAIN_SEGMENTS;
}

export interface SegmentHeader {
  readonly payloadBytes: number;
  /** Before compression; 0 where the payload is not compressed. */
  readonly uncompressedBytes: number;
  readonly selfContained: boolean;
}

function layoutOf(lengthBytes: number, compressed: boolean): SegmentLayout {
  const headerBytes = lengthBytes + CHECKSUM_BYTES;
  const fullPayloadBytes = SEGMENT_WRITE_BYTES - headerBytes - SEGMENT_TRAILER_BYTES;
  return { lengthBytes, headerBytes, fullPayloadBytes, compressed };
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
