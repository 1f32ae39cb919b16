// What the answers to the gate's own requests have in common. Each is checked to be what was asked for
// before anything is believed of it: an answer of another kind, or one that cannot be read, is a fault.
import { CqlErrorCode } from '../errors.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodeError } from '../protocol/messages/error.ts';
import { decodeRows, resultKind, ResultKind, type Rows } from '../protocol/messages/result.ts';
import { Opcode, opcodeName } from '../protocol/opcodes.ts';
import { UpstreamFault } from './faults.ts';

/** Of the gate's own connections: spoken by every supported release. */
export const CONTROL_VERSION = 4;

/** A query as the gate's own login; resolves with the node's answer, an error too. */
export type OwnQuery = (query: string, consistency: number) => Promise<Frame>;

/** Sends a query and gives the node's response. */
export type Query = (query: string) => Promise<Frame>;

export interface Refusal {
  readonly code: number;
  readonly message: string;
}

export function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The node's refusal; null where it did not refuse. */
export function refusalOf(response: Frame): Refusal | null {
  return response.opcode === Opcode.ERROR ? readable(() => decodeError(response)) : null;
}

/** Throws UpstreamFault where the node refused, or answered with another message than asked for. */
export function expectOpcode(response: Frame, opcode: number): void {
  if (response.opcode === opcode) return;
  const refusal = refusalOf(response);
  if (refusal === null) throw unexpected(opcodeName(response.opcode), opcodeName(opcode));
  throw new UpstreamFault(
    refusal.code === CqlErrorCode.UNAUTHORIZED ? 'login_refused' : 'protocol',
    `the gate's own request was refused: ${refusal.message}`,
  );
}

/** Throws UpstreamFault where the node refused, or answered with another result. */
export function expectResult(response: Frame, kind: number): void {
  expectOpcode(response, Opcode.RESULT);
  const got = readable(() => resultKind(response));
  if (got !== kind) throw unexpected(`a result of kind ${got}`, `one of kind ${kind}`);
}

/** Throws UpstreamFault where the node refused, or did not answer with rows that can be read. */
export function rowsOf(response: Frame, version = CONTROL_VERSION): Rows {
  expectResult(response, ResultKind.ROWS);
  return readable(() => decodeRows(response, version));
}

/** The place of a column that must be there. */
export function columnAt({ columns }: Rows, name: string): number {
  const index = columns.findIndex((column) => column.name === name);
  if (index >= 0) return index;
  throw new UpstreamFault('protocol', `an answer to the gate's own request has no column ${name}`);
}

function unexpected(got: string, wanted: string): UpstreamFault {
  return new UpstreamFault(
    'protocol',
    `the gate's own request was answered with ${got} instead of ${wanted}`,
  );
}

function readable<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new UpstreamFault(
      'protocol',
      `an answer to the gate's own request is unreadable: ${text}`,
    );
  }
}
