// Says in sentences where the cluster permits more or less than the policy. Each row of the table is one
// difference, with the condition under which it concerns a login.
import type { Permission, StatementKind } from '../cql/statement.ts';
import type { RoleDocument } from '../policy/role.ts';
import { GATE_KEYSPACE } from '../policy/system-keyspaces.ts';
import type { Existing } from './existing.ts';
import type { Rights } from './rights.ts';

export interface Concerned {
  /** The roles of the policy that use the login. */
  readonly using: readonly RoleDocument[];
  readonly rights: Rights;
  readonly isLeased: boolean;
  readonly byCertificate: boolean;
  readonly existing: Existing | null;
}

/** Each returns a sentence, or null if the difference does not concern the login. */
const REMARKS: readonly ((login: Concerned) => string | null)[] = [
  ({ using }) =>
    using.length < 2
      ? null
      : `shared: at the cluster each of ${names(using)} may what all of them may; give each a login of its own to part them`,
  ({ using }) => {
    const prefixes = prefixesOf(using, (grant) => grant.permissions.includes('CREATE'));
    return prefixes.length === 0
      ? null
      : `wider: CREATE on ${prefixes.join(', ')} is CREATE ON ALL KEYSPACES at the cluster, which knows no prefixes: keyspaces of any name, and tables and types in every keyspace, that of the gate (${GATE_KEYSPACE}) included`;
  },
  ({ using, existing }) => {
    const prefixes = prefixesOf(using, () => true);
    if (prefixes.length === 0) return null;
    return existing === null
      ? `not printed: grants on ${prefixes.join(', ')} are given for each keyspace that exists; name an admin login by --username to have them`
      : `narrower: keyspaces of ${prefixes.join(', ')} that another login makes later are granted when this is run again`;
  },
  ({ rights }) =>
    has(rights, 'ALL KEYSPACES', null) && !onlyCreate(rights)
      ? `wider: ALL KEYSPACES reaches keyspace ${GATE_KEYSPACE} at the cluster; in the policy nothing does`
      : null,
  ({ using }) => {
    const denied = using.flatMap((role) => role.deny);
    const kinds: StatementKind[] = [...new Set(denied)].sort();
    return kinds.length === 0
      ? null
      : `wider: deny: [${kinds.join(', ')}] has no counterpart; Cassandra looks at the permission alone (TRUNCATE is MODIFY)`;
  },
  ({ rights }) =>
    has(rights, null, 'CREATE')
      ? 'wider: who creates a keyspace, table, function or role is given every permission on it, AUTHORIZE included; --check lists these apart, --revoke takes back what the policy does not give'
      : null,
  ({ rights, isLeased }) =>
    isLeased && has(rights, null, 'CREATE')
      ? 'narrower: what a leased user creates is its own; the next one has only the rights of the group, so give the policy grants on keyspaces, and run this again where a new keyspace came'
      : null,
  ({ byCertificate }) =>
    byCertificate
      ? "not printed: whose certificate it is; say it by ADD IDENTITY '<identity of the certificate>' TO ROLE '<role>'"
      : null,
  ({ rights }) =>
    has(rights, 'TABLE', null) || has(rights, 'FUNCTION', null)
      ? 'narrower: a table or function that is dropped takes its grants along; run this again when it was made anew'
      : null,
  ({ rights }) =>
    has(rights, 'ALL ROLES', null)
      ? "wider: ALL ROLES reaches the gate's own logins at the cluster; in the policy nothing does"
      : null,
  ({ rights, using }) =>
    using.length > 1 && (has(rights, null, 'UNMASK') || has(rights, null, 'SELECT_MASKED'))
      ? 'wider: masks are lifted for the login, so for all roles that share it; the gate refuses those without UNMASK'
      : null,
  ({ using }) => {
    const capabilities = [...new Set(using.flatMap((role) => role.capabilities))].sort();
    return capabilities.length === 0
      ? null
      : `narrower: capabilities [${capabilities.join(', ')}] are for superusers at the cluster (identities: CREATE or DROP ON ALL ROLES) and are not provisioned`;
  },
  () =>
    'wider: every login may USE and DESCRIBE any keyspace, read system_schema and system_traces, and change its own password',
];

export function remarksOf(login: Concerned): string[] {
  return REMARKS.flatMap((remark) => remark(login) ?? []);
}

function names(roles: readonly RoleDocument[]): string {
  return roles
    .map((role) => role.name)
    .sort()
    .join(', ');
}

function prefixesOf(
  using: readonly RoleDocument[],
  fits: (grant: RoleDocument['grants'][number]) => boolean,
): string[] {
  const found = using.flatMap((role) =>
    role.grants.flatMap((grant) =>
      grant.resource.type === 'KEYSPACE PREFIX' && fits(grant) ? [`${grant.resource.prefix}*`] : [],
    ),
  );
  return [...new Set(found)].sort();
}

/** Whether there is a right on this type of resource and of this permission; null stands for any. */
function has(rights: Rights, type: string | null, permission: Permission | null): boolean {
  return [...rights.values()].some(
    (one) =>
      (type === null || one.resource.type === type) &&
      (permission === null || one.permission === permission),
  );
}

/** Whether CREATE is the only permission on all keyspaces, which the remark on prefixes explains. */
function onlyCreate(rights: Rights): boolean {
  return [...rights.values()].every(
    (one) => one.resource.type !== 'ALL KEYSPACES' || one.permission === 'CREATE',
  );
}
