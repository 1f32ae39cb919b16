// What `deny` of a role covers. Kinds of statements that do the same by other words are one family, and
// whoever denies one of them denies all.
import type { StatementKind } from '../cql/statement.ts';

/** A user is a role, granting a role is granting. */
export const KIND_FAMILIES: readonly (readonly StatementKind[])[] = [
  ['CREATE ROLE', 'CREATE USER'],
  ['ALTER ROLE', 'ALTER USER'],
  ['DROP ROLE', 'DROP USER'],
  ['LIST ROLES', 'LIST USERS'],
  ['GRANT', 'GRANT ROLE'],
  ['REVOKE', 'REVOKE ROLE'],
];

/** All kinds that are denied where these are written. */
export function deniedKinds(written: readonly StatementKind[]): ReadonlySet<StatementKind> {
  const families = KIND_FAMILIES.filter((family) => family.some((kind) => written.includes(kind)));
  return new Set([...written, ...families.flat()]);
}
