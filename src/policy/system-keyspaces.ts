// Cassandra's own keyspaces, and what of them every login may read there (SystemKeyspace and
// ClientState of 5.0). Traces are not on the list: they hold everybody's statements and values.

/** The gate's own tables (locks, revocations): reachable by no grant. */
export const GATE_KEYSPACE = 'cqlgate';

export const SYSTEM_KEYSPACES: ReadonlySet<string> = new Set([
  'system',
  'system_schema',
  'system_auth',
  'system_traces',
  'system_distributed',
  'system_views',
  'system_virtual_schema',
]);

/** Everybody's statements and bound values: Cassandra lets every login read them. */
export const TRACES = {
  keyspace: 'system_traces',
  tables: new Set(['sessions', 'events']),
} as const;

/** All tables of these. */
const READABLE_KEYSPACES: ReadonlySet<string> = new Set(['system_schema', 'system_virtual_schema']);

/** Not the estimates of tables' sizes: of those a role reads its own part (estimates.ts). */
const READABLE_TABLES: ReadonlySet<string> = new Set(['local', 'peers', 'peers_v2']);

export function isAlwaysReadable(keyspace: string, table: string): boolean {
  return READABLE_KEYSPACES.has(keyspace) || (keyspace === 'system' && READABLE_TABLES.has(table));
}

/** Keyspaces of which every login may read something. */
export function hasReadableTables(keyspace: string): boolean {
  return READABLE_KEYSPACES.has(keyspace) || keyspace === 'system';
}
