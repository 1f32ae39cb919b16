// The bytes of the partition key, from EXECUTE and BATCH as drivers write them.
import { describe, expect, it } from 'vitest';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { decodeBatch } from '../../src/protocol/messages/batch.ts';
import { decodeExecute } from '../../src/protocol/messages/execute.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { PreparedStatement } from '../../src/upstream/prepared.ts';
import { routingKey } from '../../src/upstream/routing-key.ts';

const ID = Buffer.alloc(16, 7);

function prepared(pkIndexes: number[], bindNames = ['a', 'b', 'c']): PreparedStatement {
  return { pkIndexes, bindNames } as unknown as PreparedStatement;
}

type Value = Buffer | null | 'unset';

function writeValue(writer: Writer, value: Value): void {
  if (value === 'unset') writer.writeInt(-2);
  else writer.writeBytes(value);
}

function execute(values: readonly Value[], names?: readonly string[]): Frame {
  const writer = new Writer().writeShortBytes(ID).writeShort(1);
  writer.writeByte(names === undefined ? 0x01 : 0x41).writeShort(values.length);
  values.forEach((value, i) => {
    if (names !== undefined) writer.writeString(names[i]!);
    writeValue(writer, value);
  });
  return frameOf(Opcode.EXECUTE, writer.toBuffer());
}

function frameOf(opcode: number, body: Buffer): Frame {
  const bytes = encodeFrame({ version: 4, opcode, streamId: 1, body });
  return new Frame(bytes, 0, bytes.length);
}

function keyOf(frame: Frame, statement: PreparedStatement): string | null {
  return routingKey(frame, decodeExecute(frame, 4).parameters, statement)?.toString('hex') ?? null;
}

const A = Buffer.from('aa', 'hex');
const B = Buffer.from('bbbb', 'hex');
const C = Buffer.from('cccccc', 'hex');

describe('the key of an EXECUTE', () => {
  it('of one column is a view on the frame', () => {
    const frame = execute([A, B, C]);
    expect(keyOf(frame, prepared([1]))).toBe('bbbb');
    const key = routingKey(frame, decodeExecute(frame, 4).parameters, prepared([1]))!;
    expect(key.buffer).toBe(frame.buffer.buffer);
  });

  it('of several columns is their composite, in the order of the key', () => {
    expect(keyOf(execute([A, B, C]), prepared([2, 0]))).toBe('0003cccccc000001aa00');
  });

  it('is found by name where values have names, whatever their order', () => {
    const frame = execute([C, A, B], ['c', 'a', 'b']);
    expect(keyOf(frame, prepared([1]))).toBe('bbbb');
    expect(keyOf(frame, prepared([0, 2]))).toBe('0001aa000003cccccc00');
  });

  it.each<[string, Frame, PreparedStatement]>([
    ['no column of the key is bound', execute([A]), prepared([])],
    ['its value is null', execute([null, B]), prepared([0])],
    ['its value is not set', execute(['unset', B]), prepared([0])],
    ['a part of it is null', execute([A, null]), prepared([0, 1])],
    ['a value is missing', execute([A]), prepared([0, 1])],
    ['a name is missing', execute([A], ['x']), prepared([0])],
    ['it is too long', execute([Buffer.alloc(65_536)]), prepared([0])],
    [
      'together it is too long',
      execute([Buffer.alloc(65_000), Buffer.alloc(600)]),
      prepared([0, 1]),
    ],
  ])('is none where %s', (_why, frame, statement) => {
    expect(keyOf(frame, statement)).toBeNull();
  });

  it('may be as long as Cassandra takes it, and not a byte longer', () => {
    const key = Buffer.alloc(65_535, 7);
    expect(keyOf(execute([key]), prepared([0]))).toBe(key.toString('hex'));
    // Each of several columns takes three bytes beside its own.
    const part = (bytes: number): Buffer => Buffer.alloc(bytes, 7);
    expect(keyOf(execute([A, part(65_535 - 7)]), prepared([0, 1]))).toHaveLength(2 * 65_535);
    expect(keyOf(execute([A, part(65_535 - 6)]), prepared([0, 1]))).toBeNull();
  });

  it.each([7, 8, 9, 10, 40])('of %i columns is their composite, whatever their order', (count) => {
    const names = Array.from({ length: count }, (_unused, i) => `c${i}`);
    const values = names.map((_name, i) => Buffer.alloc(i % 3, i));
    const order = names.map((_name, i) => (i * 7 + 3) % count);
    const indexes = [...new Set([...order, ...names.keys()])];
    const composite = Buffer.concat(
      indexes.flatMap((i) => [Buffer.from([0, values[i]!.length]), values[i]!, Buffer.from([0])]),
    ).toString('hex');
    const statement = prepared(indexes, names);
    expect(keyOf(execute(values), statement)).toBe(composite);
    const reversed = [...names.keys()].reverse();
    const named = execute(
      reversed.map((i) => values[i]!),
      reversed.map((i) => names[i]!),
    );
    expect(keyOf(named, statement)).toBe(composite);
    const last: Value[] = [...values];
    last[count - 1] = null;
    expect(keyOf(execute(last), statement)).toBeNull();
    expect(keyOf(execute(values.slice(0, -1)), statement)).toBeNull();
  });

  it('may be empty, as a text may', () => {
    expect(keyOf(execute([Buffer.alloc(0)]), prepared([0]))).toBe('');
  });
});

describe('the key of a BATCH', () => {
  it('is that of a prepared child, behind children that are texts', () => {
    const writer = new Writer().writeByte(0).writeShort(2);
    writer.writeByte(0).writeLongString('INSERT').writeShort(1).writeBytes(C);
    writer.writeByte(1).writeShortBytes(ID).writeShort(2).writeBytes(A).writeBytes(B);
    writer.writeShort(1).writeByte(0);
    const frame = frameOf(Opcode.BATCH, writer.toBuffer());
    const child = decodeBatch(frame, 4).children[1]!;
    expect(child.isText).toBe(false);
    const key = routingKey(frame, { ...child, flags: 0 }, prepared([1, 0]));
    expect(key?.toString('hex')).toBe('0002bbbb000001aa00');
  });
});
