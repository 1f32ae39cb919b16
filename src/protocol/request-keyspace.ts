// A QUERY, BATCH or PREPARE that names the keyspace of its unqualified names itself, made of one that does not: then
// it means the same on every connection. The specification has this for v5; Cassandra reads the bit of QUERY and
// BATCH in v4 too, since 4.0.
//
//   QUERY, BATCH: ... <flags with 0x80> ... <[string] keyspace> [v5: 0x100 <[int] now in seconds>]
//   v5 PREPARE:   ... <[int] flags with 0x01> <[string] keyspace>
import { requestReader } from './body-prefix.ts';
import { Frame, HEADER_BYTES } from './frame.ts';
import { QueryFlag } from './messages/parameters.ts';
import { KEYSPACE_FLAG as PREPARE_KEYSPACE } from './messages/prepare.ts';
import { Opcode } from './opcodes.ts';
import { hasWideQueryFlags } from './versions.ts';

const CONSISTENCY_BYTES = 2;
const NOW_IN_SECONDS_BYTES = 4;
const BODY_LENGTH_OFFSET = 5;

/** The most bytes that naming a keyspace adds to a frame. */
export function namingBytes(keyspace: string): number {
  return 2 + Buffer.byteLength(keyspace);
}

/**
 * The same request with the keyspace named: a copy. It must be whole, well-formed, without a custom payload, and name
 * none yet. `flagsFromEnd` says of a BATCH where its flags lie, counted from the end of the frame.
 */
export function withKeyspace(frame: Frame, keyspace: string, flagsFromEnd = 0): Frame {
  const { buffer, start, end, opcode } = frame;
  const isWide = hasWideQueryFlags(frame.version);
  const flagsAt = opcode === Opcode.BATCH ? end - flagsFromEnd : flagsAfterText(frame);
  const flags = isWide ? buffer.readInt32BE(flagsAt) : buffer[flagsAt]!;
  const hasNow = opcode !== Opcode.PREPARE && (flags & QueryFlag.NOW_IN_SECONDS) !== 0;
  const insertAt = hasNow ? end - NOW_IN_SECONDS_BYTES : end;
  const added = namingBytes(keyspace);

  const bytes = Buffer.allocUnsafe(end - start + added);
  bytes.set(buffer.subarray(start, insertAt), 0);
  let at = insertAt - start;
  at = bytes.writeUInt16BE(added - 2, at);
  at += bytes.write(keyspace, at, 'utf8');
  bytes.set(buffer.subarray(insertAt, end), at);
  bytes.writeUInt32BE(bytes.length - HEADER_BYTES, BODY_LENGTH_OFFSET);
  const named = flags | (opcode === Opcode.PREPARE ? PREPARE_KEYSPACE : QueryFlag.KEYSPACE);
  if (isWide) bytes.writeInt32BE(named, flagsAt - start);
  else bytes[flagsAt - start] = named;
  return new Frame(bytes, 0, bytes.length);
}

/** Whether this keyspace stands where a request names one: at its end, or before the time that v5 puts there. */
export function endsInKeyspace({ buffer, end, bodyStart }: Frame, keyspace: string): boolean {
  const bytes = Buffer.from(keyspace, 'utf8');
  return [end, end - NOW_IN_SECONDS_BYTES].some((at) => {
    const start = at - bytes.length;
    return (
      start - 2 >= bodyStart &&
      buffer.readUInt16BE(start - 2) === bytes.length &&
      buffer.compare(bytes, 0, bytes.length, start, at) === 0
    );
  });
}

function flagsAfterText(frame: Frame): number {
  const reader = requestReader(frame);
  reader.skip(reader.readInt('query'), 'query');
  return frame.opcode === Opcode.PREPARE ? reader.offset : reader.offset + CONSISTENCY_BYTES;
}
