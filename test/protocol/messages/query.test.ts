// QUERY: every parameter, every cut, strict text, and the same request with another text.
import { describe, expect, it } from 'vitest';
import { FrameFlag } from '../../../src/protocol/frame.ts';
import { decodeQuery, encodeQuery, withText } from '../../../src/protocol/messages/query.ts';
import { QueryFlag } from '../../../src/protocol/messages/parameters.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { executeBody, expectOnlyWhole, flagsOf, frameOf, fullQuery, VERSIONS } from './frames.ts';

describe.each(VERSIONS)('QUERY in v%i', (version) => {
  it('is decoded with every parameter', () => {
    const { query, parameters } = decodeQuery(
      frameOf(version, Opcode.QUERY, fullQuery(version)),
      version,
    );
    expect(query).toBe('SELECT * FROM t');
    expect(parameters).toMatchObject({ consistency: 6, valueCount: 3, keyspace: 'ks' });
  });

  it('is refused when cut anywhere, or with bytes behind it', () => {
    expectOnlyWhole({ version, opcode: Opcode.QUERY, body: fullQuery(version) }, decodeQuery);
  });

  it('of the gate itself has a text, a consistency and no flag', () => {
    const body = encodeQuery({ query: 'SELECT 1', consistency: 6, version });
    const { query, parameters } = decodeQuery(frameOf(version, Opcode.QUERY, body), version);
    expect([query, parameters.consistency, parameters.flags]).toEqual(['SELECT 1', 6, 0]);
  });

  it('with another text keeps its parameters and its stream, and only its tracing flag', () => {
    const flags = FrameFlag.TRACING | FrameFlag.WARNING;
    const frame = frameOf(version, Opcode.QUERY, fullQuery(version), flags);
    const other = withText(frame, version, 'SELECT a FROM other');
    expect([other.opcode, other.flags, other.streamId]).toEqual([
      Opcode.QUERY,
      FrameFlag.TRACING,
      5,
    ]);
    const { query, parameters } = decodeQuery(other, version);
    expect(query).toBe('SELECT a FROM other');
    const before = decodeQuery(frame, version).parameters;
    expect(parameters.flags).toBe(before.flags & ~QueryFlag.SKIP_METADATA);
    expect(parameters).toMatchObject({ consistency: 6, valueCount: 3, keyspace: 'ks' });
  });

  it('made of an EXECUTE asks for the metadata that EXECUTE may leave out', () => {
    const tail = new Writer().writeShortBytes(Buffer.alloc(16, 1));
    if (version === 5) tail.writeShortBytes(Buffer.alloc(16, 2));
    const body = flagsOf(version, QueryFlag.SKIP_METADATA, tail.writeShort(1)).toBuffer();
    const made = withText(frameOf(version, Opcode.EXECUTE, body), version, 'SELECT 1');
    expect(decodeQuery(made, version).parameters.flags).toBe(0);
    const named = frameOf(version, Opcode.EXECUTE, executeBody(version));
    expect(decodeQuery(withText(named, version, 'x'), version).parameters.valueCount).toBe(2);
  });
});

describe('the text of a QUERY', () => {
  it('is decoded strictly', () => {
    for (const bad of [[0xc3, 0x28], [0xff], [0xed, 0xa0, 0x80]]) {
      const body = new Writer()
        .writeInt(bad.length)
        .writeRaw(Buffer.from(bad))
        .writeShort(1)
        .writeByte(0);
      const frame = frameOf(4, Opcode.QUERY, body.toBuffer());
      expect(() => decodeQuery(frame, 4)).toThrow(/Cannot decode string as UTF8/);
    }
    const bom = new Writer().writeLongString('\ufeffSELECT').writeShort(1).writeByte(0).toBuffer();
    expect(decodeQuery(frameOf(4, Opcode.QUERY, bom), 4).query).toBe('\ufeffSELECT');
  });
});
