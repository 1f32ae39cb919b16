// Names, resources and needs as CQL writes them: quoted only where they have to be.
import { KEYWORDS } from './keywords.ts';
import type { Need, Resource } from './statement.ts';

/** A name as CQL needs it written: `ks`, `"Ks"`, `"a""b"`. */
export function quoteIfNeeded(name: string): string {
  const isPlain = /^[a-z][a-z0-9_]*$/.test(name) && KEYWORDS.get(name) !== 'reserved';
  if (isPlain && name !== 'true' && name !== 'false') return name;
  return `"${name.replaceAll('"', '""')}"`;
}

function qualified(keyspace: string, name: string): string {
  return `${quoteIfNeeded(keyspace)}.${quoteIfNeeded(name)}`;
}

/** `TABLE ks.t`, `ALL TABLES IN KEYSPACE ks`, as in a GRANT. */
export function formatResource(resource: Resource): string {
  switch (resource.type) {
    case 'KEYSPACE':
    case 'ALL TABLES IN KEYSPACE':
    case 'ALL FUNCTIONS IN KEYSPACE':
      return `${resource.type} ${quoteIfNeeded(resource.keyspace)}`;
    case 'TABLE':
      return `TABLE ${qualified(resource.keyspace, resource.table)}`;
    case 'FUNCTION': {
      const types = resource.signature === null ? '' : `(${resource.signature})`;
      return `FUNCTION ${qualified(resource.keyspace, resource.name)}${types}`;
    }
    case 'ROLE':
      return `ROLE ${quoteIfNeeded(resource.role)}`;
    case 'MBEAN':
      return `MBEAN '${resource.pattern.replaceAll("'", "''")}'`;
    case 'ALL KEYSPACES':
    case 'ALL FUNCTIONS':
    case 'ALL ROLES':
    case 'ALL MBEANS':
      return resource.type;
  }
}

/** `SELECT ON TABLE ks.t`. */
export function formatNeed({ permission, resource }: Need): string {
  return `${permission} ON ${formatResource(resource)}`;
}
