// PREPARE: what its version allows, and nothing else.
import { describe, expect, it } from 'vitest';
import { decodePrepare, encodePrepare } from '../../../src/protocol/messages/prepare.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { expectOnlyWhole, frameOf, VERSIONS } from './frames.ts';

describe.each(VERSIONS)('PREPARE in v%i', (version) => {
  const decode = (body: Buffer) => decodePrepare(frameOf(version, Opcode.PREPARE, body), version);

  it('is taken with what its version allows', () => {
    const text = new Writer().writeLongString('SELECT 1').toBuffer();
    const withKeyspace = new Writer().writeRaw(text).writeInt(1).writeString('ks').toBuffer();
    if (version === 5) {
      expect(decode(withKeyspace)).toEqual({ query: 'SELECT 1', keyspace: 'ks' });
      expect(() => decode(new Writer().writeRaw(text).writeInt(2).toBuffer())).toThrow(/not known/);
    } else {
      expect(decode(text)).toEqual({ query: 'SELECT 1', keyspace: null });
      expect(() => decode(withKeyspace)).toThrow(/after its last field/);
    }
  });

  it('is refused when cut anywhere, or with bytes behind it', () => {
    const body = encodePrepare('SELECT 1', version, 'ks');
    expectOnlyWhole({ version, opcode: Opcode.PREPARE, body }, decodePrepare);
  });

  it('of the gate itself names a keyspace where its version can', () => {
    expect(decode(encodePrepare('SELECT 1', version))).toEqual({
      query: 'SELECT 1',
      keyspace: null,
    });
    expect(decode(encodePrepare('SELECT 1', version, 'ks')).keyspace).toBe(
      version === 5 ? 'ks' : null,
    );
  });

  it.runIf(version === 5)('is refused with a name that holds U+0000', () => {
    const body = new Writer().writeLongString('x').writeInt(1).writeString('k\0s').toBuffer();
    expect(() => decode(body)).toThrow(/U\+0000/);
  });
});
