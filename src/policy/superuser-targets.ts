// Statements about another Cassandra role, of which it counts whether that is a superuser: then no grant
// is enough. Cassandra holds logins to that; behind a superuser's login the gate does.
import type { Statement, StatementKind } from '../cql/statement.ts';
import type { Denial } from './denial.ts';
import type { Authority } from './policy.ts';

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

/** What the cluster said of a target. */
export interface TargetFacts {
  /** It is a superuser or has been granted one, or that is not known. */
  readonly mayBeSuperuser: boolean;
  /** The role that an identity logs in as; null where there is none, or it is not known. */
  readonly roleOfIdentity: string | null;
}

/** null: nothing stands in the way. */
export function targetDenial(
  { role, policy }: Pick<Authority, 'role' | 'policy'>,
  { kind }: Statement,
  { mayBeSuperuser, roleOfIdentity }: TargetFacts,
): Denial | null {
  if (roleOfIdentity !== null && policy.isOwnLogin(roleOfIdentity)) {
    return {
      reason: 'own_login',
      message: `${kind} is refused whatever is granted: the gate itself logs in as the role of that identity. Change it at the cluster.`,
      missing: [],
    };
  }
  if (!mayBeSuperuser || role.capabilities.has('superuser')) return null;
  return {
    reason: 'capability_missing',
    message: `Role ${role.name} may not use ${kind} here: it needs the capability 'superuser', for the role that it is about is a superuser, or may be one. If it should, ask for it in the policy of cqlgate.`,
    missing: [],
  };
}
