// The error codes of the native protocol (section 9 of the v4 and v5 specifications), and what the gate concludes from a
// node's error by its code alone: one table from which everything else derives. A code without a row does not compile.

/** What may follow the message of an ERROR. */
type ErrorField =
  | 'consistency'
  | 'required'
  | 'alive'
  | 'received'
  | 'blockFor'
  | 'failures'
  /** One reason for each endpoint that failed; only since v5. */
  | 'reasons'
  | 'dataPresent'
  | 'writeType'
  /** Only since v5, and only of a lightweight transaction. */
  | 'contentions'
  | 'keyspace'
  | 'table'
  | 'function'
  | 'argumentTypes'
  | 'id';

/** What a node that answers with this error says of the request or of itself. */
export type Conclusion =
  /** The node has done nothing of the request, so another node may be asked. */
  | 'nothingDone'
  /** That does not hold for a lightweight transaction, which may have been proposed to some replicas. */
  | 'unlessLwt'
  /** A change of the schema changed nothing, at no node. */
  | 'schemaUnchanged'
  /** The text comes of checking what the client sent, and may quote it. */
  | 'quotesStatement'
  /** The node has no time now for anything; the error says nothing about the request. */
  | 'nodeBusy'
  /** The table that was read may be absent: so nodes answer where it is, or where the login may not read it. */
  | 'tableMayBeAbsent';

interface ErrorRow {
  readonly code: number;
  /** What follows the message, in this order. */
  readonly fields: readonly ErrorField[];
  readonly says: readonly Conclusion[];
}

export const CQL_ERRORS = {
  SERVER_ERROR: { code: 0x0000, fields: [], says: ['nodeBusy'] },
  PROTOCOL_ERROR: { code: 0x000a, fields: [], says: [] },
  AUTH_ERROR: { code: 0x0100, fields: [], says: [] },
  UNAVAILABLE: {
    code: 0x1000,
    fields: ['consistency', 'required', 'alive'],
    says: ['nothingDone', 'unlessLwt'],
  },
  OVERLOADED: { code: 0x1001, fields: [], says: ['nothingDone', 'nodeBusy'] },
  IS_BOOTSTRAPPING: {
    code: 0x1002,
    fields: [],
    says: ['nothingDone', 'schemaUnchanged', 'nodeBusy'],
  },
  TRUNCATE_ERROR: { code: 0x1003, fields: [], says: [] },
  WRITE_TIMEOUT: {
    code: 0x1100,
    fields: ['consistency', 'received', 'blockFor', 'writeType', 'contentions'],
    says: [],
  },
  READ_TIMEOUT: {
    code: 0x1200,
    fields: ['consistency', 'received', 'blockFor', 'dataPresent'],
    says: [],
  },
  READ_FAILURE: {
    code: 0x1300,
    fields: ['consistency', 'received', 'blockFor', 'failures', 'reasons', 'dataPresent'],
    says: [],
  },
  FUNCTION_FAILURE: {
    code: 0x1400,
    fields: ['keyspace', 'function', 'argumentTypes'],
    says: ['quotesStatement'],
  },
  WRITE_FAILURE: {
    code: 0x1500,
    fields: ['consistency', 'received', 'blockFor', 'failures', 'reasons', 'writeType'],
    says: [],
  },
  CDC_WRITE_FAILURE: { code: 0x1600, fields: [], says: [] },
  CAS_WRITE_UNKNOWN: { code: 0x1700, fields: ['consistency', 'received', 'blockFor'], says: [] },
  SYNTAX_ERROR: { code: 0x2000, fields: [], says: ['schemaUnchanged', 'quotesStatement'] },
  UNAUTHORIZED: {
    code: 0x2100,
    fields: [],
    says: ['schemaUnchanged', 'quotesStatement', 'tableMayBeAbsent'],
  },
  INVALID: {
    code: 0x2200,
    fields: [],
    says: ['schemaUnchanged', 'quotesStatement', 'tableMayBeAbsent'],
  },
  CONFIG_ERROR: { code: 0x2300, fields: [], says: ['schemaUnchanged', 'quotesStatement'] },
  ALREADY_EXISTS: {
    code: 0x2400,
    fields: ['keyspace', 'table'],
    says: ['schemaUnchanged', 'quotesStatement'],
  },
  UNPREPARED: { code: 0x2500, fields: ['id'], says: ['quotesStatement'] },
} as const satisfies Record<string, ErrorRow>;

type CqlErrorName = keyof typeof CQL_ERRORS;

/** Codes by name, for comparisons that read well. */
export const CqlErrorCode = Object.fromEntries(
  Object.entries(CQL_ERRORS).map(([name, row]) => [name, row.code]),
) as { readonly [Name in CqlErrorName]: (typeof CQL_ERRORS)[Name]['code'] };

/** The codes of errors that consist of code and message alone. */
export type PlainErrorCode = {
  [Name in CqlErrorName]: (typeof CQL_ERRORS)[Name]['fields'] extends readonly []
    ? (typeof CQL_ERRORS)[Name]['code']
    : never;
}[CqlErrorName];

const BY_CODE: ReadonlyMap<number, ErrorRow & { readonly name: CqlErrorName }> = new Map(
  Object.entries(CQL_ERRORS).map(([name, row]) => [
    row.code,
    { name: name as CqlErrorName, ...row },
  ]),
);

/** Whether an error of this code says so. From a code that the protocol does not have, nothing is concluded. */
export function errorSays(code: number, conclusion: Conclusion): boolean {
  return BY_CODE.get(code)?.says.includes(conclusion) ?? false;
}

/** Whether this field follows the message of such an error, in the versions that have it. */
export function errorHasField(code: number, field: ErrorField): boolean {
  return BY_CODE.get(code)?.fields.includes(field) ?? false;
}

export function isPlainErrorCode(code: number): code is PlainErrorCode {
  return BY_CODE.get(code)?.fields.length === 0;
}

/** Undefined for a code that the protocol does not have. */
export function errorName(code: number): CqlErrorName | undefined {
  return BY_CODE.get(code)?.name;
}

/** A code as records, metrics and spans show it: `0x1001`. */
export function errorCodeText(code: number): string {
  return `0x${code.toString(16).padStart(4, '0')}`;
}
