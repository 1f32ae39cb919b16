// Whether a Cassandra role is a superuser, asked of the cluster over a connection of a login that may see it.
import { stringLiteral } from '../cql/quote.ts';
import { CqlErrorCode } from '../protocol/error-codes.ts';
import { columnAt, refusalIn, type OwnQueries } from './own-query.ts';

/** A role that was granted a superuser is one; a role that does not exist is none. Rejects with UpstreamFault. */
export async function isSuperuser(queries: OwnQueries, role: string): Promise<boolean> {
  try {
    const roles = await queries.rows(`LIST ROLES OF ${stringLiteral(role)}`);
    const flag = columnAt(roles, 'super');
    return roles.rows.some((row) => row[flag]?.[0] === 1);
  } catch (error) {
    if (refusalIn(error)?.code === CqlErrorCode.INVALID) return false;
    throw error;
  }
}

/** The role that an identity logs in as; null for none. Rejects with UpstreamFault. */
export async function roleOfIdentity(
  queries: OwnQueries,
  identity: string,
): Promise<string | null> {
  const { rows } = await queries.rows(
    `SELECT role FROM system_auth.identity_to_role WHERE identity = ${stringLiteral(identity)}`,
  );
  return rows[0]?.[0]?.toString('utf8') ?? null;
}
