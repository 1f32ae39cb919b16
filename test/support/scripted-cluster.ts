// Scripted nodes that answer as a cluster would to a gate that looks at it: versions, their own rows, an
// empty schema.
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { encodeSupported } from '../../src/protocol/messages/supported.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode, type ColumnType } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { ScriptedNode, type ScriptedRequest } from './scripted-node.ts';

const TEXT = { code: TypeCode.VARCHAR, bytes: Buffer.from([0, TypeCode.VARCHAR]) };

/** The body of a result of one row of texts. */
export function rowOf(columns: Record<string, string>): Buffer {
  const names = Object.keys(columns);
  return encodeRows({
    columns: names.map((name) => ({ keyspace: 'k', table: 't', name, type: TEXT })),
    rows: [names.map((name) => Buffer.from(columns[name]!))],
  });
}

const LOCAL = rowOf({
  key: 'local',
  cluster_name: 'scripted',
  release_version: '5.0.9',
  data_center: 'dc1',
});
const NO_KEYSPACE = new Writer()
  .writeInt(CqlErrorCode.INVALID)
  .writeString('keyspace cqlgate does not exist')
  .toBuffer();
const EMPTY = encodeRows({ columns: [], rows: [] });
const SUPPORTED = encodeSupported(
  new Map([
    ['CQL_VERSION', ['3.4.7']],
    ['PROTOCOL_VERSIONS', ['4/v4']],
  ]),
);

/** True when the request was one of those, and is answered. */
export function answerAsCluster({ opcode, text, answer }: ScriptedRequest): boolean {
  if (opcode === Opcode.OPTIONS) answer(Opcode.SUPPORTED, SUPPORTED);
  else if (text.includes(' cqlgate.')) {
    // The gate's own keyspace was not made here.
    answer(Opcode.ERROR, NO_KEYSPACE);
  } else if (text.includes('FROM system')) {
    answer(Opcode.RESULT, text.includes('system.local') ? LOCAL : EMPTY);
  } else return false;
  return true;
}

const UUID = { code: TypeCode.UUID, bytes: Buffer.from([0, TypeCode.UUID]) };
const INET = { code: TypeCode.INET, bytes: Buffer.from([0, TypeCode.INET]) };
const INT = { code: TypeCode.INT, bytes: Buffer.from([0, TypeCode.INT]) };
const SET_OF_TEXT = {
  code: TypeCode.SET,
  bytes: Buffer.from([0, TypeCode.SET, 0, TypeCode.VARCHAR]),
};

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function column(name: string, type: ColumnType) {
  return { keyspace: 'system', table: 'local', name, type };
}

/** Several scripted nodes on 127.0.0.1, each with a port of its own, that know of each other. */
export class ScriptedCluster {
  readonly nodes: ScriptedNode[];
  /** By node; a node whose rows are left out is one that joins or left. */
  readonly datacenters: string[];
  readonly members: Set<number>;
  /** Asked first, for each request after the login; true: answered, or left. */
  script: (request: ScriptedRequest, node: number) => boolean = () => false;

  private constructor(nodes: ScriptedNode[], datacenters: string[]) {
    this.nodes = nodes;
    this.datacenters = datacenters;
    this.members = new Set(nodes.keys());
    nodes.forEach((_node, i) => this.#attach(i));
  }

  static async start(datacenters: string[]): Promise<ScriptedCluster> {
    const nodes = await Promise.all(datacenters.map(async () => ScriptedNode.start()));
    return new ScriptedCluster(nodes, datacenters);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => node.close()));
  }

  contactPoint(node: number): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.nodes[node]!.port };
  }

  name(node: number): string {
    return `127.0.0.1:${this.nodes[node]!.port}`;
  }

  /** The node is gone, and its port refuses; `again` brings it back. */
  async kill(node: number): Promise<void> {
    await this.nodes[node]!.close();
  }

  async again(node: number): Promise<void> {
    this.nodes[node] = await ScriptedNode.start(this.nodes[node]!.port);
    this.#attach(node);
  }

  /** Starts a node that was killed at another address. */
  async move(node: number): Promise<void> {
    this.nodes[node] = await ScriptedNode.start();
    this.#attach(node);
  }

  /** Requests of clients that came to each node. */
  counts(fits: (request: ScriptedRequest) => boolean): number[] {
    return this.nodes.map(({ requests }) => requests.filter(fits).length);
  }

  #attach(node: number): void {
    this.nodes[node]!.script = (request) =>
      this.script(request, node) || this.#topology(request, node) || answerAsCluster(request);
  }

  #topology({ text, answer }: ScriptedRequest, node: number): boolean {
    if (text === 'SELECT * FROM system.local') {
      answer(Opcode.RESULT, this.#rows('local', [node]));
    } else if (text === 'SELECT * FROM system.peers_v2') {
      const others = [...this.members].filter((one) => one !== node);
      answer(Opcode.RESULT, this.#rows('peers_v2', others));
    } else return false;
    return true;
  }

  #rows(table: 'local' | 'peers_v2', nodes: readonly number[]): Buffer {
    const isLocal = table === 'local';
    const token = (node: number): Buffer => Buffer.from(String(BigInt(node) * 2n ** 60n));
    return encodeRows({
      columns: [
        column('cluster_name', TEXT),
        column('release_version', TEXT),
        column('data_center', TEXT),
        column('rack', TEXT),
        column('host_id', UUID),
        column(isLocal ? 'rpc_address' : 'native_address', INET),
        column(isLocal ? 'rpc_port' : 'native_port', INT),
        column('tokens', SET_OF_TEXT),
      ],
      rows: nodes.map((node) => [
        Buffer.from('scripted'),
        Buffer.from('5.0.9'),
        Buffer.from(this.datacenters[node]!),
        Buffer.from('r1'),
        Buffer.alloc(16, node + 1),
        Buffer.from([127, 0, 0, 1]),
        int(this.nodes[node]!.port),
        Buffer.concat([int(1), int(token(node).length), token(node)]),
      ]),
    });
  }
}
