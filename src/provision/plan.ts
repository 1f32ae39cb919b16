// From what is wanted and what is held to the difference between them, and to the statements that mend
// it. Nothing is dropped, and nothing taken away unless that is asked for.
import { applicable } from '../cql/grammar/roles.ts';
import { quoteIfNeeded } from '../cql/quote.ts';
import { formatNeed, formatResource } from '../cql/resource.ts';
import type { Need, Resource } from '../cql/statement.ts';
import { ownKeyspaceStatements } from '../upstream/own-keyspace.ts';
import { covers, grantTexts, rightsOf, sorted, type Rights } from './rights.ts';
import type { Wanted, WantedRole } from './wanted.ts';

/** A role as the cluster has it. */
export interface HeldRole {
  readonly canLogin: boolean;
  /** By itself, or because it was granted a superuser. */
  readonly isSuperuser: boolean;
  readonly own: Rights;
  /** By roles that it was granted. */
  readonly inherited: readonly { readonly from: string; readonly right: Need }[];
}

/** By name; a wanted role that is not in it is not there. */
export type Held = ReadonlyMap<string, HeldRole>;

export interface Difference {
  readonly wanted: WantedRole;
  readonly exists: boolean;
  readonly isSuperuser: boolean;
  /** A login that may not log in. */
  readonly loginIsOff: boolean;
  readonly missing: readonly Need[];
  /** Held by itself and not covered by the policy. */
  readonly wider: readonly Need[];
  readonly widerInherited: readonly { readonly from: string; readonly right: Need }[];
  /** Not covered either, but what Cassandra gives to whoever creates something, as this login may. */
  readonly byCreation: readonly Need[];
}

/** All of it missing where nobody asked the cluster: then the statements are for an empty one. */
export function differenceOf(wanted: WantedRole, held: Held | null): Difference {
  const role = held?.get(wanted.role);
  const rights = role?.own ?? NONE;
  const inherited = role?.inherited ?? [];
  const effective = new Map([...rights, ...rightsOf(inherited.map((one) => one.right))]);
  const foreign = [...rights.values()].filter((right) => !covers(wanted.rights, right));
  const created = new Set(foreign.filter((right) => isByCreation(right.resource, wanted, rights)));
  return {
    wanted,
    exists: role !== undefined,
    isSuperuser: role?.isSuperuser ?? false,
    loginIsOff: role !== undefined && wanted.vaultPaths.length === 0 && !role.canLogin,
    missing: sorted([...wanted.rights.values()].filter((right) => !covers(effective, right))),
    wider: sorted(foreign.filter((right) => !created.has(right))),
    widerInherited: inherited.filter(({ right }) => !covers(wanted.rights, right)),
    byCreation: sorted(created),
  };
}

const NONE: Rights = new Map();

/** What Cassandra gives at creation is all there is, on something that this login may create. */
function isByCreation(resource: Resource, wanted: WantedRole, held: Rights): boolean {
  const needed = createdBy(resource);
  return (
    needed !== null &&
    covers(wanted.rights, { permission: 'CREATE', resource: needed }) &&
    applicable(resource).every((permission) => held.has(formatNeed({ permission, resource })))
  );
}

/** Where CREATE is asked for by what makes such a resource; null where nothing does. */
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
  /** As it is printed: a password is a placeholder. */
  readonly text: string;
  /** Entry of `cassandraRoles` whose password stands in it. */
  readonly passwordOf: string | null;
}

/** The steps of each role, in the order they are to be run in: all roles first, then their rights. */
export function stepsOf(
  { ownKeyspace }: Wanted,
  differences: readonly Difference[],
  options: { readonly revoke: boolean },
): Step[] {
  const plain = (text: string): Step => ({ text, passwordOf: null });
  // A superuser is bound by no permission: it is told of, and nothing is done to it.
  const bound = differences.filter((one) => !one.isSuperuser);
  return [
    ...(ownKeyspace === null ? [] : ownKeyspaceStatements(ownKeyspace).map(plain)),
    ...bound.filter((one) => !one.exists).map(({ wanted }) => creation(wanted)),
    ...bound.flatMap(({ wanted, missing }) =>
      grantTexts(missing).map((text) => plain(`GRANT ${text} TO ${quoteIfNeeded(wanted.role)}`)),
    ),
    ...(options.revoke ? bound.flatMap(revocations).map(plain) : []),
  ];
}

function creation(wanted: WantedRole): Step {
  const { role, vaultPaths, byCertificate, entries } = wanted;
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

/** CREATE ROLE takes no bind marker: the password is a literal, and the text is shown to nobody. */
export function creationText(role: string, password: string): string {
  return `CREATE ROLE IF NOT EXISTS ${quoteIfNeeded(role)} WITH PASSWORD = '${password.replaceAll("'", "''")}' AND LOGIN = true`;
}

function revocations({ wanted, wider, byCreation }: Difference): string[] {
  return grantTexts([...wider, ...byCreation]).map(
    (text) => `REVOKE ${text} FROM ${quoteIfNeeded(wanted.role)}`,
  );
}

export interface VaultRole {
  readonly path: string;
  /** Of `vault write database/roles/<name>`; null where Vault keeps a user that somebody else made. */
  readonly creationStatements: readonly string[] | null;
  readonly revocationStatements: readonly string[] | null;
  readonly note: string;
}

/** What Vault runs to make and drop a user: rights are the group's, since each user's own end with it. */
export function vaultRoles({ roles }: Wanted): VaultRole[] {
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
