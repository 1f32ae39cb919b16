// PREPARE: <[long string] query>, and in v5 <[int] flags>[0x01 <[string] keyspace>].
import { requestReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { hasPrepareFlags } from '../versions.ts';
import { Writer } from '../writer.ts';

export const KEYSPACE_FLAG = 0x01;

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

/** `keyspace` is for versions that have it. */
export function encodePrepare(
  query: string,
  version: number,
  keyspace: string | null = null,
): Buffer {
  const writer = new Writer().writeLongString(query);
  if (!hasPrepareFlags(version)) return writer.toBuffer();
  writer.writeInt(keyspace === null ? 0 : KEYSPACE_FLAG);
  return (keyspace === null ? writer : writer.writeString(keyspace)).toBuffer();
}
