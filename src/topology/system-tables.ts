// What drivers read of system.local, system.peers and system.peers_v2: the node's real row with the
// gate's address and host id, and the configured siblings instead of nodes. Node addresses never
// leave: every column that holds one is replaced by name, and what is unknown stays out.
import type { SelectionTerm, SimpleSelection } from '../cql/statement.ts';
import type { Column, Rows } from '../protocol/messages/result.ts';
import { TypeCode } from '../protocol/types.ts';
import { hostId, type Advertised } from './advertised.ts';
import { tokensOf } from './fleet.ts';
import { inetBytes } from '../protocol/inet.ts';

export type TopologyTable = 'local' | 'peers' | 'peers_v2';

/** The tables that are answered here and never by a node. */
export function topologyTable(keyspace: string, table: string): TopologyTable | null {
  if (keyspace !== 'system') return null;
  return table === 'local' || table === 'peers' || table === 'peers_v2' ? table : null;
}

export interface TopologyView {
  readonly clusterName: string;
  readonly self: Advertised;
  readonly siblings: readonly Advertised[];
  /** The node's real rows of system.local. */
  readonly local: Rows;
}

type Cell = (gate: Advertised, view: TopologyView) => Buffer | null;

/** Columns that tell an address, in all three tables, and what stands there instead. */
const REPLACED: Readonly<Record<string, Cell>> = {
  rpc_address: (gate) => gate.address,
  broadcast_address: (gate) => gate.address,
  listen_address: (gate) => gate.address,
  native_address: (gate) => gate.address,
  peer: (gate) => gate.address,
  preferred_ip: () => null,
  preferred_port: () => null,
  rpc_port: (gate) => int(gate.port),
  broadcast_port: (gate) => int(gate.port),
  listen_port: (gate) => int(gate.port),
  native_port: (gate) => int(gate.port),
  peer_port: (gate) => int(gate.port),
  host_id: (gate, view) => hostId(view.clusterName, gate),
};

/** Columns of a sibling's row that are true of every gate in front of the same cluster. */
const SHARED = new Set(['data_center', 'rack', 'release_version', 'schema_version']);

/** The rows of `table` as drivers may see them; `real` gives the columns that this release has. */
export function rowsFor(table: TopologyTable, real: Rows, view: TopologyView): Rows {
  if (table === 'local') {
    const rows = real.rows.map((row) =>
      real.columns.map((column, i) => {
        const replaced = REPLACED[column.name];
        if (replaced !== undefined) return replaced(view.self, view);
        // Alone, the gate has all tokens that there are.
        const isOfFleet = column.name === 'tokens' && view.siblings.length > 0;
        if (isOfFleet) return tokenCell(view.self, view);
        // An address that a later release tells.
        return column.type.code === TypeCode.INET ? null : (row[i] ?? null);
      }),
    );
    return { columns: real.columns, rows };
  }
  const rows = view.siblings.map((sibling) =>
    real.columns.map((column) => siblingCell(column.name, sibling, view)),
  );
  return { columns: real.columns, rows };
}

function siblingCell(column: string, sibling: Advertised, view: TopologyView): Buffer | null {
  const replaced = REPLACED[column];
  if (replaced !== undefined) return replaced(sibling, view);
  if (column === 'tokens') return tokenCell(sibling, view);
  if (!SHARED.has(column)) return null;
  const index = view.local.columns.findIndex((one) => one.name === column);
  return index < 0 ? null : (view.local.rows[0]?.[index] ?? null);
}

/** A set<text>: a count, then each token in decimal behind its length. */
function tokenCell(gate: Advertised, { clusterName, self, siblings }: TopologyView): Buffer {
  const tokens = tokensOf(clusterName, gate, [self, ...siblings]);
  const parts = tokens.flatMap((token) => {
    const text = Buffer.from(token.toString());
    return [int(text.length), text];
  });
  return Buffer.concat([int(tokens.length), ...parts]);
}

export type BoundValue = Buffer | null;

/** Applies projection, conditions and limit; a text instead of rows says why it can't be done. */
export function select(
  selection: SimpleSelection,
  rows: Rows,
  bound: (term: { index: number; name: string | null }) => BoundValue,
): Rows | { readonly invalid: string } {
  const wanted = projection(selection, rows.columns);
  if ('invalid' in wanted) return wanted;
  const conditions: { index: number; values: BoundValue[] }[] = [];
  for (const { column, terms } of selection.where) {
    const index = rows.columns.findIndex((one) => one.name === column);
    if (index < 0) return { invalid: `Undefined column name ${column}` };
    const values: BoundValue[] = [];
    for (const term of terms) {
      const value = term.type === 'marker' ? bound(term) : literal(term, rows.columns[index]!);
      if (value === undefined) return { invalid: `Invalid value for column ${column}` };
      values.push(value);
    }
    conditions.push({ index, values });
  }
  const matching = rows.rows.filter((row) =>
    conditions.every(({ index, values }) => {
      const cell = row[index] ?? null;
      return cell !== null && values.some((value) => value !== null && cell.equals(value));
    }),
  );
  const limit = limitOf(selection.limit, bound);
  return {
    columns: wanted.columns,
    rows: matching.slice(0, limit).map((row) => wanted.indexes.map((i) => row[i] ?? null)),
  };
}

function projection(
  selection: SimpleSelection,
  columns: readonly Column[],
): { columns: Column[]; indexes: number[] } | { readonly invalid: string } {
  if (selection.columns === null) {
    return { columns: [...columns], indexes: columns.map((_column, i) => i) };
  }
  const chosen: Column[] = [];
  const indexes: number[] = [];
  for (const { name, alias } of selection.columns) {
    const index = columns.findIndex((column) => column.name === name);
    if (index < 0) return { invalid: `Undefined column name ${name}` };
    // One of tokens has kilobytes: named a thousand times, an answer would have megabytes.
    if (indexes.includes(index)) return { invalid: `cqlgate answers each column once: ${name}` };
    indexes.push(index);
    chosen.push({ ...columns[index]!, name: alias ?? name });
  }
  return { columns: chosen, indexes };
}

function limitOf(
  limit: SelectionTerm | null,
  bound: (term: { index: number; name: string | null }) => BoundValue,
): number {
  if (limit === null) return Infinity;
  if (limit.type === 'literal') return Number(limit.value);
  const value = bound(limit);
  return value?.length === 4 ? value.readInt32BE(0) : Infinity;
}

/** A literal in the serialization of its column's type; undefined where it does not fit. */
function literal(
  term: { readonly value: string; readonly quoted: boolean },
  column: Column,
): Buffer | undefined {
  const serialize = LITERALS[column.type.code];
  return serialize?.(term.value, term.quoted) ?? undefined;
}

const LITERALS: Readonly<Record<number, (value: string, quoted: boolean) => Buffer | null>> = {
  [TypeCode.VARCHAR]: (value, quoted) => (quoted ? Buffer.from(value, 'utf8') : null),
  [TypeCode.ASCII]: (value, quoted) => (quoted ? Buffer.from(value, 'utf8') : null),
  [TypeCode.INET]: (value, quoted) => (quoted ? inetBytes(value) : null),
  [TypeCode.INT]: (value, quoted) => (!quoted && /^-?\d+$/.test(value) ? int(Number(value)) : null),
  [TypeCode.UUID]: (value) =>
    /^[0-9a-f-]{36}$/i.test(value) ? Buffer.from(value.replaceAll('-', ''), 'hex') : null,
};

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0, 0);
  return bytes;
}
