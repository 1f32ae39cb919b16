// Statements about another Cassandra role, of which it counts whether that is a superuser: then no grant
// is enough. Cassandra holds logins to that; behind a superuser's login the gate does.
import type { Statement, StatementKind } from '../cql/statement.ts';
import type { Denial } from './decide.ts';
import type { Role } from './role.ts';

/** The role that is dropped, changed, granted or revoked, or given an identity; it stands first in `roles`. */
const OF_A_ROLE: ReadonlySet<StatementKind> = new Set<StatementKind>([
  'DROP ROLE',
  'DROP USER',
  'ALTER ROLE',
  'ALTER USER',
  'GRANT ROLE',
  'REVOKE ROLE',
  'ADD IDENTITY',
]);

/** The role itself, or the identity whose role only the cluster knows. */
export type SuperuserTarget = { readonly role: string } | { readonly identity: string };

/** null where it does not count, which is nearly always. */
export function superuserTargetOf(statement: Statement): SuperuserTarget | null {
  const { family, kind, roles, identity } = statement;
  if (family !== 'role') return null;
  if (kind === 'DROP IDENTITY') return { identity: identity ?? '' };
  const [role] = roles;
  return role !== undefined && OF_A_ROLE.has(kind) ? { role } : null;
}

/** For a target that is a superuser, has been granted one, or of which that is not known. */
export function superuserDenial(role: Role, { kind }: Statement): Denial {
  return {
    reason: 'capability_missing',
    message: `Role ${role.name} may not use ${kind} here: it needs the capability 'superuser', for the role that it is about is a superuser, or may be one. If it should, ask for it in the policy of cqlgate.`,
    missing: [],
  };
}
