// QUERY: <[long string] query><query parameters>.
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { hasWideQueryFlags } from '../versions.ts';
import { Writer } from '../writer.ts';
import { readParameters, type QueryParameters } from './parameters.ts';

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

/** A query without values or pages, as the gate's own are. */
export function encodeQuery(query: {
  readonly query: string;
  readonly consistency: number;
  readonly version: number;
}): Buffer {
  const writer = new Writer().writeLongString(query.query).writeShort(query.consistency);
  return (hasWideQueryFlags(query.version) ? writer.writeInt(0) : writer.writeByte(0)).toBuffer();
}
