// PREPARE: <[long string] query>, and in v5 <[int] flags>[0x01 <[string] keyspace>].
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { hasPrepareFlags } from '../versions.ts';
import { Writer } from '../writer.ts';

const KEYSPACE_FLAG = 0x01;

export interface PrepareRequest {
  readonly query: string;
  /** The keyspace of this request alone, or null. */
  readonly keyspace: string | null;
}

export function decodePrepare(frame: Frame, version: number): PrepareRequest {
  const reader = requestReader(frame);
  const query = reader.readLongString('query');
  let keyspace: string | null = null;
  if (hasPrepareFlags(version)) {
    const flags = reader.readInt('prepare flags');
    if ((flags & ~KEYSPACE_FLAG) !== 0) {
      throw reader.fault(`prepare flags 0x${(flags >>> 0).toString(16)} are not known here`);
    }
    if (flags !== 0) keyspace = reader.readName('keyspace');
  }
  reader.expectEnd('PREPARE');
  return { query, keyspace };
}

export function encodePrepare(query: string, version: number): Buffer {
  const writer = new Writer().writeLongString(query);
  return (hasPrepareFlags(version) ? writer.writeInt(0) : writer).toBuffer();
}
