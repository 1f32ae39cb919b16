// What may stand before the message in a body. Requests: a custom payload. Responses, in this order:
// tracing id, warnings, custom payload (section 2.2 of the v4 specification).
import { encodeFrame, Frame, FrameFlag } from './frame.ts';
import { Reader } from './reader.ts';

const TRACING_ID_BYTES = 16;

/** A reader at the message of a request, behind its custom payload. */
export function requestReader(frame: Frame): Reader {
  const reader = new Reader(frame.buffer, frame.bodyStart, frame.end, frame.streamId);
  const { flags } = frame;
  if ((flags & FrameFlag.CUSTOM_PAYLOAD) !== 0) skipBytesMap(reader);
  return reader;
}

/** The custom payload of a request, or null when it has none. */
export function customPayload(frame: Frame): Map<string, Buffer | null> | null {
  if ((frame.flags & FrameFlag.CUSTOM_PAYLOAD) === 0) return null;
  return new Reader(frame.buffer, frame.bodyStart, frame.end, frame.streamId).readBytesMap(
    'custom payload',
  );
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

function skipBytesMap(reader: Reader): void {
  const count = reader.readShort('custom payload');
  for (let i = 0; i < count; i++) {
    reader.skip(reader.readShort('custom payload key'), 'custom payload key');
    reader.skipValue('custom payload value');
  }
}
