// Which messages there are, and when a client may send each: the whole table, against section 2.4 of the specification.
import { describe, expect, it } from 'vitest';
import {
  isLegalRequest,
  Opcode,
  opcodeName,
  opcodeRow,
  OPCODES,
  type SessionState,
} from '../../src/protocol/opcodes.ts';

const SPECIFIED: Readonly<Record<string, number>> = {
  ERROR: 0x00,
  STARTUP: 0x01,
  READY: 0x02,
  AUTHENTICATE: 0x03,
  OPTIONS: 0x05,
  SUPPORTED: 0x06,
  QUERY: 0x07,
  RESULT: 0x08,
  PREPARE: 0x09,
  EXECUTE: 0x0a,
  REGISTER: 0x0b,
  EVENT: 0x0c,
  BATCH: 0x0d,
  AUTH_CHALLENGE: 0x0e,
  AUTH_RESPONSE: 0x0f,
  AUTH_SUCCESS: 0x10,
};

/** All that a client may send in a state. */
const LEGAL: Readonly<Record<SessionState, readonly number[]>> = {
  startup: [Opcode.STARTUP, Opcode.OPTIONS],
  authenticating: [Opcode.AUTH_RESPONSE],
  ready: [
    Opcode.OPTIONS,
    Opcode.QUERY,
    Opcode.PREPARE,
    Opcode.EXECUTE,
    Opcode.REGISTER,
    Opcode.BATCH,
  ],
};

const EVERY_BYTE = Array.from({ length: 256 }, (_, code) => code);

describe('the opcode table', () => {
  it('has the codes of the specification and no others', () => {
    expect(Opcode).toEqual(SPECIFIED);
    for (const [name, code] of Object.entries(SPECIFIED)) expect(opcodeName(code)).toBe(name);
  });

  it('names a code that does not exist by its number', () => {
    expect(opcodeRow(0x04)).toBeUndefined();
    expect(opcodeName(0x04)).toBe('0x04');
  });

  it.each(Object.entries(LEGAL) as [SessionState, number[]][])(
    'lets a client that is in state %s send what belongs to it, and no other of 256 codes',
    (state, legal) => {
      expect(EVERY_BYTE.filter((code) => isLegalRequest(code, state)).sort()).toEqual(
        [...legal].sort(),
      );
    },
  );

  it('lets no client send a response', () => {
    const states = Object.keys(LEGAL) as SessionState[];
    for (const row of Object.values(OPCODES).filter(({ direction }) => direction === 'response')) {
      for (const state of states) expect(isLegalRequest(row.code, state)).toBe(false);
    }
  });
});
