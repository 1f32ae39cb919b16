// Which tables of Cassandra's own keyspaces contain addresses of nodes, in which columns, and which statements on
// them are allowed. The list was reviewed against the schema of a real node. A test compares the two
// (test/node/addresses.test.ts), and so finds columns that a new release adds.
import type { Schema, Statement } from '../cql/statement.ts';

type Tables = Readonly<Record<string, readonly string[]>>;

const NONE: readonly string[] = [];

/** Texts of errors name the nodes that they happened on. */
const REPAIR_TEXTS = ['failure_cause', 'success_message'];

/**
 * All tables of these keyspaces, with the columns that contain an address of a node, or a text that may. A table that
 * is not listed is refused, because nobody has reviewed it.
 */
export const ADDRESS_COLUMNS: Readonly<Record<string, Tables>> = {
  system: {
    // Answered by the gate itself (system-tables.ts).
    local: NONE,
    peers: NONE,
    peers_v2: NONE,
    IndexInfo: NONE,
    available_ranges: NONE,
    available_ranges_v2: NONE,
    batches: NONE,
    built_views: NONE,
    compaction_history: NONE,
    paxos: NONE,
    paxos_repair_history: NONE,
    peer_events: ['peer'],
    peer_events_v2: ['peer', 'peer_port'],
    prepared_statements: NONE,
    repairs: ['coordinator', 'coordinator_port', 'participants', 'participants_wp'],
    size_estimates: NONE,
    sstable_activity: NONE,
    sstable_activity_v2: NONE,
    table_estimates: NONE,
    top_partitions: NONE,
    transferred_ranges: ['peer'],
    transferred_ranges_v2: ['peer', 'peer_port'],
    view_builds_in_progress: NONE,
  },
  system_distributed: {
    // These exist only with -Dcassandra.autorepair.enable, and name nodes by their host id.
    auto_repair_history: NONE,
    auto_repair_priority: NONE,
    parent_repair_history: ['exception_message', 'exception_stacktrace', 'options'],
    partition_denylist: NONE,
    repair_history: [
      'coordinator',
      'coordinator_port',
      'participants',
      'participants_v2',
      'exception_message',
      'exception_stacktrace',
    ],
    view_build_status: NONE,
  },
  system_traces: {
    events: ['activity', 'source', 'source_port', 'thread'],
    sessions: ['client', 'coordinator', 'coordinator_port', 'parameters', 'request'],
  },
  system_views: {
    batch_metrics: NONE,
    caches: NONE,
    cidr_filtering_metrics_counts: NONE,
    cidr_filtering_metrics_latencies: NONE,
    clients: ['address', 'hostname', 'port', 'client_options'],
    coordinator_read_latency: NONE,
    coordinator_scan_latency: NONE,
    coordinator_write_latency: NONE,
    cql_metrics: NONE,
    credentials_cache_keys: NONE,
    disk_usage: NONE,
    gossip_info: [
      'address',
      'port',
      'hostname',
      'internal_address_and_port',
      'internal_ip',
      'native_address_and_port',
      'removal_coordinator',
      'rpc_address',
      // A release or a snitch may put anything there.
      ...['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '_11_padding'].map((x) => `x${x}`),
    ],
    internode_inbound: ['address', 'port'],
    internode_outbound: ['address', 'port'],
    jmx_permissions_cache_keys: NONE,
    local_read_latency: NONE,
    local_scan_latency: NONE,
    local_write_latency: NONE,
    max_partition_size: NONE,
    max_sstable_duration: NONE,
    max_sstable_size: NONE,
    network_permissions_cache_keys: NONE,
    pending_hints: ['address', 'port'],
    permissions_cache_keys: NONE,
    queries: ['task', 'thread_id'],
    repair_jobs: ['participants', ...REPAIR_TEXTS],
    repair_participates: ['initiator', ...REPAIR_TEXTS],
    repair_sessions: ['participants', ...REPAIR_TEXTS],
    repair_validations: ['initiator', ...REPAIR_TEXTS],
    repairs: ['participants', 'options_hosts', ...REPAIR_TEXTS],
    roles_cache_keys: NONE,
    rows_per_read: NONE,
    sai_column_indexes: NONE,
    sai_sstable_index_segments: NONE,
    sai_sstable_indexes: NONE,
    settings: ['value'],
    snapshots: NONE,
    sstable_tasks: NONE,
    streaming: ['peers', ...REPAIR_TEXTS],
    system_logs: ['message'],
    system_properties: ['value'],
    thread_pools: NONE,
    tombstones_per_read: NONE,
  },
};

/** Tables with a node's address in their key: the paging state would contain it, whatever is selected. */
export const KEYED_BY_ADDRESS: ReadonlySet<string> = new Set([
  'system.peer_events',
  'system.peer_events_v2',
  'system.transferred_ranges',
  'system.transferred_ranges_v2',
  'system_views.clients',
  'system_views.gossip_info',
  'system_views.internode_inbound',
  'system_views.internode_outbound',
]);

/** Drivers read these tables to show a trace, so their rows are rewritten (scrub-response.ts) and not refused. */
const REWRITTEN = 'system_traces';

/**
 * Why a statement is refused because its answer would contain an address of a node; null for nearly all statements.
 * It does not depend on the role: no grant permits these.
 */
export function addressRefusal(statement: Statement): string | null {
  const { children, tables } = statement;
  for (const child of children) {
    const refusal = addressRefusal(child);
    if (refusal !== null) return refusal;
  }
  const table = tables[0];
  if (table === undefined || !table.keyspace.startsWith('system')) return null;
  const known = ADDRESS_COLUMNS[table.keyspace];
  if (known === undefined || !answersRows(statement)) return null;
  const name = `${table.keyspace}.${table.table}`;
  if (!Object.hasOwn(known, table.table)) {
    return `cqlgate does not know what ${name} tells of nodes, so it is not answered here; read it at the cluster`;
  }
  const columns = known[table.table]!;
  if (columns.length === 0) return null;
  if (table.keyspace === REWRITTEN && !statement.lwt) return refusalOfTrace(statement, columns);
  const isWhole = statement.lwt || KEYED_BY_ADDRESS.has(name);
  const asked = isWhole ? columns : columns.filter((column) => reads(statement, column));
  if (asked.length === 0) return null;
  const which = asked.slice(0, 3).join(', ');
  const instead = isWhole ? 'Read' : 'Name other columns, or read';
  return `cqlgate does not tell where nodes are: ${which} of ${name} may hold their addresses. ${instead} it at the cluster.`;
}

/** A table of Cassandra's own that a statement names and this cluster lacks; null for nearly all statements. */
export function absentSystemTable(statement: Statement, schema: Schema): string | null {
  const { children, family, tables } = statement;
  if (family !== 'read' && family !== 'write') return null;
  for (const { keyspace, table } of tables) {
    if (schema.lacksSystemTable(keyspace, table)) return table;
  }
  for (const child of children) {
    const table = absentSystemTable(child, schema);
    if (table !== null) return table;
  }
  return null;
}

/** When the condition of an LWT fails, the answer contains the row. */
function answersRows({ kind, lwt }: Statement): boolean {
  return kind === 'SELECT' || lwt;
}

function reads({ columns, restricted }: Statement, column: string): boolean {
  if (columns === null || columns.includes(column)) return true;
  return restricted === null || restricted.includes(column);
}

function refusalOfTrace(
  { selection, restricted }: Statement,
  columns: readonly string[],
): string | null {
  // Whether a row is returned would show if a guessed address is right.
  const isGuess = restricted === null || columns.some((column) => restricted.includes(column));
  if (selection !== null && !isGuess) return null;
  return 'Of system_traces cqlgate answers plain columns, not compared with addresses: no JSON, CAST, functions or aggregates';
}
