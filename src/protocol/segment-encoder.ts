// Frames to v5 segments: small ones share a self-contained segment, one that does not fit is cut
// into parts. Small frames are copied together (one checksum pass, one write); large ones stay views.
import { crc32 } from './crc.ts';
import {
  SEGMENT_HEADER_BYTES,
  SEGMENT_PAYLOAD_WRITE_BYTES,
  SEGMENT_TRAILER_BYTES,
  writeSegmentHeader,
} from './segment.ts';

/** `frames` are whole frames, header and body; returns the buffers to write, in order. */
export function encodeSegments(frames: readonly Buffer[]): Buffer[] {
  const out: Buffer[] = [];
  let first = 0;
  let bytes = 0;
  for (let i = 0; i < frames.length; i++) {
    const { length } = frames[i]!;
    if (bytes + length > SEGMENT_PAYLOAD_WRITE_BYTES) {
      if (bytes > 0) out.push(selfContained(frames, first, i, bytes));
      first = i;
      bytes = 0;
    }
    if (length >= SEGMENT_PAYLOAD_WRITE_BYTES) {
      pushParts(out, frames[i]!);
      first = i + 1;
    } else bytes += length;
  }
  if (bytes > 0) out.push(selfContained(frames, first, frames.length, bytes));
  return out;
}

function selfContained(
  frames: readonly Buffer[],
  first: number,
  end: number,
  payloadBytes: number,
): Buffer {
  const segment = Buffer.allocUnsafe(SEGMENT_HEADER_BYTES + payloadBytes + SEGMENT_TRAILER_BYTES);
  writeSegmentHeader(segment, 0, payloadBytes, true);
  let at = SEGMENT_HEADER_BYTES;
  for (let i = first; i < end; i++) {
    segment.set(frames[i]!, at);
    at += frames[i]!.length;
  }
  segment.writeUInt32LE(crc32(segment, SEGMENT_HEADER_BYTES, at), at);
  return segment;
}

function pushParts(out: Buffer[], frame: Buffer): void {
  for (let start = 0; start < frame.length; start += SEGMENT_PAYLOAD_WRITE_BYTES) {
    const end = Math.min(start + SEGMENT_PAYLOAD_WRITE_BYTES, frame.length);
    const header = Buffer.allocUnsafe(SEGMENT_HEADER_BYTES);
    writeSegmentHeader(header, 0, end - start, false);
    const trailer = Buffer.allocUnsafe(SEGMENT_TRAILER_BYTES);
    trailer.writeUInt32LE(crc32(frame, start, end), 0);
    out.push(header, frame.subarray(start, end), trailer);
  }
}
