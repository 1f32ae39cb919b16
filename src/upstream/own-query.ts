// What the answers to the gate's own queries have in common.
import { CqlErrorCode } from '../errors.ts';
import type { Frame } from '../protocol/frame.ts';
import { decodeError } from '../protocol/messages/error.ts';
import { decodeRows, type Rows } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { UpstreamFault } from './faults.ts';

/** Of the gate's own connections: spoken by every supported release. */
export const CONTROL_VERSION = 4;

/** A query as the gate's own login; resolves with the node's answer, an error too. */
export type OwnQuery = (query: string, consistency: number) => Promise<Frame>;

/** Sends a query and gives the node's response. */
export type Query = (query: string) => Promise<Frame>;

export function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Throws UpstreamFault where the node refused. */
export function rowsOf(response: Frame): Rows {
  if (response.opcode === Opcode.ERROR) {
    const { code, message } = decodeError(response);
    throw new UpstreamFault(
      code === CqlErrorCode.UNAUTHORIZED ? 'login_refused' : 'protocol',
      `the gate's own query was refused: ${message}`,
    );
  }
  return decodeRows(response, CONTROL_VERSION);
}
