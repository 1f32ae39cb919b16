// The notations of the specification: each is read where it fits, refused naming its field where it does not, and
// never read beyond its body though the buffer goes on.
import { describe, expect, it } from 'vitest';
import { MessageFault, ProtocolFault } from '../../src/errors.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { long } from './messages/frames.ts';

/** A reader of these bytes in a longer buffer. */
function readerOf(bytes: Buffer, streamId = 3): Reader {
  const buffer = Buffer.concat([Buffer.alloc(2, 0xee), bytes, Buffer.alloc(20, 1)]);
  return new Reader(buffer, 2, 2 + bytes.length, streamId);
}

type Notation = [string, Buffer, (reader: Reader) => unknown, unknown];

const NOTATIONS: Notation[] = [
  ['[byte]', Buffer.from([0xfe]), (r) => r.readByte('f'), 254],
  ['[short]', Buffer.from([0xff, 0xfe]), (r) => r.readShort('f'), 65_534],
  ['[int]', Buffer.from([0xff, 0xff, 0xff, 0xfe]), (r) => r.readInt('f'), -2],
  ['[long]', long(-5n), (r) => r.readLong('f'), -5n],
  ['[string]', new Writer().writeString('é').toBuffer(), (r) => r.readString('f'), 'é'],
  ['[string] of a name', new Writer().writeString('n').toBuffer(), (r) => r.readName('f'), 'n'],
  [
    '[long string]',
    new Writer().writeLongString('ab').toBuffer(),
    (r) => r.readLongString('f'),
    'ab',
  ],
  [
    '[bytes]',
    new Writer().writeBytes(Buffer.from('b')).toBuffer(),
    (r) => r.readBytes('f'),
    Buffer.from('b'),
  ],
  [
    '[short bytes]',
    new Writer().writeShortBytes(Buffer.from('b')).toBuffer(),
    (r) => r.readShortBytes('f'),
    Buffer.from('b'),
  ],
  [
    '[string list]',
    new Writer().writeStringList(['a', '']).toBuffer(),
    (r) => r.readStringList('f'),
    ['a', ''],
  ],
  [
    '[string multimap]',
    new Writer().writeStringMultimap(new Map([['k', ['v']]])).toBuffer(),
    (r) => r.readStringMultimap('f'),
    new Map([['k', ['v']]]),
  ],
  [
    '[inet]',
    Buffer.from([4, 10, 0, 0, 1, 0, 0, 0x23, 0x52]),
    (r) => r.readInet('f'),
    { address: Buffer.from([10, 0, 0, 1]), port: 9042 },
  ],
  [
    'a [value] that is stepped over',
    new Writer().writeBytes(Buffer.from('v')).toBuffer(),
    (r) => r.skipValue('f'),
    undefined,
  ],
  [
    'a name that is stepped over',
    new Writer().writeString('é').toBuffer(),
    (r) => r.skipName('f'),
    undefined,
  ],
  ['bytes that are stepped over', Buffer.alloc(3), (r) => r.skip(3, 'f'), undefined],
];

describe('a reader', () => {
  it.each(NOTATIONS)('reads %s whole, and refuses it cut anywhere', (_name, bytes, read, value) => {
    const reader = readerOf(bytes);
    expect(read(reader)).toEqual(value);
    expect(reader.end - reader.offset).toBe(0);
    expect(() => reader.expectEnd('it')).not.toThrow();
    for (let length = 0; length < bytes.length; length++) {
      expect(() => read(readerOf(bytes.subarray(0, length)))).toThrow('the body ends within f');
    }
  });

  it('tells the stream of what it refuses, and what is a fault of a value only', () => {
    const reader = readerOf(Buffer.alloc(1), 77);
    expect(reader.fault('x')).toMatchObject({ streamId: 77 });
    expect(reader.fault('x')).toBeInstanceOf(ProtocolFault);
    expect(reader.valueFault('x')).toBeInstanceOf(MessageFault);
    expect(() => reader.expectEnd('QUERY')).toThrow('QUERY has 1 bytes after its last field');
  });

  it('takes null and unset for a value, and no other negative length', () => {
    const lengths = [-1, -2].map((length) => new Writer().writeInt(length).toBuffer());
    for (const bytes of lengths) {
      expect(() => readerOf(bytes).skipValue('v')).not.toThrow();
      expect(readerOf(bytes).readBytes('v')).toBeNull();
    }
    const below = new Writer().writeInt(-3).toBuffer();
    expect(() => readerOf(below).skipValue('v')).toThrow('v has the invalid length -3');
    expect(() => readerOf(below).readLongString('q')).toThrow('q has the negative length -3');
  });

  it.each([
    ['readString', (r: Reader) => r.readString('f')],
    ['readName', (r: Reader) => r.readName('f')],
    ['skipName', (r: Reader) => r.skipName('f')],
  ])('refuses bytes that are no UTF-8 (%s)', (_name, read) => {
    for (const bad of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xc3]]) {
      const bytes = new Writer().writeShort(bad.length).writeRaw(Buffer.from(bad)).toBuffer();
      expect(() => read(readerOf(bytes))).toThrow(/Cannot decode string as UTF8/);
    }
  });

  it.each([
    ['readName', (r: Reader) => r.readName('f')],
    ['skipName', (r: Reader) => r.skipName('f')],
  ])('refuses U+0000 in a name (%s), which a text may hold', (_name, read) => {
    const bytes = new Writer().writeString('a\0b').toBuffer();
    expect(() => read(readerOf(bytes))).toThrow(/U\+0000/);
    expect(readerOf(bytes).readString('f')).toBe('a\0b');
  });

  it('compares a string without reading it', () => {
    const wanted = Buffer.from('key');
    const same = readerOf(new Writer().writeString('key').toBuffer());
    expect([same.skipString(wanted, 'f'), same.end - same.offset]).toEqual([true, 0]);
    for (const other of ['kex', 'ke', 'keys', '']) {
      const reader = readerOf(new Writer().writeString(other).toBuffer());
      expect([reader.skipString(wanted, 'f'), reader.end - reader.offset]).toEqual([false, 0]);
    }
  });

  it('takes addresses of 4 and 16 bytes only', () => {
    for (const length of [0, 3, 5, 15, 17]) {
      const bytes = Buffer.concat([Buffer.from([length]), Buffer.alloc(20)]);
      expect(() => readerOf(bytes).readInetAddress('node')).toThrow(
        `node is an address of ${length} bytes`,
      );
    }
    const v6 = Buffer.concat([Buffer.from([16]), Buffer.alloc(16, 1)]);
    expect(readerOf(v6).readInetAddress('node')).toEqual(Buffer.alloc(16, 1));
  });
});
