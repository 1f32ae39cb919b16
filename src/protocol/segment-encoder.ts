// Frames to v5 segments: small ones share a self-contained segment, one that does not fit is cut
// into parts. Small frames are copied together (one checksum pass, one write); large ones stay views.
import { COMPRESSION } from '../limits.ts';
import { crc32 } from './crc.ts';
import { lz4 } from './lz4.ts';
import {
  PLAIN_SEGMENTS,
  SEGMENT_PAYLOAD_WRITE_BYTES,
  SEGMENT_TRAILER_BYTES,
  writeSegmentHeader,
  type SegmentLayout,
} from './segment.ts';

/** `frames` are whole frames, header and body; returns the buffers to write, in order. */
export function encodeSegments(
  frames: readonly Buffer[],
  layout: SegmentLayout = PLAIN_SEGMENTS,
): Buffer[] {
  const out: Buffer[] = [];
  let first = 0;
  let bytes = 0;
  for (let i = 0; i < frames.length; i++) {
    const { length } = frames[i]!;
    if (bytes + length > SEGMENT_PAYLOAD_WRITE_BYTES) {
      if (bytes > 0) pushSelfContained(out, frames.slice(first, i), bytes, layout);
      first = i;
      bytes = 0;
    }
    if (length >= SEGMENT_PAYLOAD_WRITE_BYTES) {
      pushParts(out, frames[i]!, layout);
      first = i + 1;
    } else bytes += length;
  }
  if (bytes > 0) pushSelfContained(out, frames.slice(first), bytes, layout);
  return out;
}

function pushSelfContained(
  out: Buffer[],
  frames: readonly Buffer[],
  payloadBytes: number,
  layout: SegmentLayout,
): void {
  const { headerBytes } = layout;
  const segment = Buffer.allocUnsafe(headerBytes + payloadBytes + SEGMENT_TRAILER_BYTES);
  let end = headerBytes;
  for (const frame of frames) {
    segment.set(frame, end);
    end += frame.length;
  }
  const block = compressed(segment.subarray(headerBytes, end), layout);
  if (block !== null) {
    pushSegment(out, layout, block, payloadBytes, true);
    return;
  }
  writeSegmentHeader(layout, segment, { payloadBytes, uncompressedBytes: 0, selfContained: true });
  segment.writeUInt32LE(crc32(segment, headerBytes, end), end);
  out.push(segment);
}

function pushParts(out: Buffer[], frame: Buffer, layout: SegmentLayout): void {
  for (let start = 0; start < frame.length; start += SEGMENT_PAYLOAD_WRITE_BYTES) {
    const part = frame.subarray(start, start + SEGMENT_PAYLOAD_WRITE_BYTES);
    const block = compressed(part, layout);
    if (block === null) pushSegment(out, layout, part, 0, false);
    else pushSegment(out, layout, block, part.length, false);
  }
}

/** A segment whose payload lies elsewhere: three buffers, nothing copied. */
function pushSegment(
  out: Buffer[],
  layout: SegmentLayout,
  payload: Buffer,
  uncompressedBytes: number,
  selfContained: boolean,
): void {
  const header = Buffer.allocUnsafe(layout.headerBytes);
  const payloadBytes = payload.length;
  writeSegmentHeader(layout, header, { payloadBytes, uncompressedBytes, selfContained });
  const trailer = Buffer.allocUnsafe(SEGMENT_TRAILER_BYTES);
  trailer.writeUInt32LE(crc32(payload, 0, payloadBytes), 0);
  out.push(header, payload, trailer);
}

function compressed(payload: Buffer, layout: SegmentLayout): Buffer | null {
  if (!layout.compressed || payload.length < COMPRESSION.minBytes) return null;
  return lz4.compress(payload);
}
