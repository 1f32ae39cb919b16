// v5 segments to frames. A corrupt segment can't be stepped over safely: where its header is wrong
// the length is too, and a payload that fails its checksum held requests that will never be
// answered. So either ends the connection, as in Cassandra.
import { ProtocolFault } from '../errors.ts';
import { ByteQueue } from './byte-queue.ts';
import { crc32 } from './crc.ts';
import {
  checkHeader,
  OversizedFrame,
  versionChanged,
  type FrameDecoderOptions,
} from './frame-decoder.ts';
import { Frame, HEADER_BYTES } from './frame.ts';
import { lz4 } from './lz4.ts';
import {
  hasReservedBits,
  headerChecksum,
  isSelfContained,
  payloadBytesOf,
  PLAIN_SEGMENTS,
  SEGMENT_TRAILER_BYTES,
  uncompressedBytesOf,
  type SegmentLayout,
} from './segment.ts';

const RESPONSE_BIT = 0x80;

export interface SegmentDecoderOptions extends FrameDecoderOptions {
  /** As agreed on in STARTUP; plain where it is left out. */
  readonly layout?: SegmentLayout;
}

export class SegmentDecoder {
  readonly #layout: SegmentLayout;
  readonly #bytes = new ByteQueue();
  readonly #direction: 'request' | 'response';
  readonly #version: number;
  /** The self-contained payload whose frames are being handed out. */
  #payload: Buffer | null = null;
  #payloadOffset = 0;
  #payloadEnd = 0;
  /** Parts of one large frame, in order, until all have come: a part may be a single byte. */
  readonly #parts = new ByteQueue();
  #partBytes = 0;
  #largeFrameBytes = 0;
  #oversized: OversizedFrame | null = null;
  maxFrameBytes: number;
  /** What came out of compressed segments, since whoever counts it set it to zero. */
  decompressedBytes = 0;
  /** Segments read, counted likewise: they may hold no frame at all. */
  segmentsRead = 0;
  /** Before READY a large frame is only a way to make the gate buffer (Cassandra refuses it too). */
  allowMultiSegment = false;

  constructor({ direction, version, maxFrameBytes, layout }: SegmentDecoderOptions) {
    if (version === null) throw new TypeError('segments need a version');
    this.#layout = layout ?? PLAIN_SEGMENTS;
    this.#direction = direction;
    this.#version = version;
    this.maxFrameBytes = maxFrameBytes;
  }

  get bufferedBytes(): number {
    // Parts of a frame that is too large were let go.
    const partBytes = this.#oversized === null ? this.#partBytes : 0;
    return this.#bytes.available + partBytes + (this.#payloadEnd - this.#payloadOffset);
  }

  /** What it holds, or will hold when the frame at hand is whole. */
  get reservedBytes(): number {
    const frameBytes = this.#oversized === null ? this.#largeFrameBytes : 0;
    return Math.max(this.bufferedBytes, frameBytes);
  }

  /** A segment, or a frame of several, began that did not come to its end. */
  get isMidFrame(): boolean {
    return this.bufferedBytes > 0 || this.#largeFrameBytes > 0;
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk);
  }

  next(): Frame | OversizedFrame | null {
    for (;;) {
      if (this.#payload !== null) {
        const frame = this.#nextInPayload(this.#payload);
        if (frame !== null) return frame;
        this.#payload = null;
      }
      const segment = this.#nextSegment();
      if (segment === null) return null;
      if (segment.selfContained) {
        if (this.#largeFrameBytes > 0) {
          throw new ProtocolFault(
            'a self-contained segment came within the parts of a large frame',
          );
        }
        this.#payload = segment.buffer;
        this.#payloadOffset = segment.start;
        this.#payloadEnd = segment.end;
        continue;
      }
      const large = this.#addPart(segment.buffer, segment.start, segment.end);
      if (large !== null) return large;
    }
  }

  /** The payload of the next segment, checked and as it was before compression. */
  #nextSegment(): Payload | null {
    const bytes = this.#bytes;
    const layout = this.#layout;
    const { lengthBytes, headerBytes } = layout;
    if (bytes.available < headerBytes) return null;
    const header = bytes.uintLeAt(0, lengthBytes);
    const checksum = bytes.uintLeAt(lengthBytes, headerBytes - lengthBytes);
    const computed = headerChecksum(layout, header);
    if (checksum !== computed) throw mismatch('header', checksum, computed);
    if (hasReservedBits(layout, header)) {
      throw new ProtocolFault('the segment header has bits set that must be zero');
    }
    const payloadBytes = payloadBytesOf(header);
    const segmentBytes = headerBytes + payloadBytes + SEGMENT_TRAILER_BYTES;
    if (bytes.available < segmentBytes) return null;
    bytes.take(segmentBytes);
    this.segmentsRead++;
    const { buffer } = bytes;
    const start = bytes.start + headerBytes;
    const end = start + payloadBytes;
    const expected = buffer.readUInt32LE(end);
    const actual = crc32(buffer, start, end);
    if (expected !== actual) throw mismatch('body', expected, actual);
    const selfContained = isSelfContained(layout, header);
    const uncompressedBytes = uncompressedBytesOf(layout, header);
    if (uncompressedBytes === 0) return { buffer, start, end, selfContained };
    // Of a frame over the limit nothing is read: its parts are only counted.
    if (!selfContained && this.#oversized !== null) {
      return { buffer, start, end: start + uncompressedBytes, selfContained };
    }
    // 17 bits bound it to 128 KiB.
    const payload = Buffer.alloc(uncompressedBytes);
    if (!lz4.decompress(buffer.subarray(start, end), payload)) {
      throw new ProtocolFault('the segment payload is no LZ4 block of its stated length');
    }
    this.decompressedBytes += uncompressedBytes;
    return { buffer: payload, start: 0, end: uncompressedBytes, selfContained };
  }

  #nextInPayload(buffer: Buffer): Frame | OversizedFrame | null {
    const start = this.#payloadOffset;
    if (start === this.#payloadEnd) return null;
    const frameBytes = this.#frameBytes(buffer, start, this.#payloadEnd);
    if (start + frameBytes > this.#payloadEnd) {
      throw new ProtocolFault(
        'a self-contained segment ends within a frame',
        streamIdAt(buffer, start),
      );
    }
    this.#payloadOffset = start + frameBytes;
    if (frameBytes > this.maxFrameBytes) return oversizedAt(buffer, start, frameBytes);
    return new Frame(buffer, start, start + frameBytes);
  }

  #addPart(buffer: Buffer, start: number, end: number): Frame | OversizedFrame | null {
    if (!this.allowMultiSegment) {
      throw new ProtocolFault(
        'a request over several segments while authentication is still pending',
      );
    }
    if (this.#largeFrameBytes === 0) {
      this.#largeFrameBytes = this.#frameBytes(buffer, start, end);
      if (this.#largeFrameBytes > this.maxFrameBytes) {
        this.#oversized = oversizedAt(buffer, start, this.#largeFrameBytes);
      }
    }
    this.#partBytes += end - start;
    if (this.#partBytes > this.#largeFrameBytes) {
      throw new ProtocolFault('the parts of a large frame are longer than its header says');
    }
    // Parts of a frame over the limit are counted, and let go.
    if (this.#oversized === null) this.#parts.push(buffer.subarray(start, end));
    if (this.#partBytes < this.#largeFrameBytes) {
      if (this.#oversized === null) this.#parts.expect(this.#largeFrameBytes);
      return null;
    }
    const length = this.#largeFrameBytes;
    const oversized = this.#oversized;
    this.#partBytes = 0;
    this.#largeFrameBytes = 0;
    this.#oversized = null;
    if (oversized !== null) return oversized;
    const parts = this.#parts;
    parts.take(length);
    const frame = new Frame(parts.buffer, parts.start, parts.start + length);
    parts.forget();
    return frame;
  }

  /** Length of the frame whose header starts at `start`, checked; the header must lie in one piece. */
  #frameBytes(buffer: Buffer, start: number, end: number): number {
    if (end - start < HEADER_BYTES) {
      throw new ProtocolFault('a segment ends within the header of a frame');
    }
    const first = buffer[start]!;
    const streamId = streamIdAt(buffer, start);
    if (((first & RESPONSE_BIT) !== 0) !== (this.#direction === 'response')) {
      throw new ProtocolFault(
        `a ${this.#direction} was expected; its first byte is ${first}`,
        streamId,
      );
    }
    if ((first & 0x7f) !== this.#version) {
      throw versionChanged(first & 0x7f, this.#version, streamId);
    }
    const length = buffer.readUInt32BE(start + 5);
    checkHeader(this.#direction, buffer[start + 1]!, buffer[start + 4]!, length, streamId);
    return HEADER_BYTES + length;
  }
}

interface Payload {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
  readonly selfContained: boolean;
}

function streamIdAt(buffer: Buffer, start: number): number {
  return buffer.readInt16BE(start + 2);
}

function oversizedAt(buffer: Buffer, start: number, frameBytes: number): OversizedFrame {
  return new OversizedFrame(
    buffer[start]! & 0x7f,
    streamIdAt(buffer, start),
    buffer[start + 4]!,
    frameBytes,
  );
}

function mismatch(part: string, read: number, computed: number): ProtocolFault {
  return new ProtocolFault(
    `unrecoverable CRC mismatch detected in frame ${part}. Read ${read}, Computed ${computed}`,
  );
}
