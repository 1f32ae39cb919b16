// EXECUTE: <[short bytes] id>, in v5 <[short bytes] result metadata id>, <query parameters>.
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { hasResultMetadataId } from '../versions.ts';
import { readParameters, type QueryParameters } from './parameters.ts';

export interface ExecuteRequest {
  /** Where the id lies in the frame's buffer. */
  readonly idStart: number;
  readonly idEnd: number;
  readonly parameters: QueryParameters;
}

export function decodeExecute(frame: Frame, version: number): ExecuteRequest {
  const reader = requestReader(frame);
  const idBytes = reader.readShort('prepared id');
  const idStart = reader.offset;
  reader.skip(idBytes, 'prepared id');
  const idEnd = reader.offset;
  if (hasResultMetadataId(version)) {
    reader.skip(reader.readShort('result metadata id'), 'result metadata id');
  }
  const parameters = readParameters(reader, version);
  reader.expectEnd('EXECUTE');
  return { idStart, idEnd, parameters };
}

/** By which result metadata its client reads the rows; null where its version does not say. */
export function resultMetadataIdOf(frame: Frame, version: number): Buffer | null {
  if (!hasResultMetadataId(version)) return null;
  const reader = requestReader(frame);
  reader.skip(reader.readShort('prepared id'), 'prepared id');
  return reader.readShortBytes('result metadata id');
}
