// Removes addresses from one cell of a row, by the type of its column: an inet becomes the gate's address, addresses
// in a text are replaced, and collections are treated element by element. Numbers, times and ids stay as they are; values
// of all other types become null.
import { Reader } from '../protocol/reader.ts';
import { TypeCode, type ColumnType } from '../protocol/types.ts';
import { Writer } from '../protocol/writer.ts';
import type { Scrub } from './node-addresses.ts';

/** Returns null if the value is left out. */
export type CellEdit = (value: Buffer) => Buffer | null;

/** Ports that belong to an address beside them. */
const PORTS: ReadonlySet<string> = new Set(['coordinator_port', 'source_port']);

export function cellEdit(name: string, type: ColumnType, scrub: Scrub): CellEdit {
  if (PORTS.has(name)) return () => int(scrub.gate.port);
  return editOf(new Reader(type.bytes, 0, type.bytes.length), scrub);
}

/** Numbers, times and ids contain no address. */
const PLAIN: ReadonlySet<number> = new Set([
  TypeCode.BIGINT,
  TypeCode.BOOLEAN,
  TypeCode.INT,
  TypeCode.TIMESTAMP,
  TypeCode.UUID,
  TypeCode.TIMEUUID,
]);

/** Reads one type, including the types of its elements. */
function editOf(type: Reader, scrub: Scrub): CellEdit {
  const code = type.readShort('type');
  if (PLAIN.has(code)) return (value) => value;
  switch (code) {
    case TypeCode.INET:
      return () => scrub.gate.address;
    case TypeCode.ASCII:
    case TypeCode.VARCHAR:
      return (value) =>
        Buffer.from(scrub.nodes.scrub(value.toString('utf8'), scrub.gate, null), 'utf8');
    case TypeCode.LIST:
    case TypeCode.SET:
      return collectionEdit([editOf(type, scrub)]);
    case TypeCode.MAP:
      return collectionEdit([editOf(type, scrub), editOf(type, scrub)]);
    default:
      return () => null;
  }
}

/** <[int] n> and n times an element, or a key and a value, as [bytes]. */
function collectionEdit(edits: readonly CellEdit[]): CellEdit {
  return (value) => {
    const reader = new Reader(value, 0, value.length);
    const count = reader.readInt('collection size');
    if (count < 0) throw reader.fault(`a collection of ${count} elements`);
    const writer = new Writer().writeInt(count);
    for (let i = 0; i < count; i++) {
      for (const edit of edits) {
        const element = reader.readBytes('element');
        writer.writeBytes(element === null ? null : edit(element));
      }
    }
    reader.expectEnd('a collection');
    return writer.toBuffer();
  };
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value, 0);
  return bytes;
}
