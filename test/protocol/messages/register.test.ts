// REGISTER: names in any case, no others than there are, and a bounded number.
import { describe, expect, it } from 'vitest';
import { MESSAGES } from '../../../src/limits/session.ts';
import { decodeRegister, encodeRegister } from '../../../src/protocol/messages/register.ts';
import { Opcode } from '../../../src/protocol/opcodes.ts';
import { Writer } from '../../../src/protocol/writer.ts';
import { expectOnlyWhole, frameOf } from './frames.ts';

const decode = (body: Buffer) => decodeRegister(frameOf(4, Opcode.REGISTER, body));
const namesOf = (count: number) =>
  encodeRegister(Array<'STATUS_CHANGE'>(count).fill('STATUS_CHANGE'));

describe('REGISTER', () => {
  it('has its names read in any case, and no others taken', () => {
    const names = new Writer().writeStringList(['schema_change']).toBuffer();
    expect(decode(names)).toEqual(['SCHEMA_CHANGE']);
    expect(() => decode(encodeRegister(['FOO' as 'SCHEMA_CHANGE']))).toThrow("Invalid value 'FOO'");
  });

  it('is refused when cut anywhere, or with bytes behind it', () => {
    const body = encodeRegister(['SCHEMA_CHANGE', 'STATUS_CHANGE']);
    expectOnlyWhole({ version: 4, opcode: Opcode.REGISTER, body }, decodeRegister);
  });

  it('has as many names as are read, and not one more', () => {
    expect(decode(namesOf(MESSAGES.registerNames))).toHaveLength(MESSAGES.registerNames);
    expect(() => decode(namesOf(MESSAGES.registerNames + 1))).toThrow(
      `at most ${MESSAGES.registerNames} are read`,
    );
  });

  it('repeats no more of a wrong name than its beginning', () => {
    const long = encodeRegister([`${'F'.repeat(64)}${'G'.repeat(900)}` as 'SCHEMA_CHANGE']);
    expect(() => decode(long)).toThrow(`Invalid value '${'F'.repeat(64)}' for Type`);
  });
});
