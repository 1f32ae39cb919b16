// The opcodes of the native protocol: one table from which everything else derives (section 2.4 of
// the v4 and v5 specifications).

export type SessionState = 'startup' | 'authenticating' | 'ready';

interface OpcodeRow {
  readonly code: number;
  readonly direction: 'request' | 'response';
  /** States of a session in which a client may send it. */
  readonly states: readonly SessionState[];
}

export const OPCODES = {
  ERROR: { code: 0x00, direction: 'response', states: [] },
  STARTUP: { code: 0x01, direction: 'request', states: ['startup'] },
  READY: { code: 0x02, direction: 'response', states: [] },
  AUTHENTICATE: { code: 0x03, direction: 'response', states: [] },
  OPTIONS: { code: 0x05, direction: 'request', states: ['startup', 'ready'] },
  SUPPORTED: { code: 0x06, direction: 'response', states: [] },
  QUERY: { code: 0x07, direction: 'request', states: ['ready'] },
  RESULT: { code: 0x08, direction: 'response', states: [] },
  PREPARE: { code: 0x09, direction: 'request', states: ['ready'] },
  EXECUTE: { code: 0x0a, direction: 'request', states: ['ready'] },
  REGISTER: { code: 0x0b, direction: 'request', states: ['ready'] },
  EVENT: { code: 0x0c, direction: 'response', states: [] },
  BATCH: { code: 0x0d, direction: 'request', states: ['ready'] },
  AUTH_CHALLENGE: { code: 0x0e, direction: 'response', states: [] },
  AUTH_RESPONSE: { code: 0x0f, direction: 'request', states: ['authenticating'] },
  AUTH_SUCCESS: { code: 0x10, direction: 'response', states: [] },
} as const satisfies Record<string, OpcodeRow>;

type OpcodeName = keyof typeof OPCODES;

/** The codes of the messages that a client sends. */
export type RequestOpcode = {
  [Name in OpcodeName]: (typeof OPCODES)[Name] extends { readonly direction: 'request' }
    ? (typeof OPCODES)[Name]['code']
    : never;
}[OpcodeName];

/** Codes by name, for comparisons that read well. */
export const Opcode = Object.fromEntries(
  Object.entries(OPCODES).map(([name, row]) => [name, row.code]),
) as { readonly [Name in OpcodeName]: (typeof OPCODES)[Name]['code'] };

const BY_CODE: (({ readonly name: OpcodeName } & OpcodeRow) | undefined)[] = [];
for (const [name, row] of Object.entries(OPCODES)) {
  BY_CODE[row.code] = { name: name as OpcodeName, ...row };
}

/** The row of a code, or undefined where the protocol knows no such opcode. */
export function opcodeRow(code: number): ({ readonly name: OpcodeName } & OpcodeRow) | undefined {
  return BY_CODE[code];
}

/** Whether a client may send this message in this state; a response is legal in no state. */
export function isLegalRequest(code: number, state: SessionState): code is RequestOpcode {
  return BY_CODE[code]?.states.includes(state) ?? false;
}

/** Name for messages and metrics; `0x55` for one that does not exist. */
export function opcodeName(code: number): string {
  return BY_CODE[code]?.name ?? `0x${code.toString(16).padStart(2, '0')}`;
}
