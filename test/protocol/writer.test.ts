// The notations of the specification as they are written.
import { describe, expect, it } from 'vitest';
import { Writer } from '../../src/protocol/writer.ts';

const hex = (write: (writer: Writer) => Writer) => write(new Writer()).toBuffer().toString('hex');

describe('a writer', () => {
  it('writes each notation as the specification says', () => {
    expect(hex((w) => w.writeByte(0x1ff).writeShort(0x10203).writeInt(-2))).toBe('ff0203fffffffe');
    expect(hex((w) => w.writeString('é').writeLongString('é'))).toBe('0002c3a900000002c3a9');
    expect(hex((w) => w.writeBytes(null).writeBytes(Buffer.alloc(1)))).toBe('ffffffff0000000100');
    expect(hex((w) => w.writeShortBytes(Buffer.from([7])).writeRaw(Buffer.from([8])))).toBe(
      '00010708',
    );
    expect(hex((w) => w.writeStringList(['a', '']))).toBe('00020001610000');
    expect(hex((w) => w.writeStringMap(new Map([['k', 'v']])))).toBe('000100016b000176');
    expect(hex((w) => w.writeStringMultimap(new Map([['k', ['v']]])))).toBe('000100016b0001000176');
  });

  it('grows as it needs, and gives a copy of exactly what was written', () => {
    const writer = new Writer();
    for (let i = 0; i < 5_000; i++) writer.writeByte(i);
    writer.writeRaw(Buffer.alloc(100_000, 9));
    const first = writer.toBuffer();
    expect(first).toHaveLength(105_000);
    expect([first[0], first[257], first[4_999], first[104_999]]).toEqual([0, 1, 135, 9]);
    writer.writeByte(1);
    expect(first).toHaveLength(105_000);
  });

  it('cuts a string that is too long, never within a character', () => {
    const whole = new Writer().writeString('a'.repeat(65_535)).toBuffer();
    expect([whole.readUInt16BE(0), whole.length]).toEqual([65_535, 65_537]);
    const more = new Writer().writeString('a'.repeat(65_536)).toBuffer();
    expect([more.readUInt16BE(0), more.length]).toEqual([65_535, 65_537]);
    for (const [character, bytes] of [
      ['é', 65_534],
      ['€', 65_535],
      ['😀', 65_532],
    ] as const) {
      const cut = new Writer().writeString(character.repeat(65_535)).toBuffer();
      expect([cut.readUInt16BE(0), cut.length]).toEqual([bytes, bytes + 2]);
      const text = new TextDecoder('utf-8', { fatal: true }).decode(cut.subarray(2));
      expect(text.endsWith(character)).toBe(true);
    }
  });
});
