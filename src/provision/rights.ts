// Rights as in Cassandra: a permission on a resource, which the same permission on a wider resource covers. The
// chain from a table to all keyspaces is that of org.apache.cassandra.auth.*Resource.
import { formatNeed, formatResource } from '../cql/resource.ts';
import { PERMISSIONS, type Need, type Resource } from '../cql/statement.ts';
import { SYSTEM_KEYSPACES } from '../policy/system-keyspaces.ts';

/** By their text, `SELECT ON TABLE ks.t`. */
export type Rights = ReadonlyMap<string, Need>;

export function rightsOf(needs: Iterable<Need>): Map<string, Need> {
  return new Map(Array.from(needs, (need) => [formatNeed(need), need]));
}

/** The next wider resource; null at the end of the chain, which for a system keyspace is the keyspace itself. */
export function widerOf(resource: Resource): Resource | null {
  switch (resource.type) {
    case 'TABLE':
      return { type: 'ALL TABLES IN KEYSPACE', keyspace: resource.keyspace };
    case 'ALL TABLES IN KEYSPACE':
      return { type: 'KEYSPACE', keyspace: resource.keyspace };
    case 'KEYSPACE':
      return SYSTEM_KEYSPACES.has(resource.keyspace) ? null : { type: 'ALL KEYSPACES' };
    case 'FUNCTION':
      return { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace: resource.keyspace };
    case 'ALL FUNCTIONS IN KEYSPACE':
      return { type: 'ALL FUNCTIONS' };
    case 'ROLE':
      return { type: 'ALL ROLES' };
    case 'MBEAN':
      return { type: 'ALL MBEANS' };
    case 'ALL KEYSPACES':
    case 'ALL FUNCTIONS':
    case 'ALL ROLES':
    case 'ALL MBEANS':
      return null;
  }
}

/** Whether these rights include this one, directly or by a wider resource. */
export function covers(held: Rights, { permission, resource }: Need): boolean {
  for (let at: Resource | null = resource; at !== null; at = widerOf(at)) {
    if (held.has(formatNeed({ permission, resource: at }))) return true;
  }
  return false;
}

const RESOURCE_ORDER: readonly Resource['type'][] = [
  'ALL KEYSPACES',
  'KEYSPACE',
  'ALL TABLES IN KEYSPACE',
  'TABLE',
  'ALL FUNCTIONS',
  'ALL FUNCTIONS IN KEYSPACE',
  'FUNCTION',
  'ALL ROLES',
  'ROLE',
  'ALL MBEANS',
  'MBEAN',
];

/** By resource, wide ones first, then by permission in Cassandra's order: two runs can be compared. */
export function sorted(needs: Iterable<Need>): Need[] {
  return [...needs].sort(
    (a, b) =>
      RESOURCE_ORDER.indexOf(a.resource.type) - RESOURCE_ORDER.indexOf(b.resource.type) ||
      compareTexts(formatResource(a.resource), formatResource(b.resource)) ||
      PERMISSIONS.indexOf(a.permission) - PERMISSIONS.indexOf(b.permission),
  );
}

/** One text per resource, `SELECT, MODIFY ON KEYSPACE ks`, in the order of `sorted`. */
export function grantTexts(needs: Iterable<Need>): string[] {
  const byResource = new Map<string, string[]>();
  for (const { permission, resource } of sorted(needs)) {
    const where = formatResource(resource);
    byResource.set(where, [...(byResource.get(where) ?? []), permission]);
  }
  return [...byResource].map(([where, permissions]) => `${permissions.join(', ')} ON ${where}`);
}

/** Compares by code units, so that the order is the same on every machine, whatever its locale. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
