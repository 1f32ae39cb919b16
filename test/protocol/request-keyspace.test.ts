// A request that is made to name its keyspace is the same request otherwise, whatever else it says.
import { describe, expect, it } from 'vitest';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { decodeBatch } from '../../src/protocol/messages/batch.ts';
import { boundValue, QueryFlag } from '../../src/protocol/messages/parameters.ts';
import { decodePrepare, encodePrepare } from '../../src/protocol/messages/prepare.ts';
import { decodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { endsInKeyspace, namingBytes, withKeyspace } from '../../src/protocol/request-keyspace.ts';
import { Writer } from '../../src/protocol/writer.ts';

const KEYSPACES = ['shop', 'Ünïcode "quoted"', 'k'.repeat(48)];

/** In the middle of a buffer, as a view on a read is. */
function frameOf(version: number, opcode: number, body: Buffer): Frame {
  const bytes = encodeFrame({ version, opcode, streamId: 7, flags: 0x02, body });
  const around = Buffer.concat([Buffer.alloc(11, 0xee), bytes, Buffer.alloc(5, 0xee)]);
  return new Frame(around, 11, 11 + bytes.length);
}

const FIELDS: readonly (readonly [number, (writer: Writer) => Writer])[] = [
  [QueryFlag.VALUES, (w) => w.writeShort(2).writeBytes(Buffer.from('one')).writeBytes(null)],
  [QueryFlag.SKIP_METADATA, (w) => w],
  [QueryFlag.PAGE_SIZE, (w) => w.writeInt(100)],
  [QueryFlag.PAGING_STATE, (w) => w.writeBytes(Buffer.from('state'))],
  [QueryFlag.SERIAL_CONSISTENCY, (w) => w.writeShort(8)],
  [QueryFlag.TIMESTAMP, (w) => w.writeRaw(Buffer.alloc(8, 3))],
  [QueryFlag.NOW_IN_SECONDS, (w) => w.writeInt(99)],
];

/** Each set of fields once. */
function parameterSets(version: number, fits: (flag: number) => boolean) {
  const fields = FIELDS.filter(
    ([flag]) => fits(flag) && (version === 5 || flag !== QueryFlag.NOW_IN_SECONDS),
  );
  return Array.from({ length: 2 ** fields.length }, (_unused, set) =>
    fields.filter((_field, i) => (set & (1 << i)) !== 0),
  );
}

function writeParameters(writer: Writer, version: number, fields: typeof FIELDS): Writer {
  const flags = fields.reduce((all, [flag]) => all | flag, 0);
  writer.writeShort(4);
  if (version === 5) writer.writeInt(flags);
  else writer.writeByte(flags);
  for (const [, write] of fields) write(writer);
  return writer;
}

describe.each([4, 5])('protocol v%i', (version) => {
  it.each(KEYSPACES)('QUERY with every set of fields names %s', (keyspace) => {
    for (const fields of parameterSets(version, () => true)) {
      const body = writeParameters(
        new Writer().writeLongString('SELECT v FROM t WHERE k = ?'),
        version,
        fields,
      ).toBuffer();
      const frame = frameOf(version, Opcode.QUERY, body);
      const before = Buffer.from(frame.buffer);
      const named = withKeyspace(frame, keyspace);
      expect(frame.buffer).toEqual(before);
      const [was, is] = [decodeQuery(frame, version), decodeQuery(named, version)];
      expect(is.query).toBe(was.query);
      expect(is.parameters.keyspace).toBe(keyspace);
      expect(endsInKeyspace(named, keyspace)).toBe(true);
      expect(endsInKeyspace(frame, keyspace)).toBe(false);
      expect(is.parameters.flags).toBe(was.parameters.flags | QueryFlag.KEYSPACE);
      expect(is.parameters.consistency).toBe(was.parameters.consistency);
      if (was.parameters.valueCount > 0) {
        const reader = new Reader(named.buffer, named.bodyStart, named.end, 0);
        const value = boundValue(reader, is.parameters, { index: 0, name: null });
        expect(value?.toString()).toBe('one');
      }
      expect([named.version, named.flags, named.streamId, named.opcode]).toEqual([
        version,
        0x02,
        7,
        Opcode.QUERY,
      ]);
      expect(named.byteLength).toBe(frame.byteLength + namingBytes(keyspace));
      expect(named.buffer.readUInt32BE(5)).toBe(named.end - named.bodyStart);
      // Without the bit and the name it is byte for byte what it was.
      const tail = fields.some(([flag]) => flag === QueryFlag.NOW_IN_SECONDS) ? 4 : 0;
      const bytes = Buffer.from(named.bytes());
      const cut = bytes.length - tail - namingBytes(keyspace);
      const without = Buffer.concat([
        bytes.subarray(0, cut),
        bytes.subarray(cut + namingBytes(keyspace)),
      ]);
      const flagsAt = 9 + 4 + was.query.length + 2 + (version === 5 ? 3 : 0);
      without[flagsAt]! &= ~QueryFlag.KEYSPACE;
      without.writeUInt32BE(without.length - 9, 5);
      expect(without).toEqual(frame.bytes());
    }
  });

  it.each(KEYSPACES)('BATCH with every set of fields names %s', (keyspace) => {
    const inBatch = (flag: number): boolean =>
      flag >= QueryFlag.SERIAL_CONSISTENCY && flag !== QueryFlag.NAMED_VALUES;
    for (const fields of parameterSets(version, inBatch)) {
      const children = new Writer().writeByte(1).writeShort(2);
      children.writeByte(0).writeLongString('INSERT INTO t (k) VALUES (?)');
      children.writeShort(1).writeBytes(Buffer.from('v'));
      children.writeByte(1).writeShortBytes(Buffer.alloc(16, 5)).writeShort(0);
      const body = writeParameters(children, version, fields).toBuffer();
      const frame = frameOf(version, Opcode.BATCH, body);
      const was = decodeBatch(frame, version);
      const named = withKeyspace(frame, keyspace, was.flagsFromEnd);
      const is = decodeBatch(named, version);
      expect(is.keyspace).toBe(keyspace);
      expect(is.type).toBe(was.type);
      expect(is.consistency).toBe(was.consistency);
      expect(is.children).toHaveLength(2);
    }
  });
});

it.each(KEYSPACES)('PREPARE in v5 names %s', (keyspace) => {
  const text = 'SELECT v FROM t';
  const named = withKeyspace(frameOf(5, Opcode.PREPARE, encodePrepare(text, 5)), keyspace);
  expect(decodePrepare(named, 5)).toEqual({ query: text, keyspace });
  expect(named.bytes().subarray(9)).toEqual(encodePrepare(text, 5, keyspace));
});
