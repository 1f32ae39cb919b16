// Column types: any is stepped over, and given back as it stood on the wire, however deep it is.
import { describe, expect, it } from 'vitest';
import { ProtocolFault } from '../../src/errors.ts';
import { PROTOCOL } from '../../src/limits/session.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { readType, skipType, TypeCode, writeType } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';

const udt = (writer: Writer): Writer =>
  writer
    .writeShort(TypeCode.UDT)
    .writeString('ks')
    .writeString('u')
    .writeShort(2)
    .writeString('a')
    .writeShort(TypeCode.MAP)
    .writeShort(TypeCode.INT)
    .writeShort(TypeCode.LIST)
    .writeShort(TypeCode.UUID)
    .writeString('b')
    .writeShort(TypeCode.BLOB);

const TYPES: [string, number, Writer][] = [
  ['a native type', TypeCode.INT, new Writer().writeShort(TypeCode.INT)],
  ['a type of a later version', 0x0777, new Writer().writeShort(0x0777)],
  ['a custom type', TypeCode.CUSTOM, new Writer().writeShort(0).writeString('org.example.T')],
  ['a set', TypeCode.SET, new Writer().writeShort(TypeCode.SET).writeShort(TypeCode.INT)],
  ['an empty tuple', TypeCode.TUPLE, new Writer().writeShort(TypeCode.TUPLE).writeShort(0)],
  [
    'a tuple',
    TypeCode.TUPLE,
    udt(new Writer().writeShort(TypeCode.TUPLE).writeShort(3).writeShort(TypeCode.INT))
      .writeShort(TypeCode.SET)
      .writeShort(TypeCode.INET),
  ],
  ['a user type', TypeCode.UDT, udt(new Writer())],
];

/** `depth` lists within each other, around an int. */
function nested(depth: number): Buffer {
  const bytes = Buffer.alloc(2 * (depth + 1));
  for (let i = 0; i < depth; i++) bytes.writeUInt16BE(TypeCode.LIST, 2 * i);
  bytes.writeUInt16BE(TypeCode.INT, 2 * depth);
  return bytes;
}

describe('a column type', () => {
  it.each(TYPES)('that is %s is read to its end, and written as it was', (_name, code, writer) => {
    const bytes = writer.toBuffer();
    const reader = new Reader(Buffer.concat([bytes, Buffer.alloc(9)]), 0, bytes.length + 9);
    const type = readType(reader);
    expect([type.code, reader.offset]).toEqual([code, bytes.length]);
    expect(type.bytes).toEqual(bytes);
    const back = new Writer();
    writeType(back, type);
    expect(back.toBuffer()).toEqual(bytes);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => skipType(new Reader(bytes, 0, length))).toThrow(ProtocolFault);
    }
  });

  it('is kept apart from the buffer that it was read in', () => {
    const bytes = Buffer.from([0, TypeCode.INT]);
    const type = readType(new Reader(bytes, 0, 2));
    bytes[1] = 0xff;
    expect(type.bytes[1]).toBe(TypeCode.INT);
  });

  it('may be as deep as the bound says, and no deeper', () => {
    // The innermost list stands at the last level; the int within it has no parts of its own.
    const most = nested(PROTOCOL.typeDepth + 1);
    expect(skipType(new Reader(most, 0, most.length))).toBe(TypeCode.LIST);
    const more = nested(PROTOCOL.typeDepth + 2);
    expect(() => skipType(new Reader(more, 0, more.length))).toThrow(/nested too deep/);
  });
});
