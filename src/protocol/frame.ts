// A frame: nine bytes of header and a body (the v5 specification calls it "envelope"). It is a view of the
// buffer it was read into, and the stream id is patched in place. Only one that straddles reads was joined
// (byte-queue.ts), or is joined here when somebody looks into it.
//
//   0        1        2                 4        5                          9
//   version  flags    stream id (i16)   opcode   body length (u32)          body ...
import { opcodeRow } from './opcodes.ts';

export const HEADER_BYTES = 9;

export const FrameFlag = {
  COMPRESSED: 0x01,
  TRACING: 0x02,
  CUSTOM_PAYLOAD: 0x04,
  WARNING: 0x08,
  USE_BETA: 0x10,
} as const;

/** In a request: COMPRESSED, TRACING, CUSTOM_PAYLOAD, WARNING (which means nothing there) and USE_BETA. */
export const KNOWN_REQUEST_FLAGS = 0x1f;

const RESPONSE_BIT = 0x80;

const NO_PARTS: readonly Buffer[] = [];

export class Frame {
  readonly buffer: Buffer;
  /** Offset of the header's first byte. */
  readonly start: number;
  /** Offset after the body's last byte, or after the last one that lies here. */
  readonly end: number;
  /** What of the body lies elsewhere, in order: of large answers that nobody reads here; else there is none. */
  readonly rest: readonly Buffer[];

  constructor(buffer: Buffer, start: number, end: number, rest: readonly Buffer[] = NO_PARTS) {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    this.rest = rest;
  }

  get version(): number {
    return this.buffer[this.start]! & 0x7f;
  }

  get isResponse(): boolean {
    return (this.buffer[this.start]! & RESPONSE_BIT) !== 0;
  }

  get flags(): number {
    return this.buffer[this.start + 1]!;
  }

  /** Signed: events come on -1. */
  get streamId(): number {
    const { buffer, start } = this;
    return ((buffer[start + 2]! << 24) >> 16) | buffer[start + 3]!;
  }

  get opcode(): number {
    return this.buffer[this.start + 4]!;
  }

  get bodyStart(): number {
    return this.start + HEADER_BYTES;
  }

  /** Header and body. */
  get byteLength(): number {
    const here = this.end - this.start;
    return this.isWhole ? here : this.rest.reduce((sum, part) => sum + part.length, here);
  }

  /** All of it lies between `start` and `end`. */
  get isWhole(): boolean {
    return this.rest === NO_PARTS;
  }

  /** The same, joined where it is in parts. */
  whole(): Frame {
    if (this.isWhole) return this;
    const joined = Buffer.concat([this.bytes(), ...this.rest]);
    return new Frame(joined, 0, joined.length);
  }

  setStreamId(id: number): void {
    this.buffer[this.start + 2] = (id >> 8) & 0xff;
    this.buffer[this.start + 3] = id & 0xff;
  }

  clearFlag(flag: number): void {
    this.buffer[this.start + 1]! &= ~flag;
  }

  /** Header and body as a view; of a frame in parts the first one. */
  bytes(): Buffer {
    return this.buffer.subarray(this.start, this.end);
  }
}

export interface FrameFields {
  readonly version: number;
  readonly opcode: number;
  readonly streamId: number;
  readonly flags?: number;
  readonly body: Buffer | null;
}

/** A whole frame in one buffer; the response bit follows from the opcode's direction. */
export function encodeFrame({ version, opcode, streamId, flags = 0, body }: FrameFields): Buffer {
  const bodyBytes = body?.length ?? 0;
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + bodyBytes);
  const isResponse = opcodeRow(opcode)?.direction === 'response';
  bytes[0] = version | (isResponse ? RESPONSE_BIT : 0);
  bytes[1] = flags;
  bytes.writeInt16BE(streamId, 2);
  bytes[4] = opcode;
  bytes.writeUInt32BE(bodyBytes, 5);
  if (body !== null) bytes.set(body, HEADER_BYTES);
  return bytes;
}
