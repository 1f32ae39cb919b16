// Frames to v5 segments: small ones share a self-contained segment, one that does not fit is cut
// into parts. Small frames are copied together (one checksum pass, one write); large ones stay views.
import { COMPRESSION } from '../limits/session.ts';
import { crc32 } from './crc.ts';
import { HEADER_BYTES } from './frame.ts';
import { lz4 } from './lz4.ts';
import {
  PLAIN_SEGMENTS,
  SEGMENT_TRAILER_BYTES,
  writeSegmentHeader,
  type SegmentLayout,
} from './segment.ts';

/** A part of a frame that does not fit into one segment; the parts of a frame come one after the other. */
export class SegmentPart {
  readonly bytes: Buffer;
  /** Its frame is small enough to be compressed. */
  readonly isCompressible: boolean;

  constructor(bytes: Buffer, isCompressible: boolean) {
    this.bytes = bytes;
    this.isCompressible = isCompressible;
  }

  get length(): number {
    return this.bytes.length;
  }
}

/**
 * Whether a frame goes into a self-contained segment. What does not has two parts at least: Cassandra takes all parts
 * that come after a large frame of a single one for more of it, so that its connection never answers a large request again.
 */
export function fitsSegment(frameBytes: number, { fullPayloadBytes }: SegmentLayout): boolean {
  return frameBytes <= fullPayloadBytes;
}

export function isCompressible(frameBytes: number): boolean {
  return frameBytes - HEADER_BYTES <= COMPRESSION.maxBytes;
}

/** A large frame, cut to parts that fill their segments; only the last one may be smaller. */
export function cutParts(frame: Buffer, { fullPayloadBytes }: SegmentLayout): SegmentPart[] {
  const parts: SegmentPart[] = [];
  for (let start = 0; start < frame.length; start += fullPayloadBytes) {
    const part = frame.subarray(start, start + fullPayloadBytes);
    parts.push(new SegmentPart(part, isCompressible(frame.length)));
  }
  return parts;
}

/** Whole frames, header and body, or parts of large ones; returns the buffers to write, in order. */
export function encodeSegments(
  frames: readonly (Buffer | SegmentPart)[],
  layout: SegmentLayout = PLAIN_SEGMENTS,
): Buffer[] {
  const out: Buffer[] = [];
  let small: Buffer[] = [];
  let bytes = 0;
  const closeSmall = (): void => {
    if (bytes > 0) pushSelfContained(out, small, bytes, layout);
    small = [];
    bytes = 0;
  };
  for (const frame of frames) {
    if (frame instanceof SegmentPart) {
      closeSmall();
      pushPart(out, frame, layout);
      continue;
    }
    const { length } = frame;
    if (bytes + length > layout.fullPayloadBytes) closeSmall();
    if (fitsSegment(length, layout)) {
      small.push(frame);
      bytes += length;
    } else {
      closeSmall();
      for (const part of cutParts(frame, layout)) pushPart(out, part, layout);
    }
  }
  closeSmall();
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

function pushPart(
  out: Buffer[],
  { bytes, isCompressible }: SegmentPart,
  layout: SegmentLayout,
): void {
  const block = isCompressible ? compressed(bytes, layout) : null;
  if (block === null) pushSegment(out, layout, bytes, 0, false);
  else pushSegment(out, layout, block, bytes.length, false);
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
