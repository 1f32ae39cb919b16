// The few frame pieces that load generator and responder need, built by hand and apart from
// src/protocol: a bench that shared the gate's codec would not notice the codec's mistakes.
// Notation and opcodes are those of the native protocol specification v4, sections 2 to 4.

export const HEADER_BYTES = 9;
export const VERSION = 4;

export const Opcode = {
  ERROR: 0x00,
  STARTUP: 0x01,
  READY: 0x02,
  AUTHENTICATE: 0x03,
  OPTIONS: 0x05,
  SUPPORTED: 0x06,
  QUERY: 0x07,
  RESULT: 0x08,
  PREPARE: 0x09,
  EXECUTE: 0x0a,
  REGISTER: 0x0b,
  BATCH: 0x0d,
  AUTH_RESPONSE: 0x0f,
  AUTH_SUCCESS: 0x10,
} as const;

export const ErrorCode = {
  SERVER_ERROR: 0x0000,
  PROTOCOL_ERROR: 0x000a,
  UNAUTHORIZED: 0x2100,
  INVALID: 0x2200,
} as const;

export const Kind = { VOID: 1, ROWS: 2, SET_KEYSPACE: 3, PREPARED: 4 } as const;

export const MetadataFlag = { GLOBAL_TABLES_SPEC: 0x01, NO_METADATA: 0x04 } as const;
export const QueryFlag = { VALUES: 0x01, SKIP_METADATA: 0x02 } as const;
export const CONSISTENCY_ONE = 1;

/** Set in the version byte of responses. */
const RESPONSE_BIT = 0x80;

export function short(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function int(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([short(bytes.length), bytes]);
}

export function longString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([int(bytes.length), bytes]);
}

export function bytes(value: Buffer | null): Buffer {
  return value === null ? int(-1) : Buffer.concat([int(value.length), value]);
}

export function shortBytes(value: Buffer): Buffer {
  return Buffer.concat([short(value.length), value]);
}

export function stringMap(map: Readonly<Record<string, string>>): Buffer {
  const entries = Object.entries(map);
  return Buffer.concat([
    short(entries.length),
    ...entries.flatMap(([key, value]) => [string(key), string(value)]),
  ]);
}

/** A whole request frame, no flags set. */
export function requestFrame(
  opcode: number,
  streamId: number,
  body: Buffer,
  version = VERSION,
): Buffer {
  return frame(version, opcode, streamId, body);
}

/** A whole response frame, no flags set. */
export function responseFrame(
  opcode: number,
  streamId: number,
  body: Buffer,
  version = VERSION,
): Buffer {
  return frame(version | RESPONSE_BIT, opcode, streamId, body);
}

export function errorBody(code: number, message: string): Buffer {
  return Buffer.concat([int(code), string(message)]);
}

/** Flags of a request are a byte in v4 and an int in v5. */
function flagsOf(flags: number, version: number): Buffer {
  return version < 5 ? Buffer.of(flags) : int(flags);
}

/** The body of a QUERY without bound values. */
export function queryBody(text: string, version = VERSION): Buffer {
  return Buffer.concat([longString(text), short(CONSISTENCY_ONE), flagsOf(0, version)]);
}

export function prepareBody(text: string, version = VERSION): Buffer {
  return version < 5 ? longString(text) : Buffer.concat([longString(text), int(0)]);
}

/** What an EXECUTE names; `metadataId` is of v5, null in v4. */
export interface PreparedId {
  readonly id: Buffer;
  readonly metadataId: Buffer | null;
}

/** The body of an EXECUTE with one bound value; rows come without metadata, as most drivers ask. */
export function executeBody(
  { id, metadataId }: PreparedId,
  value: Buffer,
  version = VERSION,
): Buffer {
  return Buffer.concat([
    shortBytes(id),
    ...(metadataId === null ? [] : [shortBytes(metadataId)]),
    short(CONSISTENCY_ONE),
    flagsOf(QueryFlag.VALUES | QueryFlag.SKIP_METADATA, version),
    short(1),
    bytes(value),
  ]);
}

/** The body of a logged BATCH of one prepared statement with its values, so many times. */
export function batchBody(
  id: Buffer,
  values: readonly Buffer[],
  times: number,
  version = VERSION,
): Buffer {
  const child = [Buffer.of(1), shortBytes(id), short(values.length), ...values.map(bytes)];
  return Buffer.concat([
    Buffer.of(0),
    short(times),
    ...Array.from({ length: times }, () => Buffer.concat(child)),
    short(CONSISTENCY_ONE),
    flagsOf(0, version),
  ]);
}

/** Code and text of an ERROR body, for people. */
export function describeError(body: Buffer): string {
  const code = body.readInt32BE(0).toString(16).padStart(4, '0');
  const length = body.readUInt16BE(4);
  return `0x${code} ${body.toString('utf8', 6, 6 + length)}`;
}

/** Finds whole frames in what a socket reads; a frame is (buffer, start of header, end of body). */
export class FrameSplitter {
  #parts: Buffer[] = [];
  #bytes = 0;
  /** Of the frame at hand, where its header is there: until then nothing is joined. */
  #needed = 0;

  push(chunk: Buffer, onFrame: (buffer: Buffer, start: number, end: number) => void): void {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const buffer = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    this.#needed = 0;
    let start = 0;
    while (buffer.length - start >= HEADER_BYTES) {
      const end = start + HEADER_BYTES + bodyLength(buffer, start);
      if (end > buffer.length) {
        this.#needed = end - start;
        break;
      }
      onFrame(buffer, start, end);
      start = end;
    }
    this.#bytes = buffer.length - start;
    this.#parts = this.#bytes > 0 ? [buffer.subarray(start)] : [];
  }
}

/**
 * Memory for frames on their way into sockets. What was handed out is never written again, since a
 * socket may keep it; small frames share a block, so that a request costs no allocation.
 */
export class WriteBlocks {
  #block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
  #used = 0;

  take(length: number): Buffer {
    if (length > BLOCK_BYTES / 4) return Buffer.allocUnsafeSlow(length);
    if (this.#used + length > BLOCK_BYTES) {
      this.#block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += length;
    return this.#block.subarray(start, this.#used);
  }
}

/** Large enough for a thousand small frames, small enough not to leave the cache. */
const BLOCK_BYTES = 64 * 1024;

/** The stream id of a frame: a signed 16-bit integer, -1 for events. */
export function streamIdOf(buffer: Buffer, start: number): number {
  return ((buffer[start + 2]! << 24) >> 16) | buffer[start + 3]!;
}

function bodyLength(buffer: Buffer, start: number): number {
  return (
    ((buffer[start + 5]! << 24) |
      (buffer[start + 6]! << 16) |
      (buffer[start + 7]! << 8) |
      buffer[start + 8]!) >>>
    0
  );
}

function frame(version: number, opcode: number, streamId: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = version;
  header.writeInt16BE(streamId, 2);
  header[4] = opcode;
  header.writeUInt32BE(body.length, 5);
  return Buffer.concat([header, body]);
}
