// BATCH: <[byte] type><[short] n> n x (<[byte] kind><[long string] query or [short bytes] id>
//        <[short] m> m x <[value]>) <batch parameters>
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import type { Reader } from '../reader.ts';
import { readBatchParameters } from './parameters.ts';

export const BATCH_TYPES = ['LOGGED', 'UNLOGGED', 'COUNTER'] as const;

export type BatchChild =
  | { readonly query: string; readonly idStart: -1; readonly idEnd: -1 }
  /** Where the id and the values of a prepared statement lie in the frame's buffer. */
  | {
      readonly query: null;
      readonly idStart: number;
      readonly idEnd: number;
      readonly valueCount: number;
      readonly valuesStart: number;
    };

export interface BatchRequest {
  readonly type: (typeof BATCH_TYPES)[number];
  readonly children: readonly BatchChild[];
  readonly consistency: number;
  readonly keyspace: string | null;
}

const KIND_QUERY = 0;
const KIND_PREPARED = 1;

export function decodeBatch(frame: Frame, version: number): BatchRequest {
  const reader = requestReader(frame);
  const typeCode = reader.readByte('batch type');
  const type = BATCH_TYPES[typeCode];
  if (type === undefined) throw reader.fault(`Invalid batch type ${typeCode}`);
  const count = reader.readShort('batch size');
  const children: BatchChild[] = [];
  for (let i = 0; i < count; i++) {
    const kind = reader.readByte('batch statement kind');
    if (kind === KIND_QUERY) {
      children.push({ query: reader.readLongString('batch query'), idStart: -1, idEnd: -1 });
      skipValues(reader, reader.readShort('value count'));
    } else if (kind === KIND_PREPARED) {
      const idBytes = reader.readShort('prepared id');
      const idStart = reader.offset;
      reader.skip(idBytes, 'prepared id');
      const idEnd = reader.offset;
      const valueCount = reader.readShort('value count');
      children.push({ query: null, idStart, idEnd, valueCount, valuesStart: reader.offset });
      skipValues(reader, valueCount);
    } else throw reader.fault(`Invalid query kind in BATCH messages: ${kind}`);
  }
  const { consistency, keyspace } = readBatchParameters(reader, version);
  reader.expectEnd('BATCH');
  return { type, children, consistency, keyspace };
}

function skipValues(reader: Reader, count: number): void {
  for (let i = 0; i < count; i++) reader.skipValue('value');
}
