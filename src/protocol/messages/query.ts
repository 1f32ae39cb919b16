// QUERY: <[long string] query><query parameters>.
import { requestReader } from '../body-prefix.ts';
import { encodeFrame, Frame, FrameFlag } from '../frame.ts';
import { Opcode } from '../opcodes.ts';
import { hasResultMetadataId, hasWideQueryFlags } from '../versions.ts';
import { Writer } from '../writer.ts';
import { QueryFlag, readParameters, type QueryParameters } from './parameters.ts';

export interface QueryRequest {
  readonly query: string;
  readonly parameters: QueryParameters;
}

export function decodeQuery(frame: Frame, version: number): QueryRequest {
  const reader = requestReader(frame);
  const query = reader.readLongString('query');
  const parameters = readParameters(reader, version);
  reader.expectEnd('QUERY');
  return { query, parameters };
}

/**
 * The request of a QUERY or EXECUTE as a QUERY with another text: under the same flags, with the same parameters, but
 * for the metadata, which only EXECUTE may leave out.
 */
export function withText(frame: Frame, version: number, text: string): Frame {
  const reader = requestReader(frame);
  if (frame.opcode === Opcode.QUERY) reader.readLongString('query');
  else {
    reader.skip(reader.readShort('prepared id'), 'prepared id');
    if (hasResultMetadataId(version)) {
      reader.skip(reader.readShort('result metadata id'), 'result metadata id');
    }
  }
  const parameters = Buffer.from(frame.buffer.subarray(reader.offset, frame.end));
  // Behind the consistency; the lowest byte of the flags is the last.
  parameters[hasWideQueryFlags(version) ? 5 : 2]! &= ~QueryFlag.SKIP_METADATA;
  const bytes = encodeFrame({
    version: frame.version,
    opcode: Opcode.QUERY,
    streamId: frame.streamId,
    flags: frame.flags & FrameFlag.TRACING,
    body: new Writer().writeLongString(text).writeRaw(parameters).toBuffer(),
  });
  return new Frame(bytes, 0, bytes.length);
}

/** A query without values or pages, as the gate's own are. */
export function encodeQuery(query: {
  readonly query: string;
  readonly consistency: number;
  readonly version: number;
}): Buffer {
  const writer = new Writer().writeLongString(query.query).writeShort(query.consistency);
  return (hasWideQueryFlags(query.version) ? writer.writeInt(0) : writer.writeByte(0)).toBuffer();
}
