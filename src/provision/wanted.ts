// What each Cassandra role must hold so that the policy's roles can work, and no more than Cassandra
// forces on it: the union over the policy's roles that share a login. What stays wider is put in words.
import { formatResource } from '../cql/resource.ts';
import type { Need, Permission, Resource } from '../cql/statement.ts';
import type { Grant } from '../policy/grant.ts';
import type { RoleDocument } from '../policy/role.ts';
import { GATE_KEYSPACE, SYSTEM_KEYSPACES } from '../policy/system-keyspaces.ts';
import type { LoginSpec } from '../secrets/login.ts';
import type { OwnKeyspace } from '../upstream/own-keyspace.ts';
import { remarksOf } from './remarks.ts';
import { compareTexts, rightsOf, type Rights } from './rights.ts';

/** What is there on the cluster; null where nobody asked it. */
export interface Existing {
  /** As `formatResource` writes them: `KEYSPACE ks`, `TABLE ks.t`, `FUNCTION ks.f(int)`, `ROLE r`. */
  readonly resources: ReadonlySet<string>;
  readonly keyspaces: readonly string[];
}

export interface WantedRole {
  /** What it is called in Cassandra. */
  readonly role: string;
  /** Entries of `cassandraRoles` that log in as it, or get their users into it. */
  readonly entries: readonly string[];
  /** A group that users made by Vault are put into; it does not log in itself. */
  readonly vaultPaths: readonly string[];
  /** It logs in with a certificate, and has no password that anybody could guess. */
  readonly byCertificate: boolean;
  readonly policyRoles: readonly string[];
  readonly rights: Rights;
  /** Grants on what is not there yet: Cassandra would refuse them. */
  readonly pending: readonly string[];
  /** What the policy refuses and the cluster does not, or the other way round. */
  readonly remarks: readonly string[];
}

export interface Wanted {
  readonly roles: readonly WantedRole[];
  readonly ownKeyspace: OwnKeyspace | null;
  readonly remarks: readonly string[];
}

export interface WantedOptions {
  readonly logins: ReadonlyMap<string, LoginSpec>;
  readonly roles: readonly RoleDocument[];
  /** Entry of `cassandraRoles` for the gate's own queries. */
  readonly gateRole: string;
  readonly ownKeyspace: OwnKeyspace | null;
  readonly existing: Existing | null;
}

/** What the gate itself does in its keyspace; `system` and `system_schema` every login may read. */
const GATE_PERMISSIONS = ['SELECT', 'MODIFY'] as const;

export function wantedOf(options: WantedOptions): Wanted {
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
    roles: ordered.map(([role, entries]) => wantedRole(role, entries, { ...options, existing })),
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

/** What is made here is there when the grants come. */
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

/** The Cassandra role that rights hang on; null where there is no login. */
function roleNameOf(entry: string, spec: LoginSpec): string | null {
  if ('open' in spec) return null;
  // A user of Vault's lives as long as its lease: what lasts is a group.
  return 'username' in spec ? spec.username : `${entry}_group`;
}

function wantedRole(role: string, entries: readonly string[], options: WantedOptions): WantedRole {
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

/** What Cassandra takes of a grant of the policy: it knows no prefixes, and its keyspaces are its own. */
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

/** What a grant of this role gives: by ALL not AUTHORIZE, unless the role has it as in Cassandra. */
export function permissionsOf(grant: Grant, role: RoleDocument): Permission[] {
  return grant.permissions.filter(
    (permission) =>
      permission !== 'AUTHORIZE' || !grant.isAll || role.asCassandra.includes('authorize'),
  );
}

/** Of these Cassandra gives SELECT and ALTER only (GrantPermissionsStatement); virtual ones are open. */
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
