// Query parameters: what Cassandra would overlook, and the gate refuses; and the bound values.
import { describe, expect, it } from 'vitest';
import { MessageFault } from '../../../src/errors.ts';
import { requestReader } from '../../../src/protocol/body-prefix.ts';
import { decodeBatch } from '../../../src/protocol/messages/batch.ts';
import { boundValue, boundValues } from '../../../src/protocol/messages/parameters.ts';
import { decodeQuery } from '../../../src/protocol/messages/query.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { batchBody, flagsOf, frameOf, long, VERSIONS } from './frames.ts';

const queryWith = (version: number, flags: number): Writer =>
  flagsOf(version, flags, new Writer().writeLongString('x').writeShort(1));

describe.each(VERSIONS)('parameters in v%i', (version) => {
  const decode = (writer: Writer) =>
    decodeQuery(frameOf(version, Opcode.QUERY, writer.toBuffer()), version);

  it('are refused with flags that are not known', () => {
    const unknown = version === 5 ? [0x200, 0x80000000 | 0] : [];
    for (const flags of unknown) {
      expect(() => decode(queryWith(version, flags))).toThrow(/not known/);
    }
    for (const flags of [0x01, 0x04, 0x08, 0x40]) {
      const body = batchBody(version, 0, 0, flags);
      expect(() => decodeBatch(frameOf(version, Opcode.BATCH, body), version)).toThrow(/not known/);
    }
  });

  it('have the keyspace flag, also where the specification does not have it', () => {
    const { parameters } = decode(queryWith(version, 0x80).writeString('billing'));
    expect(parameters.keyspace).toBe('billing');
  });

  it.each([
    ['page size 0', 0x04, (w: Writer) => w.writeInt(0), /page size cannot be 0/],
    ['the lowest timestamp', 0x20, (w: Writer) => w.writeRaw(long(-(2n ** 63n))), /timestamp/],
    [
      'a value length below -2',
      0x01,
      (w: Writer) => w.writeShort(1).writeInt(-3),
      /invalid length/,
    ],
    ['an unknown consistency', 0x10, (w: Writer) => w.writeShort(99), /consistency/],
  ])('are refused with %s', (_name, flags, tail, text) => {
    expect(() => decode(tail(queryWith(version, flags)))).toThrow(text);
  });

  it('that are read and mean nothing leave the connection as it is', () => {
    expect(() => decode(queryWith(version, 0x04).writeInt(0))).toThrow(MessageFault);
    expect(() => decode(queryWith(version, 0x20).writeRaw(long(-(2n ** 63n) + 1n)))).not.toThrow();
  });
});

describe('bound values', () => {
  const positional = queryWith(4, 0x01)
    .writeShort(3)
    .writeBytes(Buffer.from('a'))
    .writeInt(-1)
    .writeBytes(Buffer.from('c'));
  const named = queryWith(4, 0x41)
    .writeShort(3)
    .writeString('k')
    .writeBytes(Buffer.from('first'))
    .writeString('k')
    .writeBytes(Buffer.from('second'))
    .writeString('v')
    .writeInt(-2);

  const readerOf = (writer: Writer) => {
    const frame = frameOf(4, Opcode.QUERY, writer.toBuffer());
    return [requestReader(frame), decodeQuery(frame, 4).parameters] as const;
  };

  it.each([
    [
      'one by one',
      (writer: Writer, index: number, name: string | null) =>
        boundValue(...readerOf(writer), { index, name }),
    ],
    [
      'all at once',
      (writer: Writer, index: number, name: string | null) =>
        boundValues(...readerOf(writer))({ index, name }),
    ],
  ])('are found %s: by position, or by name where values have names', (_how, find) => {
    expect(find(positional, 0, 'ignored')?.toString()).toBe('a');
    expect(find(positional, 1, null)).toBeNull();
    expect(find(positional, 2, null)?.toString()).toBe('c');
    expect(find(positional, 3, null)).toBeNull();
    expect(find(named, 1, 'k')?.toString()).toBe('first');
    expect(find(named, 0, 'v')).toBeNull();
    expect(find(named, 0, 'none')).toBeNull();
    expect(find(named, 0, null)).toBeNull();
  });
});
