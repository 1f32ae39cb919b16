// How the gate appears in system.local, system.peers and system.peers_v2: the node's real row with the gate's address
// and host id, and the configured siblings instead of nodes. Node addresses never leave: every column that holds one
// is replaced by name, and what is unknown stays out.
import type { Column, Rows } from '../protocol/messages/result.ts';
import { TypeCode } from '../protocol/types.ts';
import { hostId, type Advertised } from './advertised.ts';
import { tokensOf } from './fleet.ts';

export type TopologyTable = 'local' | 'peers' | 'peers_v2';

/** The tables in which clients see the gate and never nodes. */
export function topologyTable(keyspace: string, table: string): TopologyTable | null {
  if (keyspace !== 'system') return null;
  return table === 'local' || table === 'peers' || table === 'peers_v2' ? table : null;
}

/** What drivers see of the gate and of its siblings. */
export interface GateView {
  readonly clusterName: string;
  readonly self: Advertised;
  readonly siblings: readonly Advertised[];
}

export interface TopologyView extends GateView {
  /** The node's real rows of system.local. */
  readonly local: Rows;
}

type Cell = (gate: Advertised, view: GateView) => Buffer | null;

/** Columns that tell an address, in all three tables, and what stands there instead. */
const REPLACED: ReadonlyMap<string, Cell> = new Map<string, Cell>([
  ['rpc_address', (gate) => gate.address],
  ['broadcast_address', (gate) => gate.address],
  ['listen_address', (gate) => gate.address],
  ['native_address', (gate) => gate.address],
  ['peer', (gate) => gate.address],
  ['preferred_ip', () => null],
  ['preferred_port', () => null],
  ['rpc_port', (gate) => int(gate.port)],
  ['broadcast_port', (gate) => int(gate.port)],
  ['listen_port', (gate) => int(gate.port)],
  ['native_port', (gate) => int(gate.port)],
  ['peer_port', (gate) => int(gate.port)],
  ['host_id', (gate, view) => hostId(view.clusterName, gate)],
]);

/** Columns of a sibling's row that are true of every gate in front of the same cluster. */
const SHARED = new Set(['data_center', 'rack', 'release_version', 'schema_version']);

/** Columns of system.local that are the node's own in every answer. */
const OPEN: ReadonlySet<string> = new Set([
  ...SHARED,
  'key',
  'bootstrapped',
  'cluster_name',
  'cql_version',
  'gossip_generation',
  'native_protocol_version',
  'partitioner',
  'tokens',
  'truncated_at',
]);

/** Whether a node may look at the real value of a column for a client: to compare it, or to compute with it. */
export function isOpen(table: TopologyTable, column: string, { siblings }: GateView): boolean {
  if (table !== 'local' || !OPEN.has(column)) return false;
  return column !== 'tokens' || siblings.length === 0;
}

/** What stands for a value of system.local where the node has one; null: that value itself. */
export function localEdit(
  { name, type }: Pick<Column, 'name' | 'type'>,
  view: GateView,
): ((value: Buffer) => Buffer | null) | null {
  const replaced = REPLACED.get(name);
  if (replaced !== undefined) return () => replaced(view.self, view);
  // Alone, the gate has all tokens that there are.
  if (name === 'tokens' && view.siblings.length > 0) return () => tokenCell(view.self, view);
  // An address that a later release tells.
  return type.code === TypeCode.INET ? () => null : null;
}

/** The rows of `table` as drivers may see them; `real` gives the columns that this release has. */
export function rowsFor(table: TopologyTable, real: Rows, view: TopologyView): Rows {
  const { columns } = real;
  if (table === 'local') {
    const edits = columns.map((column) => localEdit(column, view));
    const rows = real.rows.map((row) => row.map((cell, i) => edited(edits[i] ?? null, cell)));
    return { columns, rows };
  }
  const rows = view.siblings.map((sibling) =>
    columns.map(({ name }) => siblingCell(name, sibling, view)),
  );
  return { columns, rows };
}

function edited(edit: ReturnType<typeof localEdit>, cell: Buffer | null): Buffer | null {
  return edit === null || cell === null ? cell : edit(cell);
}

function siblingCell(column: string, sibling: Advertised, view: TopologyView): Buffer | null {
  const replaced = REPLACED.get(column);
  if (replaced !== undefined) return replaced(sibling, view);
  if (column === 'tokens') return tokenCell(sibling, view);
  if (!SHARED.has(column)) return null;
  const index = view.local.columns.findIndex((one) => one.name === column);
  return index < 0 ? null : (view.local.rows[0]?.[index] ?? null);
}

/** A set<text>: a count, then each token in decimal behind its length. */
function tokenCell(gate: Advertised, { clusterName, self, siblings }: GateView): Buffer {
  const tokens = tokensOf(clusterName, gate, [self, ...siblings]);
  const parts = tokens.flatMap((token) => {
    const text = Buffer.from(token.toString());
    return [int(text.length), text];
  });
  return Buffer.concat([int(tokens.length), ...parts]);
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0, 0);
  return bytes;
}
