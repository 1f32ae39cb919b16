// Column types as [option]s (section 4.2.5.2 of the specification). The gate needs to step over any
// type, to know a few by code, and to give back exactly what it read.
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

/** Deeper nesting than any real type has; each level costs a stack frame. */
const MAX_DEPTH = 64;

export function readType(reader: Reader): ColumnType {
  const start = reader.offset;
  const code = skipType(reader, 0);
  // A copy: column metadata of system tables outlives its read buffer.
  return { code, bytes: Buffer.from(reader.buffer.subarray(start, reader.offset)) };
}

export function writeType(writer: Writer, type: ColumnType): void {
  writer.writeRaw(type.bytes);
}

function skipType(reader: Reader, depth: number): number {
  if (depth > MAX_DEPTH) throw reader.fault('a column type is nested too deep');
  const code = reader.readShort('type');
  switch (code) {
    case TypeCode.CUSTOM:
      reader.readString('type class');
      break;
    case TypeCode.MAP:
      skipType(reader, depth + 1);
      skipType(reader, depth + 1);
      break;
    case TypeCode.LIST:
    case TypeCode.SET:
      skipType(reader, depth + 1);
      break;
    case TypeCode.UDT: {
      reader.readString('type keyspace');
      reader.readString('type name');
      const fields = reader.readShort('field count');
      for (let i = 0; i < fields; i++) {
        reader.readString('field name');
        skipType(reader, depth + 1);
      }
      break;
    }
    case TypeCode.TUPLE: {
      const parts = reader.readShort('tuple size');
      for (let i = 0; i < parts; i++) skipType(reader, depth + 1);
      break;
    }
    default:
      break;
  }
  return code;
}
