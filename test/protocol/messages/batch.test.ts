// BATCH: its children, in steps and at once, and every cut.
import { describe, expect, it } from 'vitest';
import { BatchDecoder, batchText, decodeBatch } from '../../../src/protocol/messages/batch.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { batchBody, expectOnlyWhole, flagsOf, frameOf, VERSIONS } from './frames.ts';

describe.each(VERSIONS)('BATCH in v%i', (version) => {
  it('is decoded with texts and ids', () => {
    const frame = frameOf(version, Opcode.BATCH, batchBody(version));
    const decoded = decodeBatch(frame, version);
    expect(decoded).toMatchObject({ type: 'LOGGED', consistency: 4, keyspace: 'ks' });
    expect(
      decoded.children.map((child) => (child.isText ? batchText(frame, child) : null)),
    ).toEqual(['INSERT', null]);
  });

  it('is refused when cut anywhere, or with bytes behind it', () => {
    expectOnlyWhole({ version, opcode: Opcode.BATCH, body: batchBody(version) }, decodeBatch);
  });

  it('is refused with a type or a kind that does not exist', () => {
    const type = frameOf(version, Opcode.BATCH, batchBody(version, 3));
    expect(() => decodeBatch(type, version)).toThrow(/type 3/);
    const kind = frameOf(version, Opcode.BATCH, batchBody(version, 0, 2));
    expect(() => decodeBatch(kind, version)).toThrow(/query kind/);
  });

  it('says where its flags lie, counted back from its end', () => {
    const frame = frameOf(version, Opcode.BATCH, batchBody(version));
    const { flagsFromEnd } = decodeBatch(frame, version);
    const flags =
      version === 5
        ? frame.buffer.readInt32BE(frame.end - flagsFromEnd)
        : frame.buffer[frame.end - flagsFromEnd];
    expect(flags).toBe(0xb0);
  });

  it('is walked in steps, of which many values are as much as children', () => {
    const writer = new Writer().writeByte(1).writeShort(40);
    for (let child = 0; child < 40; child++) {
      writer.writeByte(1).writeShortBytes(Buffer.alloc(16, child)).writeShort(16);
      for (let value = 0; value < 16; value++) writer.writeInt(-1);
    }
    const body = flagsOf(version, 0, writer.writeShort(1)).toBuffer();
    const frame = frameOf(version, Opcode.BATCH, body);
    const decoder = new BatchDecoder(frame, version);
    expect([decoder.size, decoder.type]).toEqual([40, 'UNLOGGED']);
    // Each child costs two steps: one for itself, one for its sixteen values.
    for (let call = 0; call < 3; call++) expect(decoder.walk(20)).toBeNull();
    expect(decoder.walk(20)?.children).toHaveLength(40);
    expect(decodeBatch(frame, version).children.map(({ valueCount }) => valueCount)).toEqual(
      Array<number>(40).fill(16),
    );
  });
});
