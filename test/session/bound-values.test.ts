// The values of a QUERY are read where a marker asks for one.
import { describe, expect, it } from 'vitest';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { boundValuesOf } from '../../src/session/bound-values.ts';
import { exchangeOf, requestFor } from '../support/exchanges.ts';

const TEXT = 'SELECT v FROM ks.t WHERE k = ? AND c = ?';
const VALUES = 0x01;

describe('what is bound to the markers of a QUERY', () => {
  const body = new Writer().writeLongString(TEXT).writeShort(1).writeByte(VALUES).writeShort(2);
  for (const value of ['one', 'two']) {
    body.writeBytes(Buffer.from(value));
  }
  const bytes = encodeFrame({
    version: 4,
    opcode: Opcode.QUERY,
    streamId: 1,
    body: body.toBuffer(),
  });
  const exchange = exchangeOf(requestFor(TEXT, { frame: new Frame(bytes, 0, bytes.length) }));

  it('is found by place', () => {
    const values = boundValuesOf(exchange);
    expect(values({ index: 1, name: null })?.toString()).toBe('two');
    expect(values({ index: 0, name: null })?.toString()).toBe('one');
  });
});
