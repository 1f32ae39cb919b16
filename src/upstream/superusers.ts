// Whether a Cassandra role is a superuser, asked of the cluster over a connection of a login that may see it.
import { stringLiteral } from '../cql/quote.ts';
import { CqlErrorCode } from '../errors.ts';
import { decodeError } from '../protocol/messages/error.ts';
import type { Frame } from '../protocol/frame.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { columnAt, rowsOf } from './own-query.ts';

export interface Asking {
  readonly query: (text: string) => Promise<Frame>;
  /** Of the protocol. */
  readonly version: number;
}

/** A role that was granted a superuser is one; of a role that is not there it is not said. Rejects with UpstreamFault. */
export async function isSuperuser(asking: Asking, role: string): Promise<boolean> {
  const answer = await asking.query(`LIST ROLES OF ${stringLiteral(role)}`);
  if (answer.opcode === Opcode.ERROR && decodeError(answer).code === CqlErrorCode.INVALID) {
    return false;
  }
  const roles = rowsOf(answer, asking.version);
  const flag = columnAt(roles, 'super');
  return roles.rows.some((row) => row[flag]?.[0] === 1);
}

/** The role that an identity logs in as; null for none. Rejects with UpstreamFault. */
export async function roleOfIdentity(asking: Asking, identity: string): Promise<string | null> {
  const text = `SELECT role FROM system_auth.identity_to_role WHERE identity = ${stringLiteral(identity)}`;
  const { rows } = rowsOf(await asking.query(text), asking.version);
  return rows[0]?.[0]?.toString('utf8') ?? null;
}
