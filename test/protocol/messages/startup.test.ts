// STARTUP: keys in any case, names without U+0000, a bounded number of options.
import { describe, expect, it } from 'vitest';
import { MESSAGES } from '../../../src/limits/session.ts';
import { decodeStartup, encodeStartup } from '../../../src/protocol/messages/startup.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { expectOnlyWhole, frameOf } from './frames.ts';

const decode = (body: Buffer) => decodeStartup(frameOf(4, Opcode.STARTUP, body));
const optionsOf = (count: number) =>
  new Map(Array.from({ length: count }, (_unused, i) => [`K${i}`, 'v']));

describe('STARTUP', () => {
  it('has its keys read in any case', () => {
    const startup = new Writer().writeStringMap(new Map([['cql_version', '3.0.0']])).toBuffer();
    expect(decode(startup).get('CQL_VERSION')).toBe('3.0.0');
  });

  it('is refused when cut anywhere, or with bytes behind it', () => {
    const body = encodeStartup(new Map([['CQL_VERSION', '3.0.0']]));
    expectOnlyWhole({ version: 4, opcode: Opcode.STARTUP, body }, decodeStartup);
  });

  it.each([
    ['a key', new Map([['CQL\0VERSION', 'x']])],
    ['a value', new Map([['CQL_VERSION', '3\0']])],
  ])('is refused where %s holds U+0000', (_name, options) => {
    expect(() => decode(encodeStartup(options))).toThrow(/U\+0000/);
  });

  it('has as many options as are read, and not one more', () => {
    expect(decode(encodeStartup(optionsOf(MESSAGES.startupOptions))).size).toBe(
      MESSAGES.startupOptions,
    );
    const more = encodeStartup(optionsOf(MESSAGES.startupOptions + 1));
    expect(() => decode(more)).toThrow(`at most ${MESSAGES.startupOptions} are read`);
  });
});
