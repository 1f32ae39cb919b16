// RESULT: <[int] kind> and then
//
//   1 Void
//   2 Rows          <metadata><[int] row count> rows x columns <[bytes]>
//   3 Set_keyspace  <[string] keyspace>
//   4 Prepared      <[short bytes] id>, v5 <[short bytes] result metadata id>,
//                   <bind metadata><result metadata>
//   5 Schema_change as in EVENT
//
// metadata: <[int] flags><[int] column count>[0x02 <[bytes] paging state>]
//           [v5 0x08 <[short bytes] new metadata id>]
//           unless 0x04: [0x01 <[string] keyspace><[string] table>] columns
// bind metadata has <[int] pk count> pk count x <[short] index> behind the column count.
// The paging state comes before the new metadata id: that is how Cassandra's encoder writes it.
import { responseReader } from '../body-prefix.ts';
import type { Frame } from '../frame.ts';
import { Opcode } from '../opcodes.ts';
import { Reader } from '../reader.ts';
import { readType, skipType, writeType, type ColumnType } from '../types.ts';
import { hasResultMetadataId } from '../versions.ts';
import { Writer } from '../writer.ts';
import { readSchemaChange, type SchemaChange } from './event.ts';

export const ResultKind = {
  VOID: 1,
  ROWS: 2,
  SET_KEYSPACE: 3,
  PREPARED: 4,
  SCHEMA_CHANGE: 5,
} as const;

const MetadataFlag = {
  GLOBAL_TABLES_SPEC: 0x01,
  HAS_MORE_PAGES: 0x02,
  NO_METADATA: 0x04,
  METADATA_CHANGED: 0x08,
} as const;

export interface Column {
  readonly keyspace: string;
  readonly table: string;
  readonly name: string;
  readonly type: ColumnType;
}

export interface Rows {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (Buffer | null)[])[];
}

export interface Prepared {
  readonly id: Buffer;
  /** By which EXECUTE says what result metadata its client has; null in versions without it. */
  readonly resultMetadataId: Buffer | null;
  /** Raw bytes as views, for comparison: they hold all that a driver decodes by. */
  readonly bindMetadata: Buffer;
  readonly resultMetadata: Buffer;
  readonly bindColumns: readonly Column[];
  readonly pkIndexes: readonly number[];
  readonly resultColumnCount: number;
}

export function resultKind(frame: Frame): number {
  return responseReader(frame).readInt('result kind');
}

/** Asked of every answer: without a reader where nothing stands before the message. */
export function setsKeyspace(frame: Frame): boolean {
  if (frame.opcode !== Opcode.RESULT) return false;
  const { buffer, bodyStart, end } = frame;
  // Of rows and other kinds the last byte tells already.
  if (frame.flags === 0 && buffer[bodyStart + 3] !== ResultKind.SET_KEYSPACE) return false;
  return end - bodyStart >= 4 && resultKind(frame) === ResultKind.SET_KEYSPACE;
}

export function decodeSetKeyspace(frame: Frame): string {
  return kindReader(frame).readString('keyspace');
}

export function decodeSchemaChange(frame: Frame): SchemaChange {
  return readSchemaChange(kindReader(frame));
}

export function decodePrepared(frame: Frame, version: number): Prepared {
  const reader = kindReader(frame);
  const id = reader.readShortBytes('prepared id');
  const resultMetadataId = hasResultMetadataId(version)
    ? reader.readShortBytes('result metadata id')
    : null;
  const bindStart = reader.offset;
  const bindFlags = reader.readInt('bind metadata flags');
  const bindCount = reader.readInt('bind column count');
  const pkCount = reader.readInt('partition key count');
  const pkIndexes: number[] = [];
  for (let i = 0; i < pkCount; i++) pkIndexes.push(reader.readShort('partition key index'));
  const bindColumns =
    (bindFlags & MetadataFlag.NO_METADATA) === 0 ? readColumns(reader, bindFlags, bindCount) : [];
  // The result metadata is the rest of the body. Nothing of it is needed here but how many columns it
  // has, so that what cannot be read of it keeps nobody from preparing.
  const resultStart = reader.offset;
  reader.readInt('metadata flags');
  const count = reader.readInt('column count');
  return {
    id,
    resultMetadataId,
    bindMetadata: reader.buffer.subarray(bindStart, resultStart),
    resultMetadata: reader.buffer.subarray(resultStart, reader.end),
    bindColumns,
    pkIndexes,
    resultColumnCount: count,
  };
}

export function decodeRows(frame: Frame, version: number): Rows {
  const reader = kindReader(frame);
  const { columns, count } = readMetadata(reader, version);
  const rowCount = reader.readInt('row count');
  // Each cell has a length at least. Rows without columns would take no bytes at all, and memory without end.
  if (columns.length !== count || rowCount < 0 || (count === 0 && rowCount > 0)) {
    throw reader.fault(`a result has ${rowCount} rows of ${count} columns`);
  }
  const rows: (Buffer | null)[][] = [];
  for (let i = 0; i < rowCount; i++) rows.push(columns.map(() => reader.readBytes('cell')));
  return { columns, rows };
}

/** Where the rows of a Rows result begin, behind its metadata; null for other results. */
export interface RowsLayout {
  readonly columnCount: number;
  /** null: the metadata was left out, as EXECUTE had asked. */
  readonly columns: readonly Column[] | null;
  /** At the row count. */
  readonly reader: Reader;
}

export function rowsLayout(frame: Frame, version: number): RowsLayout | null {
  const reader = responseReader(frame);
  if (reader.readInt('result kind') !== ResultKind.ROWS) return null;
  const { columns, count } = readMetadata(reader, version);
  if (count < 0) throw reader.fault(`a result has ${count} columns`);
  return { columnCount: count, columns: columns.length === count ? columns : null, reader };
}

/** The columns in result metadata as PREPARED had it. */
export function columnsOf(metadata: Buffer, version: number): readonly Column[] {
  return readMetadata(new Reader(metadata, 0, metadata.length), version).columns;
}

/** How many rows a Rows result holds; null for other results. Only the metadata is walked. */
export function rowCount(frame: Frame, version: number): number | null {
  const reader = responseReader(frame);
  if (reader.readInt('result kind') !== ResultKind.ROWS) return null;
  const { flags, count } = readMetadataHead(reader, version);
  if ((flags & MetadataFlag.NO_METADATA) === 0) skipColumns(reader, flags, count);
  return reader.readInt('row count');
}

/** The body of a Rows result with its metadata. */
export function encodeRows({ columns, rows }: Rows): Buffer {
  const [first] = columns;
  const isOfOne = columns.every(
    ({ keyspace, table }) => keyspace === first?.keyspace && table === first.table,
  );
  const global = isOfOne && first !== undefined ? first : null;
  const writer = new Writer()
    .writeInt(ResultKind.ROWS)
    .writeInt(global === null ? 0 : MetadataFlag.GLOBAL_TABLES_SPEC)
    .writeInt(columns.length);
  if (global !== null) writer.writeString(global.keyspace).writeString(global.table);
  for (const { keyspace, table, name, type } of columns) {
    if (global === null) writer.writeString(keyspace).writeString(table);
    writer.writeString(name);
    writeType(writer, type);
  }
  writer.writeInt(rows.length);
  for (const row of rows) for (const cell of row) writer.writeBytes(cell);
  return writer.toBuffer();
}

/**
 * The message of a Rows result with other rows under the same metadata, all of them: what the state of a page tells
 * is of the rows that were.
 */
export function withRows(
  frame: Frame,
  version: number,
  rows: readonly (readonly (Buffer | null)[])[],
): Buffer {
  const reader = kindReader(frame);
  const flags = reader.readInt('metadata flags');
  const count = reader.readInt('column count');
  if ((flags & MetadataFlag.HAS_MORE_PAGES) !== 0) reader.skipValue('paging state');
  const rest = reader.offset;
  const layout = rowsLayout(frame, version);
  if (layout === null) throw reader.fault('a result has no rows');
  const writer = new Writer()
    .writeInt(ResultKind.ROWS)
    .writeInt(flags & ~MetadataFlag.HAS_MORE_PAGES)
    .writeInt(count)
    .writeRaw(reader.buffer.subarray(rest, layout.reader.offset))
    .writeInt(rows.length);
  for (const row of rows) for (const cell of row) writer.writeBytes(cell);
  return writer.toBuffer();
}

/** The message of a Rows result without what its columns are. */
export function withoutColumns(frame: Frame, version: number): Buffer {
  const reader = kindReader(frame);
  const start = reader.offset;
  const { flags } = readMetadataHead(reader, version);
  const end = reader.offset;
  const layout = rowsLayout(frame, version);
  if (layout === null) throw reader.fault('a result has no rows');
  return new Writer()
    .writeInt(ResultKind.ROWS)
    .writeInt(flags | MetadataFlag.NO_METADATA)
    .writeRaw(reader.buffer.subarray(start + 4, end))
    .writeRaw(reader.buffer.subarray(layout.reader.offset, frame.end))
    .toBuffer();
}

function kindReader(frame: Frame): Reader {
  const reader = responseReader(frame);
  reader.readInt('result kind');
  return reader;
}

function readMetadata(reader: Reader, version: number): { columns: Column[]; count: number } {
  const { flags, count } = readMetadataHead(reader, version);
  const columns = (flags & MetadataFlag.NO_METADATA) === 0 ? readColumns(reader, flags, count) : [];
  return { columns, count };
}

/** What stands before the columns. */
function readMetadataHead(reader: Reader, version: number): { flags: number; count: number } {
  const flags = reader.readInt('metadata flags');
  const count = reader.readInt('column count');
  if ((flags & MetadataFlag.HAS_MORE_PAGES) !== 0) reader.skipValue('paging state');
  if ((flags & MetadataFlag.METADATA_CHANGED) !== 0 && hasResultMetadataId(version)) {
    reader.readShortBytes('new metadata id');
  }
  return { flags, count };
}

function skipColumns(reader: Reader, flags: number, count: number): void {
  const isGlobal = (flags & MetadataFlag.GLOBAL_TABLES_SPEC) !== 0;
  const skipName = (): void => reader.skip(reader.readShort('name'), 'name');
  if (isGlobal) {
    skipName();
    skipName();
  }
  for (let i = 0; i < count; i++) {
    if (!isGlobal) {
      skipName();
      skipName();
    }
    skipName();
    skipType(reader);
  }
}

function readColumns(reader: Reader, flags: number, count: number): Column[] {
  const global = (flags & MetadataFlag.GLOBAL_TABLES_SPEC) !== 0;
  let keyspace = global ? reader.readString('keyspace') : '';
  let table = global ? reader.readString('table') : '';
  const columns: Column[] = [];
  for (let i = 0; i < count; i++) {
    if (!global) {
      keyspace = reader.readString('keyspace');
      table = reader.readString('table');
    }
    const name = reader.readString('column name');
    columns.push({ keyspace, table, name, type: readType(reader) });
  }
  return columns;
}
