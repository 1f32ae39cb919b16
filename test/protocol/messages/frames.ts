// Request frames of both versions, made field by field as the specification lays them out.
import { expect } from 'vitest';
import { ProtocolFault } from '../../../src/errors.ts';
import { encodeFrame, Frame } from '../../../src/protocol/frame.ts';
import { Writer } from '../../../src/protocol/writer.ts';

export const VERSIONS = [4, 5] as const;

export function frameOf(version: number, opcode: number, body: Buffer, flags = 0): Frame {
  const bytes = encodeFrame({ version, opcode, streamId: 5, flags, body });
  return new Frame(bytes, 0, bytes.length);
}

/** A [long]. */
export function long(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
}

/** Query flags: a byte in v4, an [int] in v5. */
export function flagsOf(version: number, flags: number, writer: Writer): Writer {
  return version === 5 ? writer.writeInt(flags) : writer.writeByte(flags);
}

/** A QUERY with every parameter that its version has. */
export function fullQuery(version: number): Buffer {
  const writer = new Writer().writeLongString('SELECT * FROM t').writeShort(6);
  flagsOf(version, version === 5 ? 0x1bf : 0xbf, writer);
  writer.writeShort(3).writeBytes(Buffer.from('a')).writeInt(-1).writeInt(-2);
  writer
    .writeInt(100)
    .writeBytes(Buffer.from('state'))
    .writeShort(8)
    .writeRaw(long(5n))
    .writeString('ks');
  return (version === 5 ? writer.writeInt(77) : writer).toBuffer();
}

/** An EXECUTE with two named values. */
export function executeBody(version: number): Buffer {
  const writer = new Writer().writeShortBytes(Buffer.alloc(16, 1));
  if (version === 5) writer.writeShortBytes(Buffer.alloc(16, 2));
  writer.writeShort(1);
  flagsOf(version, 0x41, writer);
  writer.writeShort(2).writeString('k').writeBytes(Buffer.from('one'));
  return writer.writeString('v').writeBytes(Buffer.from('two')).toBuffer();
}

/** A BATCH of a text and a prepared id. */
export function batchBody(version: number, type = 0, kind = 0, flags = 0xb0): Buffer {
  const writer = new Writer()
    .writeByte(type)
    .writeShort(2)
    .writeByte(kind)
    .writeLongString('INSERT');
  writer.writeShort(1).writeBytes(Buffer.from('x'));
  writer.writeByte(1).writeShortBytes(Buffer.alloc(16, 3)).writeShort(0).writeShort(4);
  flagsOf(version, flags, writer);
  return writer.writeShort(9).writeRaw(long(1n)).writeString('ks').toBuffer();
}

/** The decoder takes the body as it is, and refuses it cut anywhere or with a byte behind it. */
export function expectOnlyWhole(
  { version, opcode, body }: { version: number; opcode: number; body: Buffer },
  decode: (frame: Frame, version: number) => unknown,
): void {
  expect(() => decode(frameOf(version, opcode, body), version)).not.toThrow();
  for (let length = 0; length < body.length; length++) {
    const cut = frameOf(version, opcode, body.subarray(0, length));
    expect(() => decode(cut, version)).toThrow(ProtocolFault);
  }
  const longer = frameOf(version, opcode, Buffer.concat([body, Buffer.alloc(1)]));
  expect(() => decode(longer, version)).toThrow(/after its last field/);
}
