// What each Cassandra role must be granted so that the policy's roles can work, and no more than Cassandra makes
// necessary: the union of what the policy's roles that share a login need. Where the cluster permits more than the
// policy, a remark says so.
import { formatResource } from '../cql/resource.ts';
import type { Need, Permission, Resource } from '../cql/statement.ts';
import type { Grant } from '../policy/grant.ts';
import type { RoleDocument } from '../policy/role.ts';
import { GATE_KEYSPACE, SYSTEM_KEYSPACES } from '../policy/system-keyspaces.ts';
import type { LoginSpec } from '../secrets/upstream-login.ts';
import type { OwnKeyspace } from '../fleet/own-keyspace.ts';
import type { Existing } from './existing.ts';
import { remarksOf } from './remarks.ts';
import { compareTexts, rightsOf, type Rights } from './rights.ts';

export interface DesiredRole {
  /** Its name in Cassandra. */
  readonly role: string;
  /** The entries of `cassandraRoles` that log in as this role, or whose users are members of it. */
  readonly entries: readonly string[];
  /** Paths of Vault whose users become members of this role, which then does not log in itself. */
  readonly vaultPaths: readonly string[];
  /** Whether it logs in with a certificate, and so has no password that anybody could guess. */
  readonly byCertificate: boolean;
  readonly policyRoles: readonly string[];
  readonly rights: Rights;
  /** Grants on objects that do not exist yet, which Cassandra would refuse. */
  readonly pending: readonly string[];
  /** Where the policy and the cluster differ in what they permit. */
  readonly remarks: readonly string[];
}

export interface DesiredState {
  readonly roles: readonly DesiredRole[];
  readonly ownKeyspace: OwnKeyspace | null;
  readonly remarks: readonly string[];
}

export interface DesiredOptions {
  readonly logins: ReadonlyMap<string, LoginSpec>;
  readonly roles: readonly RoleDocument[];
  /** The entry of `cassandraRoles` that the gate uses for its own queries. */
  readonly gateRole: string;
  readonly ownKeyspace: OwnKeyspace | null;
  readonly existing: Existing | null;
}

/** What the gate itself needs in its keyspace. Every login may read `system` and `system_schema`. */
const GATE_PERMISSIONS = ['SELECT', 'MODIFY'] as const;

export function desiredState(options: DesiredOptions): DesiredState {
  const { logins, ownKeyspace } = options;
  const open = [...logins].filter(([, spec]) => 'open' in spec).map(([name]) => name);
  const names = new Map<string, string[]>();
  for (const [entry, spec] of logins) {
    const name = roleNameOf(entry, spec);
    if (name !== null) names.set(name, [...(names.get(name) ?? []), entry]);
  }
  const ordered = [...names].sort(([a], [b]) => compareTexts(a, b));
  const existing = withOwn(options.existing, [...names.keys()], ownKeyspace);
  return {
    roles: ordered.map(([role, entries]) => desiredRole(role, entries, { ...options, existing })),
    ownKeyspace,
    remarks: [
      ...open.map(
        (name) =>
          `cassandraRoles.${name} is open: the cluster asks for no password, so there is no second wall`,
      ),
      ...(ownKeyspace === null
        ? ["cluster.keyspace is not configured: no keyspace is made for the gates' own tables"]
        : []),
    ],
  };
}

/** Adds what the plan itself creates, because it exists when the grants are carried out. */
function withOwn(
  existing: Existing | null,
  roles: readonly string[],
  ownKeyspace: OwnKeyspace | null,
): Existing | null {
  if (existing === null) return null;
  const made = roles.map((role) => formatResource({ type: 'ROLE', role }));
  if (ownKeyspace !== null) {
    made.push(formatResource({ type: 'KEYSPACE', keyspace: ownKeyspace.name }));
  }
  return { ...existing, resources: new Set([...existing.resources, ...made]) };
}

/** The Cassandra role that is granted the rights; null if there is no login. */
function roleNameOf(entry: string, spec: LoginSpec): string | null {
  if ('open' in spec) return null;
  // A user that Vault creates lasts as long as its lease, so the rights belong to a group.
  return 'username' in spec ? spec.username : `${entry}_group`;
}

function desiredRole(
  role: string,
  entries: readonly string[],
  options: DesiredOptions,
): DesiredRole {
  const { logins, gateRole, ownKeyspace, existing } = options;
  const using = options.roles.filter((one) => entries.includes(one.cassandraRole));
  const needs: Need[] = [];
  const pending = new Set<string>();
  for (const document of using) {
    for (const grant of document.grants) {
      for (const need of needsOfGrant(grant, document, existing)) {
        const where = formatResource(need.resource);
        if (isThere(need.resource, existing)) needs.push(need);
        else pending.add(`${need.permission} ON ${where}`);
      }
    }
  }
  if (ownKeyspace !== null && entries.includes(gateRole)) {
    const resource = { type: 'KEYSPACE', keyspace: ownKeyspace.name } as const;
    needs.push(...GATE_PERMISSIONS.map((permission) => ({ permission, resource })));
  }
  const rights = rightsOf(needs);
  const vaultPaths = entries.flatMap((entry) => {
    const spec = logins.get(entry);
    return spec !== undefined && 'vault' in spec ? [spec.vault.path] : [];
  });
  const byCertificate = entries.some((entry) => 'certificate' in (logins.get(entry) ?? {}));
  return {
    role,
    entries,
    vaultPaths,
    byCertificate,
    policyRoles: using.map((one) => one.name).sort(compareTexts),
    rights,
    pending: [...pending].sort(compareTexts),
    remarks: remarksOf({
      using,
      rights,
      isLeased: vaultPaths.length > 0,
      byCertificate,
      existing,
    }),
  };
}

/** A grant of the policy as Cassandra takes it: without prefixes, and with little on its own keyspaces. */
function needsOfGrant(grant: Grant, role: RoleDocument, existing: Existing | null): Need[] {
  const { resource } = grant;
  const permissions = permissionsOf(grant, role);
  if (resource.type === 'KEYSPACE PREFIX') {
    const keyspaces = keyspacesOf(resource.prefix, existing);
    const needs: Need[] = keyspaces.flatMap((keyspace) =>
      permissions.map((permission) => ({ permission, resource: { type: 'KEYSPACE', keyspace } })),
    );
    if (!permissions.includes('CREATE')) return needs;
    return [{ permission: 'CREATE', resource: { type: 'ALL KEYSPACES' } }, ...needs];
  }
  const isCassandras = 'keyspace' in resource && NOT_GRANTABLE.has(resource.keyspace);
  return permissions
    .filter((permission) => !isCassandras || permission === 'SELECT' || permission === 'ALTER')
    .map((permission) => ({ permission, resource }));
}

/** The permissions of a grant. ALL does not include AUTHORIZE, unless the role says `asCassandra: [authorize]`. */
export function permissionsOf(grant: Grant, role: RoleDocument): Permission[] {
  return grant.permissions.filter(
    (permission) =>
      permission !== 'AUTHORIZE' || !grant.isAll || role.asCassandra.includes('authorize'),
  );
}

/** On these Cassandra grants only SELECT and ALTER (GrantPermissionsStatement). Virtual keyspaces are not restricted. */
const NOT_GRANTABLE: ReadonlySet<string> = new Set(
  [...SYSTEM_KEYSPACES].filter(
    (name) => name !== 'system_views' && name !== 'system_virtual_schema',
  ),
);

function keyspacesOf(prefix: string, existing: Existing | null): string[] {
  return (existing?.keyspaces ?? [])
    .filter((name) => name.startsWith(prefix) && !SYSTEM_KEYSPACES.has(name))
    .filter((name) => name !== GATE_KEYSPACE)
    .sort(compareTexts);
}

function isThere(resource: Resource, existing: Existing | null): boolean {
  if (existing === null) return true;
  if (resource.type === 'ROLE' || resource.type === 'TABLE' || resource.type === 'FUNCTION') {
    return existing.resources.has(formatResource(resource));
  }
  if (!('keyspace' in resource)) return true;
  return existing.resources.has(formatResource({ type: 'KEYSPACE', keyspace: resource.keyspace }));
}
