// RESULT: rows there and back, their metadata with and without columns, and what a node could say that would cost
// memory without end.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../../src/errors.ts';
import type { Frame } from '../../../src/protocol/frame.ts';
import {
  columnsOf,
  decodePrepared,
  decodeRows,
  decodeSchemaChange,
  decodeSetKeyspace,
  encodeRows,
  resultKind,
  ResultKind,
  rowCount,
  rowsLayout,
  setsKeyspace,
  withoutColumns,
  withRows,
} from '../../../src/protocol/messages/result.ts';
import { FrameFlag } from '../../../src/protocol/frame.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { frameOf, VERSIONS } from './frames.ts';

const TEXT = { code: 0x0d, bytes: Buffer.from([0, 0x0d]) };
const MAP = { code: 0x21, bytes: Buffer.from([0, 0x21, 0, 0x0d, 0, 9]) };
const column = (table: string, name: string, type = TEXT) => ({ keyspace: 'k', table, name, type });
const ROWS = {
  columns: [column('t', 'a'), column('t', 'b', MAP)],
  rows: [
    [Buffer.from('x'), null],
    [null, Buffer.alloc(4)],
  ],
};

const result = (body: Buffer, version = 4): Frame => frameOf(version, Opcode.RESULT, body);

/** Rows of one text column with a paging state, and in v5 an id of changed metadata. */
function pageOf(version: number): Buffer {
  const writer = new Writer().writeInt(ResultKind.ROWS).writeInt(version === 5 ? 0xb : 0x3);
  writer.writeInt(1).writeBytes(Buffer.from('state'));
  if (version === 5) writer.writeShortBytes(Buffer.from('new id'));
  writer.writeString('k').writeString('t').writeString('a').writeRaw(TEXT.bytes);
  return writer.writeInt(1).writeBytes(Buffer.from('cell')).toBuffer();
}

describe('rows', () => {
  it('are given back as they were read', () => {
    expect(decodeRows(result(encodeRows(ROWS)), 4)).toEqual(ROWS);
    const ofTwo = { columns: [column('t', 'a'), column('u', 'b')], rows: [[null, null]] };
    expect(decodeRows(result(encodeRows(ofTwo)), 4)).toEqual(ofTwo);
    const none = { columns: [], rows: [] };
    expect(decodeRows(result(encodeRows(none)), 4)).toEqual(none);
  });

  it.each([
    ['a negative count', new Writer().writeInt(2).writeInt(4).writeInt(0).writeInt(-1)],
    [
      'rows without columns',
      new Writer()
        .writeInt(2)
        .writeInt(0)
        .writeInt(0)
        .writeInt(2 ** 31 - 1),
    ],
    ['columns that are left out', new Writer().writeInt(2).writeInt(4).writeInt(3).writeInt(0)],
  ])('with %s are refused', (_name, writer) => {
    expect(() => decodeRows(result(writer.toBuffer()), 4)).toThrow(ProtocolFault);
  });

  it.each(VERSIONS)('are counted without their cells being read, in v%i', (version) => {
    expect(rowCount(result(pageOf(version), version), version)).toBe(1);
    expect(rowCount(result(encodeRows(ROWS), version), version)).toBe(2);
    const bare = withoutColumns(result(encodeRows(ROWS), version), version);
    expect(rowCount(result(bare, version), version)).toBe(2);
    expect(rowCount(result(new Writer().writeInt(ResultKind.VOID).toBuffer()), version)).toBeNull();
  });
});

describe.each(VERSIONS)('a page in v%i', (version) => {
  const frame = result(pageOf(version), version);

  it('has its columns read behind the paging state and the new id', () => {
    const layout = rowsLayout(frame, version)!;
    expect([layout.columnCount, layout.columns]).toEqual([1, [column('t', 'a')]]);
    expect(layout.reader.readInt('row count')).toBe(1);
    expect(layout.reader.readBytes('cell')?.toString()).toBe('cell');
  });

  it('with other rows says that there are no more', () => {
    const other = result(withRows(frame, version, [[Buffer.from('one')], [null]]), version);
    expect(decodeRows(other, version)).toEqual({
      columns: [column('t', 'a')],
      rows: [[Buffer.from('one')], [null]],
    });
    // Flags: one table for all columns, in v5 the changed metadata, and no further page.
    expect(other.buffer.readInt32BE(other.bodyStart + 4)).toBe(version === 5 ? 0x9 : 0x1);
  });

  it('without its columns keeps its state, its id and its cells', () => {
    const bare = result(withoutColumns(frame, version), version);
    const layout = rowsLayout(bare, version)!;
    expect([layout.columnCount, layout.columns]).toEqual([1, null]);
    expect(layout.reader.readInt('row count')).toBe(1);
    expect(bare.buffer.includes('state')).toBe(true);
    expect(bare.buffer.includes('new id')).toBe(version === 5);
    expect(bare.bytes().length).toBe(frame.bytes().length - (3 * 3 + 2));
  });

  it('is no other result', () => {
    const isVoid = result(new Writer().writeInt(ResultKind.VOID).writeInt(0).toBuffer(), version);
    expect(rowsLayout(isVoid, version)).toBeNull();
    expect(() => withRows(isVoid, version, [])).toThrow(ProtocolFault);
    expect(() => withoutColumns(isVoid, version)).toThrow(ProtocolFault);
  });
});

describe.each(VERSIONS)('PREPARED in v%i', (version) => {
  const metadata = new Writer().writeInt(1).writeInt(1);
  metadata.writeString('k').writeString('t').writeString('r').writeRaw(TEXT.bytes);
  const resultMetadata = metadata.toBuffer();
  const body = (): Buffer => {
    const writer = new Writer().writeInt(ResultKind.PREPARED).writeShortBytes(Buffer.alloc(16, 1));
    if (version === 5) writer.writeShortBytes(Buffer.alloc(16, 2));
    writer.writeInt(1).writeInt(2).writeInt(1).writeShort(1).writeString('k').writeString('t');
    writer.writeString('a').writeRaw(TEXT.bytes).writeString('b').writeRaw(MAP.bytes);
    return writer.writeRaw(resultMetadata).toBuffer();
  };

  it('tells its ids, its bound columns, the key among them, and its result', () => {
    const prepared = decodePrepared(result(body(), version), version);
    expect(prepared).toMatchObject({
      id: Buffer.alloc(16, 1),
      resultMetadataId: version === 5 ? Buffer.alloc(16, 2) : null,
      bindColumns: [column('t', 'a'), column('t', 'b', MAP)],
      pkIndexes: [1],
      resultColumnCount: 1,
    });
    expect(prepared.resultMetadata).toEqual(resultMetadata);
    expect(Buffer.concat([prepared.bindMetadata, prepared.resultMetadata])).toEqual(
      body().subarray(4 + 18 + (version === 5 ? 18 : 0)),
    );
    expect(columnsOf(prepared.resultMetadata, version)).toEqual([column('t', 'r')]);
  });

  it('that says more key columns than it has is refused', () => {
    const writer = new Writer().writeInt(ResultKind.PREPARED).writeShortBytes(Buffer.alloc(16));
    if (version === 5) writer.writeShortBytes(Buffer.alloc(16));
    const cut = writer
      .writeInt(1)
      .writeInt(0)
      .writeInt(2 ** 31 - 1)
      .toBuffer();
    expect(() => decodePrepared(result(cut, version), version)).toThrow(ProtocolFault);
  });
});

describe('other results', () => {
  const setKeyspace = new Writer().writeInt(ResultKind.SET_KEYSPACE).writeString('orders');

  it('are told apart by their kind', () => {
    expect(resultKind(result(setKeyspace.toBuffer()))).toBe(ResultKind.SET_KEYSPACE);
    expect(decodeSetKeyspace(result(setKeyspace.toBuffer()))).toBe('orders');
    const change = new Writer().writeInt(ResultKind.SCHEMA_CHANGE).writeString('CREATED');
    change.writeString('TABLE').writeString('ks').writeString('t');
    expect(decodeSchemaChange(result(change.toBuffer()))).toEqual({
      change: 'CREATED',
      target: 'TABLE',
      keyspace: 'ks',
      name: 't',
      argumentTypes: null,
    });
  });

  it('set a keyspace where they say so, whatever stands before the message', () => {
    expect(setsKeyspace(result(setKeyspace.toBuffer()))).toBe(true);
    const warned = new Writer().writeStringList(['w']).writeRaw(setKeyspace.toBuffer()).toBuffer();
    expect(setsKeyspace(frameOf(4, Opcode.RESULT, warned, FrameFlag.WARNING))).toBe(true);
    expect(setsKeyspace(frameOf(4, Opcode.ERROR, setKeyspace.toBuffer()))).toBe(false);
    expect(setsKeyspace(result(new Writer().writeInt(ResultKind.VOID).toBuffer()))).toBe(false);
    expect(setsKeyspace(result(new Writer().writeInt(0x0103).toBuffer()))).toBe(false);
    expect(setsKeyspace(result(Buffer.alloc(0)))).toBe(false);
  });
});
