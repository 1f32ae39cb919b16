// Compares the desired state with what the cluster grants, and plans the statements that make up the difference.
// Nothing is dropped, and nothing is revoked unless that is asked for.
import { applicable } from '../cql/grammar/roles.ts';
import { quoteIfNeeded, stringLiteral } from '../cql/quote.ts';
import { formatNeed, formatResource } from '../cql/resource.ts';
import type { Need, Resource } from '../cql/statement.ts';
import { ownKeyspaceStatements } from '../fleet/own-keyspace.ts';
import { covers, grantTexts, rightsOf, sorted, type Rights } from './rights.ts';
import type { DesiredState, DesiredRole } from './desired.ts';

/** A role as it is in the cluster. */
export interface HeldRole {
  readonly canLogin: boolean;
  /** Whether it is a superuser itself, or was granted one. */
  readonly isSuperuser: boolean;
  readonly own: Rights;
  /** Rights that it has through roles that it was granted. */
  readonly inherited: readonly { readonly from: string; readonly right: Need }[];
}

/** By name. A role that is missing here does not exist. */
export type Held = ReadonlyMap<string, HeldRole>;

export interface Difference {
  readonly desired: DesiredRole;
  readonly exists: boolean;
  readonly isSuperuser: boolean;
  /** Whether it is a login that may not log in. */
  readonly loginIsOff: boolean;
  readonly missing: readonly Need[];
  /** Granted to the role itself, and not covered by the policy. */
  readonly wider: readonly Need[];
  readonly widerInherited: readonly { readonly from: string; readonly right: Need }[];
  /** Not covered either, but granted by Cassandra itself to the creator of an object, which this login may be. */
  readonly byCreation: readonly Need[];
}

/** If the cluster was not asked (null), everything is missing, and the statements are for an empty cluster. */
export function differenceOf(desired: DesiredRole, held: Held | null): Difference {
  const role = held?.get(desired.role);
  const rights = role?.own ?? NONE;
  const inherited = role?.inherited ?? [];
  const effective = new Map([...rights, ...rightsOf(inherited.map((one) => one.right))]);
  const foreign = [...rights.values()].filter((right) => !covers(desired.rights, right));
  const created = new Set(foreign.filter((right) => isByCreation(right.resource, desired, rights)));
  return {
    desired,
    exists: role !== undefined,
    isSuperuser: role?.isSuperuser ?? false,
    loginIsOff: role !== undefined && desired.vaultPaths.length === 0 && !role.canLogin,
    missing: sorted([...desired.rights.values()].filter((right) => !covers(effective, right))),
    wider: sorted(foreign.filter((right) => !created.has(right))),
    widerInherited: inherited.filter(({ right }) => !covers(desired.rights, right)),
    byCreation: sorted(created),
  };
}

const NONE: Rights = new Map();

/** Whether the login has all permissions on an object that it may create, as Cassandra grants them to the creator. */
function isByCreation(resource: Resource, desired: DesiredRole, held: Rights): boolean {
  const needed = createdBy(resource);
  return (
    needed !== null &&
    covers(desired.rights, { permission: 'CREATE', resource: needed }) &&
    applicable(resource).every((permission) => held.has(formatNeed({ permission, resource })))
  );
}

/** On which resource CREATE is needed to create one like this; null if it cannot be created. */
function createdBy(resource: Resource): Resource | null {
  switch (resource.type) {
    case 'KEYSPACE':
    case 'ALL FUNCTIONS IN KEYSPACE':
      return { type: 'ALL KEYSPACES' };
    case 'TABLE':
      return { type: 'ALL TABLES IN KEYSPACE', keyspace: resource.keyspace };
    case 'FUNCTION':
      return { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace: resource.keyspace };
    case 'ROLE':
      return { type: 'ALL ROLES' };
    case 'ALL KEYSPACES':
    case 'ALL TABLES IN KEYSPACE':
    case 'ALL FUNCTIONS':
    case 'ALL ROLES':
    case 'ALL MBEANS':
    case 'MBEAN':
      return null;
  }
}

export function isDrift(difference: Difference): boolean {
  const { exists, isSuperuser, loginIsOff, missing, wider, widerInherited } = difference;
  const count = missing.length + wider.length + widerInherited.length;
  return !exists || isSuperuser || loginIsOff || count > 0;
}

export interface Step {
  /** The text as it is printed, with a placeholder for a password. */
  readonly text: string;
  /** The entry of `cassandraRoles` whose password replaces the placeholder. */
  readonly passwordOf: string | null;
}

/** The steps in the order in which they have to be run: all roles first, then their rights. */
export function stepsOf(
  { ownKeyspace }: DesiredState,
  differences: readonly Difference[],
  options: { readonly revoke: boolean },
): Step[] {
  const plain = (text: string): Step => ({ text, passwordOf: null });
  // No permission binds a superuser: it is reported, and nothing is changed.
  const bound = differences.filter((one) => !one.isSuperuser);
  return [
    ...(ownKeyspace === null ? [] : ownKeyspaceStatements(ownKeyspace).map(plain)),
    ...bound.filter((one) => !one.exists).map(({ desired }) => creation(desired)),
    ...bound.flatMap(({ desired, missing }) =>
      grantTexts(missing).map((text) => plain(`GRANT ${text} TO ${quoteIfNeeded(desired.role)}`)),
    ),
    ...(options.revoke ? bound.flatMap(revocations).map(plain) : []),
  ];
}

function creation(desired: DesiredRole): Step {
  const { role, vaultPaths, byCertificate, entries } = desired;
  if (vaultPaths.length > 0 || byCertificate) {
    const canLogIn = vaultPaths.length === 0;
    const text = `CREATE ROLE IF NOT EXISTS ${quoteIfNeeded(role)} WITH LOGIN = ${canLogIn}`;
    return { text, passwordOf: null };
  }
  const entry = entries[0]!;
  return {
    text: creationText(role, `<the password of cassandraRoles.${entry}>`),
    passwordOf: entry,
  };
}

/** CREATE ROLE takes no bind marker, so the password is a literal, and this text must not be shown to anybody. */
export function creationText(role: string, password: string): string {
  return `CREATE ROLE IF NOT EXISTS ${quoteIfNeeded(role)} WITH PASSWORD = ${stringLiteral(password)} AND LOGIN = true`;
}

function revocations({ desired, wider, byCreation }: Difference): string[] {
  return grantTexts([...wider, ...byCreation]).map(
    (text) => `REVOKE ${text} FROM ${quoteIfNeeded(desired.role)}`,
  );
}

export interface VaultRole {
  readonly path: string;
  /** For `vault write database/roles/<name>`; null if Vault manages a user that somebody else created. */
  readonly creationStatements: readonly string[] | null;
  readonly revocationStatements: readonly string[] | null;
  readonly note: string;
}

/** What Vault runs to create and drop a user. The rights belong to a group, because a user's own end with it. */
export function vaultRoles({ roles }: DesiredState): VaultRole[] {
  return roles.flatMap(({ role, vaultPaths }) =>
    vaultPaths.map((path) => {
      const group = quoteIfNeeded(role);
      if (path.includes('/static-creds/')) {
        return {
          path,
          creationStatements: null,
          revocationStatements: null,
          note: `run once for the user behind this static role: GRANT ${group} TO <user>`,
        };
      }
      return {
        path,
        creationStatements: [
          "CREATE ROLE '{{username}}' WITH PASSWORD = '{{password}}' AND LOGIN = true",
          `GRANT ${group} TO '{{username}}'`,
        ],
        revocationStatements: ["DROP ROLE IF EXISTS '{{username}}'"],
        note: `Vault's own user needs CREATE, ALTER, DROP ON ALL ROLES and AUTHORIZE ON ${formatResource({ type: 'ROLE', role })}`,
      };
    }),
  );
}
