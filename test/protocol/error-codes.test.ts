// The table of error codes against section 9 of the specification, and what the gate concludes from each code.
import { describe, expect, it } from 'vitest';
import {
  CQL_ERRORS,
  CqlErrorCode,
  errorCodeText,
  errorHasField,
  errorName,
  errorSays,
  isPlainErrorCode,
  type Conclusion,
} from '../../src/protocol/error-codes.ts';
import { Frame } from '../../src/protocol/frame.ts';
import { encodeError } from '../../src/protocol/messages/error.ts';

/** Section 9: the code, and what follows the message, as the specification of v5 writes it. */
const SPECIFIED: Readonly<Record<string, readonly [code: number, fields: string]>> = {
  SERVER_ERROR: [0x0000, ''],
  PROTOCOL_ERROR: [0x000a, ''],
  AUTH_ERROR: [0x0100, ''],
  UNAVAILABLE: [0x1000, '<cl><required><alive>'],
  OVERLOADED: [0x1001, ''],
  IS_BOOTSTRAPPING: [0x1002, ''],
  TRUNCATE_ERROR: [0x1003, ''],
  WRITE_TIMEOUT: [0x1100, '<cl><received><blockfor><writeType><contentions>'],
  READ_TIMEOUT: [0x1200, '<cl><received><blockfor><data_present>'],
  READ_FAILURE: [0x1300, '<cl><received><blockfor><numfailures><reasonmap><data_present>'],
  FUNCTION_FAILURE: [0x1400, '<keyspace><function><arg_types>'],
  WRITE_FAILURE: [0x1500, '<cl><received><blockfor><numfailures><reasonmap><write_type>'],
  CDC_WRITE_FAILURE: [0x1600, ''],
  CAS_WRITE_UNKNOWN: [0x1700, '<cl><received><blockfor>'],
  SYNTAX_ERROR: [0x2000, ''],
  UNAUTHORIZED: [0x2100, ''],
  INVALID: [0x2200, ''],
  CONFIG_ERROR: [0x2300, ''],
  ALREADY_EXISTS: [0x2400, '<ks><table>'],
  UNPREPARED: [0x2500, '<id>'],
};

/** All that is concluded, and from nothing else. */
const CONCLUDED: Readonly<Record<Conclusion, readonly number[]>> = {
  nothingDone: [CqlErrorCode.UNAVAILABLE, CqlErrorCode.OVERLOADED, CqlErrorCode.IS_BOOTSTRAPPING],
  unlessLwt: [CqlErrorCode.UNAVAILABLE],
  schemaUnchanged: [
    CqlErrorCode.IS_BOOTSTRAPPING,
    CqlErrorCode.SYNTAX_ERROR,
    CqlErrorCode.UNAUTHORIZED,
    CqlErrorCode.INVALID,
    CqlErrorCode.CONFIG_ERROR,
    CqlErrorCode.ALREADY_EXISTS,
  ],
  quotesStatement: [
    CqlErrorCode.FUNCTION_FAILURE,
    CqlErrorCode.SYNTAX_ERROR,
    CqlErrorCode.UNAUTHORIZED,
    CqlErrorCode.INVALID,
    CqlErrorCode.CONFIG_ERROR,
    CqlErrorCode.ALREADY_EXISTS,
    CqlErrorCode.UNPREPARED,
  ],
  nodeBusy: [CqlErrorCode.SERVER_ERROR, CqlErrorCode.OVERLOADED, CqlErrorCode.IS_BOOTSTRAPPING],
  tableMayBeAbsent: [CqlErrorCode.UNAUTHORIZED, CqlErrorCode.INVALID],
};

const SPECIFIED_CODES = Object.values(SPECIFIED).map(([code]) => code);
/** Every code of 16 bits, and others that four bytes can hold. */
const EVERY_CODE = [...Array.from({ length: 0x10000 }, (_, code) => code), -1, 0x7fffffff];

/** As the specification names each field. */
const FIELD_NAMES = {
  consistency: 'cl',
  required: 'required',
  alive: 'alive',
  received: 'received',
  blockFor: 'blockfor',
  failures: 'numfailures',
  reasons: 'reasonmap',
  dataPresent: 'data_present',
  writeType: 'write_type',
  contentions: 'contentions',
  keyspace: 'ks',
  table: 'table',
  function: 'function',
  argumentTypes: 'arg_types',
  id: 'id',
} as const;

/** The specification has two names for some fields. */
const plain = (fields: string): string =>
  fields.replace('<writeType>', '<write_type>').replace('<keyspace>', '<ks>');

describe('the table of error codes', () => {
  it('has the codes and fields of the specification, and no others', () => {
    const table = Object.entries(CQL_ERRORS).map(([name, { code, fields }]) => [
      name,
      [code, fields.map((field) => `<${FIELD_NAMES[field]}>`).join('')],
    ]);
    const specified = Object.entries(SPECIFIED).map(([name, [code, fields]]) => [
      name,
      [code, plain(fields)],
    ]);
    expect(Object.fromEntries(table)).toEqual(Object.fromEntries(specified));
  });

  it.each(Object.entries(CONCLUDED) as [Conclusion, number[]][])(
    'concludes %s from its codes alone',
    (conclusion, codes) => {
      expect(EVERY_CODE.filter((code) => errorSays(code, conclusion))).toEqual(codes);
    },
  );

  it('takes as plain what has no fields, and encodes code and message alone then', () => {
    const named = Object.values(SPECIFIED).flatMap(([code, fields]) =>
      fields === '' ? [code] : [],
    );
    const codes = EVERY_CODE.filter(isPlainErrorCode);
    expect(codes).toEqual(named);
    for (const code of codes) {
      const bytes = encodeError({ version: 5, streamId: 1 }, 'text', { code });
      const body = bytes.subarray(new Frame(bytes, 0, bytes.length).bodyStart);
      expect(body).toEqual(
        Buffer.from([0, 0, code >> 8, code & 0xff, 0, 4, ...Buffer.from('text')]),
      );
    }
  });

  it('knows endpoint reasons of the two failures only', () => {
    expect(EVERY_CODE.filter((code) => errorHasField(code, 'reasons'))).toEqual([
      CqlErrorCode.READ_FAILURE,
      CqlErrorCode.WRITE_FAILURE,
    ]);
  });

  it('names what it has, and shows any code as four digits', () => {
    expect(EVERY_CODE.filter((code) => errorName(code) !== undefined)).toEqual(SPECIFIED_CODES);
    expect(errorName(0x1001)).toBe('OVERLOADED');
    expect(errorCodeText(CqlErrorCode.PROTOCOL_ERROR)).toBe('0x000a');
    expect(errorCodeText(0x2200)).toBe('0x2200');
  });
});
