// Column types as [option]s (section 4.2.5.2 of the specification). The gate needs to step over any
// type, to know a few by code, and to give back exactly what it read.
import { PROTOCOL } from '../limits/session.ts';
import type { Reader } from './reader.ts';
import type { Writer } from './writer.ts';

export const TypeCode = {
  CUSTOM: 0x00,
  ASCII: 0x01,
  BIGINT: 0x02,
  BLOB: 0x03,
  BOOLEAN: 0x04,
  INT: 0x09,
  TIMESTAMP: 0x0b,
  UUID: 0x0c,
  VARCHAR: 0x0d,
  TIMEUUID: 0x0f,
  INET: 0x10,
  LIST: 0x20,
  MAP: 0x21,
  SET: 0x22,
  UDT: 0x30,
  TUPLE: 0x31,
} as const;

export interface ColumnType {
  readonly code: number;
  /** The whole option as it stood on the wire. */
  readonly bytes: Buffer;
}

export function readType(reader: Reader): ColumnType {
  const start = reader.offset;
  const code = skipType(reader);
  // A copy: column metadata of system tables outlives its read buffer.
  return { code, bytes: Buffer.from(reader.buffer.subarray(start, reader.offset)) };
}

export function writeType(writer: Writer, type: ColumnType): void {
  writer.writeRaw(type.bytes);
}

/**
 * Steps over a type, and says what it is. It is a loop and not a recursion: how deep types are within each
 * other is for whoever made the schema to say, and must not end on a stack of ours.
 */
export function skipType(reader: Reader): number {
  const code = reader.readShort('type');
  let levels = 0;
  let left = partsOf(reader, code);
  if (left === 0) return code;
  // For each level: how many parts of it are still to come, and whether each has a name before it.
  const lefts: number[] = [];
  const named: boolean[] = [];
  let isNamed = code === TypeCode.UDT;
  for (;;) {
    if (left === 0) {
      if (levels === 0) return code;
      levels--;
      left = lefts[levels]!;
      isNamed = named[levels]!;
      continue;
    }
    left--;
    if (isNamed) reader.skip(reader.readShort('field name'), 'field name');
    const part = reader.readShort('type');
    const parts = partsOf(reader, part);
    if (parts === 0) continue;
    if (levels === PROTOCOL.typeDepth) throw reader.fault('a column type is nested too deep');
    lefts[levels] = left;
    named[levels] = isNamed;
    levels++;
    left = parts;
    isNamed = part === TypeCode.UDT;
  }
}

/** How many types follow as parts of one of this code, behind what else it says of itself. */
function partsOf(reader: Reader, code: number): number {
  switch (code) {
    case TypeCode.CUSTOM:
      reader.skip(reader.readShort('type class'), 'type class');
      return 0;
    case TypeCode.MAP:
      return 2;
    case TypeCode.LIST:
    case TypeCode.SET:
      return 1;
    case TypeCode.UDT:
      reader.skip(reader.readShort('type keyspace'), 'type keyspace');
      reader.skip(reader.readShort('type name'), 'type name');
      return reader.readShort('field count');
    case TypeCode.TUPLE:
      return reader.readShort('tuple size');
    default:
      return 0;
  }
}
