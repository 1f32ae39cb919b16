// Reads the nodes of the cluster from a node's own tables: its row of system.local, and what it says of
// the others in system.peers_v2 (4.0 and later) or system.peers. Rows that name no usable node (one that
// is just joining has no tokens) are left out, as drivers leave them out.
import { CqlErrorCode } from '../protocol/error-codes.ts';
import type { Rows } from '../protocol/messages/result.ts';
import { endpointText, inetText, type Endpoint } from '../protocol/inet.ts';
import type { NodeRow } from './node.ts';
import { UpstreamFault } from './faults.ts';
import { refusalIn, uuidText, type OwnQueries } from './own-query.ts';

type Cell = Buffer | null;

/** The nodes as the one at `reached` has them. Rejects with UpstreamFault. */
export async function readNodes(queries: OwnQueries, reached: Endpoint): Promise<NodeRow[]> {
  const ask = async (table: string): Promise<Rows> => queries.rows(`SELECT * FROM system.${table}`);
  const [local, peersV2] = await Promise.all([ask('local'), ask('peers_v2').catch(nullIfAbsent)]);
  // Without a row of its own, a cluster that is there would look like one without nodes.
  if (local.rows.length === 0) {
    throw new UpstreamFault('protocol', `${endpointText(reached)} has no row of its own`);
  }
  const peers = peersV2 === null ? await ask('peers') : null;
  return nodesOf({ local, peersV2, peers }, reached);
}

/** A release that lacks the table refuses the query as invalid. */
function nullIfAbsent(error: unknown): null {
  if (refusalIn(error)?.code === CqlErrorCode.INVALID) return null;
  throw error;
}

interface TopologyRows {
  readonly local: Rows;
  /** null where this release has no such table. */
  readonly peersV2: Rows | null;
  readonly peers: Rows | null;
}

/**
 * The nodes, that of `local` first. `reached` is where the gate dialled it, for clusters that don't say
 * where their nodes are (0.0.0.0) and releases that don't say the port.
 */
function nodesOf({ local, peersV2, peers }: TopologyRows, reached: Endpoint): NodeRow[] {
  const rows = recordsOf(local).slice(0, 1);
  const nodes: NodeRow[] = rows.map((row) => ({
    hostId: uuid(row.get('host_id')) ?? endpointText(reached),
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
    const length = cell.readInt32BE(at);
    const end = at + 4 + length;
    if (length < 0 || end > cell.length) return [];
    const token = cell.toString('utf8', at + 4, end);
    // Those of another partitioner are of no use to routing.
    if (!/^-?\d{1,19}$/.test(token)) return [];
    tokens.push(BigInt(token));
    at = end;
  }
  return tokens;
}
