// Reads the nodes of the cluster from a node's own tables: its row of system.local, and what it says of
// the others in system.peers_v2 (4.0 and later) or system.peers. Rows that name no usable node (one that
// is just joining has no tokens) are left out, as drivers leave them out.
import { CqlErrorCode } from '../errors.ts';
import { errorCodeOf } from '../protocol/messages/error.ts';
import type { Rows } from '../protocol/messages/result.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { inetText, type ContactPoint, type NodeRow } from './node.ts';
import { rowsOf, uuidText, type Query } from './own-query.ts';

type Cell = Buffer | null;

/** The nodes as the one at `reached` has them. Rejects with UpstreamFault. */
export async function readNodes(query: Query, reached: ContactPoint): Promise<NodeRow[]> {
  const all = async (table: string): Promise<Rows | null> => {
    const response = await query(`SELECT * FROM system.${table}`);
    const isAbsent =
      response.opcode === Opcode.ERROR && errorCodeOf(response) === CqlErrorCode.INVALID;
    return isAbsent ? null : rowsOf(response);
  };
  const [local, peersV2] = await Promise.all([all('local'), all('peers_v2')]);
  const peers = peersV2 === null ? await all('peers') : null;
  return nodesOf({ local: local ?? { columns: [], rows: [] }, peersV2, peers }, reached);
}

export interface TopologyRows {
  readonly local: Rows;
  /** null where this release has no such table. */
  readonly peersV2: Rows | null;
  readonly peers: Rows | null;
}

/**
 * The nodes, that of `local` first. `reached` is where the gate dialled it, for clusters that don't say
 * where their nodes are (0.0.0.0) and releases that don't say the port.
 */
export function nodesOf({ local, peersV2, peers }: TopologyRows, reached: ContactPoint): NodeRow[] {
  const rows = recordsOf(local).slice(0, 1);
  const nodes: NodeRow[] = rows.map((row) => ({
    hostId: uuid(row.get('host_id')) ?? `${reached.host}:${reached.port}`,
    native: {
      host:
        address(row.get('rpc_address')) ?? address(row.get('broadcast_address')) ?? reached.host,
      port: port(row.get('rpc_port')) ?? reached.port,
    },
    ...common(row),
  }));
  const others = peersV2 ?? peers;
  for (const row of others === null ? [] : recordsOf(others)) {
    const hostId = uuid(row.get('host_id'));
    const host =
      address(row.get('native_address')) ??
      address(row.get('rpc_address')) ??
      address(row.get('peer'));
    const node = common(row);
    if (hostId === null || host === null || node.tokens.length === 0) continue;
    if (nodes.some((one) => one.hostId === hostId)) continue;
    nodes.push({
      hostId,
      native: { host, port: port(row.get('native_port')) ?? reached.port },
      ...node,
    });
  }
  return nodes;
}

/** Columns of all three tables that hold an address of the row's node. */
const ADDRESSES = [
  'peer',
  'preferred_ip',
  'native_address',
  'rpc_address',
  'broadcast_address',
  'listen_address',
];

function common(row: ReadonlyMap<string, Cell>): Omit<NodeRow, 'hostId' | 'native'> {
  return {
    addresses: ADDRESSES.flatMap((column) => address(row.get(column)) ?? []),
    datacenter: text(row.get('data_center')),
    rack: text(row.get('rack')),
    releaseVersion: text(row.get('release_version')),
    tokens: tokensOf(row.get('tokens')),
  };
}

function recordsOf({ columns, rows }: Rows): Map<string, Cell>[] {
  return rows.map((row) => new Map(columns.map(({ name }, i) => [name, row[i] ?? null])));
}

function text(cell: Cell | undefined): string {
  return cell?.toString('utf8') ?? '';
}

function uuid(cell: Cell | undefined): string | null {
  return cell?.length === 16 ? uuidText(cell) : null;
}

/** An inet as text; null for none and for "any address", which is nowhere. */
function address(cell: Cell | undefined): string | null {
  if (cell === null || cell === undefined || cell.every((byte) => byte === 0)) return null;
  return inetText(cell);
}

function port(cell: Cell | undefined): number | null {
  const number = cell?.length === 4 ? cell.readInt32BE(0) : 0;
  return number > 0 && number < 65_536 ? number : null;
}

/** A set<text>: a count, then each token in decimal behind its length. */
function tokensOf(cell: Cell | undefined): bigint[] {
  if (cell === null || cell === undefined || cell.length < 4) return [];
  const tokens: bigint[] = [];
  let at = 4;
  for (let left = cell.readInt32BE(0); left > 0 && at + 4 <= cell.length; left--) {
    const end = at + 4 + cell.readInt32BE(at);
    const token = cell.toString('utf8', at + 4, end);
    // Those of another partitioner are of no use to routing.
    if (!/^-?\d{1,19}$/.test(token)) return [];
    tokens.push(BigInt(token));
    at = end;
  }
  return tokens;
}
