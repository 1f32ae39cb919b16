// What may stand before the message in a body. Requests: a custom payload. Responses, in this order:
// tracing id, warnings, custom payload (section 2.2 of the v4 specification).
import { encodeFrame, Frame, FrameFlag } from './frame.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const TRACING_ID_BYTES = 16;

/** A reader at the message of a request, behind its custom payload. */
export function requestReader(frame: Frame): Reader {
  const reader = new Reader(frame.buffer, frame.bodyStart, frame.end, frame.streamId);
  const { flags } = frame;
  if ((flags & FrameFlag.CUSTOM_PAYLOAD) !== 0) skipBytesMap(reader);
  return reader;
}

export interface PayloadKey {
  readonly key: string;
  readonly bytes: Buffer;
}

export function payloadKeys(keys: readonly string[]): readonly PayloadKey[] {
  return keys.map((key) => ({ key, bytes: Buffer.from(key, 'utf8') }));
}

/**
 * What a request's custom payload says under these keys, or null when it has none. It may have 65,535 entries, of
 * which only these are read; of several with one key the first counts.
 */
export function customPayload(
  frame: Frame,
  keys: readonly PayloadKey[],
): Map<string, Buffer | null> | null {
  if ((frame.flags & FrameFlag.CUSTOM_PAYLOAD) === 0) return null;
  const reader = new Reader(frame.buffer, frame.bodyStart, frame.end, frame.streamId);
  const found = new Map<string, Buffer | null>();
  const count = reader.readShort('custom payload');
  for (let i = 0; i < count; i++) {
    const start = reader.offset;
    let key: string | null = null;
    for (const one of keys) {
      reader.offset = start;
      if (reader.skipString(one.bytes, 'custom payload key')) key = one.key;
      if (key !== null) break;
    }
    if (key === null || found.has(key)) reader.skipValue('custom payload value');
    else found.set(key, reader.readBytes('custom payload value'));
  }
  return found;
}

/** The same request without its custom payload: a copy, since the body starts elsewhere. */
export function stripCustomPayload(frame: Frame): Frame {
  const { offset } = requestReader(frame);
  const bytes = encodeFrame({
    version: frame.version,
    opcode: frame.opcode,
    streamId: frame.streamId,
    flags: frame.flags & ~FrameFlag.CUSTOM_PAYLOAD,
    body: frame.buffer.subarray(offset, frame.end),
  });
  return new Frame(bytes, 0, bytes.length);
}

/** A reader at the message of a response, behind tracing id, warnings and custom payload. */
export function responseReader(frame: Frame): Reader {
  const reader = new Reader(frame.buffer, frame.bodyStart, frame.end, frame.streamId);
  const { flags } = frame;
  if (flags !== 0) {
    if ((flags & FrameFlag.TRACING) !== 0) reader.skip(TRACING_ID_BYTES, 'tracing id');
    if ((flags & FrameFlag.WARNING) !== 0) reader.readStringList('warnings');
    if ((flags & FrameFlag.CUSTOM_PAYLOAD) !== 0) skipBytesMap(reader);
  }
  return reader;
}

/** What stands before the message of a response, in its parts. */
export interface ResponsePrefix {
  /** null: none was sent. */
  readonly tracingId: Buffer | null;
  readonly warnings: readonly string[] | null;
  /** The bytes map as it stands, and where the message begins. */
  readonly payload: Buffer | null;
  readonly messageStart: number;
}

export function responsePrefix(frame: Frame): ResponsePrefix {
  const reader = new Reader(frame.buffer, frame.bodyStart, frame.end, frame.streamId);
  const { flags } = frame;
  let tracingId: Buffer | null = null;
  if ((flags & FrameFlag.TRACING) !== 0) {
    reader.skip(TRACING_ID_BYTES, 'tracing id');
    tracingId = frame.buffer.subarray(frame.bodyStart, reader.offset);
  }
  const warnings = (flags & FrameFlag.WARNING) === 0 ? null : reader.readStringList('warnings');
  const payloadStart = reader.offset;
  const hasPayload = (flags & FrameFlag.CUSTOM_PAYLOAD) !== 0;
  if (hasPayload) skipBytesMap(reader);
  const payload = hasPayload ? frame.buffer.subarray(payloadStart, reader.offset) : null;
  return { tracingId, warnings, payload, messageStart: reader.offset };
}

/** The same response with another message, behind the same prefix or one with other warnings or none. */
export function withMessage(
  frame: Frame,
  { tracingId, warnings, payload }: ResponsePrefix,
  message: Uint8Array,
): Frame {
  const writer = new Writer();
  if (tracingId !== null) writer.writeRaw(tracingId);
  if (warnings !== null) writer.writeStringList(warnings);
  if (payload !== null) writer.writeRaw(payload);
  const bytes = encodeFrame({
    version: frame.version,
    opcode: frame.opcode,
    streamId: frame.streamId,
    flags: warnings === null ? frame.flags & ~FrameFlag.WARNING : frame.flags | FrameFlag.WARNING,
    body: writer.writeRaw(message).toBuffer(),
  });
  return new Frame(bytes, 0, bytes.length);
}

/** The same response with one more warning to its client. */
export function withWarning(frame: Frame, warning: string): Frame {
  const prefix = responsePrefix(frame);
  const message = frame.buffer.subarray(prefix.messageStart, frame.end);
  const warnings = [...(prefix.warnings ?? []), warning];
  return withMessage(frame, { ...prefix, warnings }, message);
}

function skipBytesMap(reader: Reader): void {
  const count = reader.readShort('custom payload');
  for (let i = 0; i < count; i++) {
    reader.skip(reader.readShort('custom payload key'), 'custom payload key');
    reader.skipValue('custom payload value');
  }
}
