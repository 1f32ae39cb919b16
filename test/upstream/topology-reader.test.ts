// Nodes out of system.local and the tables of peers: which rows are usable nodes, where each is found, and what
// is not there in older releases.
import { describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { inetBytes } from '../../src/protocol/inet.ts';
import { readNodes } from '../../src/upstream/topology-reader.ts';
import { intCell, queriesOf, rowsAnswer, textsCell, type AnswerCell } from '../support/answers.ts';
import { errorMessage, voidMessage } from '../support/own-answers.ts';

const REACHED = { host: 'node-1.example', port: 9142 };
const ABSENT = errorMessage(CqlErrorCode.INVALID, 'unconfigured table');

type Row = Readonly<Record<string, AnswerCell>>;
type Table = readonly Row[] | Frame;

const uuid = (n: number): Buffer => Buffer.alloc(16, n);
const idOf = (n: number): string =>
  uuid(n)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
const inet = (text: string): Buffer => inetBytes(text)!;

const COMMON = { data_center: 'dc1', rack: 'r1', release_version: '5.0.9' };
const LOCAL: Row = {
  ...COMMON,
  host_id: uuid(1),
  rpc_address: inet('10.0.0.1'),
  rpc_port: intCell(9042),
  tokens: textsCell(['-9223372036854775808', '7']),
};
const PEER: Row = {
  ...COMMON,
  peer: inet('192.168.0.2'),
  host_id: uuid(2),
  native_address: inet('10.0.0.2'),
  native_port: intCell(9042),
  tokens: textsCell(['9223372036854775807']),
};

async function read(tables: { local?: Table; peers_v2?: Table; peers?: Table }) {
  const asked: string[] = [];
  const queries = queriesOf((text) => {
    const name = /^SELECT \* FROM system\.(\w+)$/.exec(text)![1]!;
    asked.push(name);
    const table = { local: [LOCAL], peers_v2: [PEER], ...tables }[name] ?? [];
    if (!Array.isArray(table)) return table as Frame;
    const names = [...new Set((table as Row[]).flatMap((row) => Object.keys(row)))];
    const rows = (table as Row[]).map((row) => names.map((column) => row[column] ?? null));
    return rowsAnswer(names, rows);
  });
  return { nodes: await readNodes(queries, REACHED), asked };
}

const placesOf = async (tables: Parameters<typeof read>[0]): Promise<string[]> =>
  (await read(tables)).nodes.map(({ native }) => `${native.host}:${native.port}`);

describe('the nodes of a cluster', () => {
  it('are the one that was asked, and its peers', async () => {
    const { nodes, asked } = await read({});
    expect(nodes).toEqual([
      {
        hostId: idOf(1),
        native: { host: '10.0.0.1', port: 9042 },
        addresses: ['10.0.0.1'],
        datacenter: 'dc1',
        rack: 'r1',
        releaseVersion: '5.0.9',
        tokens: [-(2n ** 63n), 7n],
      },
      {
        hostId: idOf(2),
        native: { host: '10.0.0.2', port: 9042 },
        addresses: ['192.168.0.2', '10.0.0.2'],
        datacenter: 'dc1',
        rack: 'r1',
        releaseVersion: '5.0.9',
        tokens: [2n ** 63n - 1n],
      },
    ]);
    expect(asked).not.toContain('peers');
  });

  it('are read from the older table where there is no other, by its address and the port of the gate', async () => {
    const older = { ...PEER, native_address: null, native_port: null };
    const tables = { peers_v2: ABSENT, peers: [{ ...older, rpc_address: inet('10.0.0.2') }] };
    expect(await placesOf(tables)).toEqual(['10.0.0.1:9042', '10.0.0.2:9142']);
  });

  it('have every address that any of the tables calls them by', async () => {
    const addresses = {
      peer: inet('192.168.0.2'),
      preferred_ip: inet('192.168.1.2'),
      native_address: inet('10.0.0.2'),
      rpc_address: inet('10.0.1.2'),
      broadcast_address: inet('10.0.2.2'),
      listen_address: inet('2001:db8::2'),
    };
    const { nodes } = await read({ peers_v2: [{ ...PEER, ...addresses }] });
    expect(nodes[1]?.addresses).toEqual([
      ...['192.168.0.2', '192.168.1.2', '10.0.0.2', '10.0.1.2', '10.0.2.2', '2001:db8::2'],
    ]);
  });

  it('are each there once, and the one that was asked by its own row', async () => {
    const again = { ...PEER, host_id: uuid(1), native_address: inet('10.0.0.9') };
    expect(await placesOf({ peers_v2: [again, PEER, PEER] })).toEqual([
      '10.0.0.1:9042',
      '10.0.0.2:9042',
    ]);
  });
});

describe('the place of a node', () => {
  const any = inet('0.0.0.0');

  it('of the one that was asked is its own, or its address among nodes, or where it was dialled', async () => {
    const local = async (over: Row): Promise<string> =>
      (await placesOf({ local: [{ ...LOCAL, ...over }], peers_v2: [] }))[0]!;
    expect(await local({ rpc_address: any, broadcast_address: inet('10.9.9.9') })).toBe(
      '10.9.9.9:9042',
    );
    expect(await local({ rpc_address: inet('::'), broadcast_address: null })).toBe(
      'node-1.example:9042',
    );
    expect(await local({ rpc_address: null })).toBe('node-1.example:9042');
    expect(await local({ rpc_port: null })).toBe('10.0.0.1:9142');
  });

  it.each([0, -1, 65_536])('has no port %i', async (port) => {
    const [own, peer] = await placesOf({
      local: [{ ...LOCAL, rpc_port: intCell(port) }],
      peers_v2: [{ ...PEER, native_port: intCell(port) }],
    });
    expect([own, peer]).toEqual(['10.0.0.1:9142', '10.0.0.2:9142']);
  });

  it('has each other port', async () => {
    for (const port of [1, 65_535]) {
      const [own] = await placesOf({ local: [{ ...LOCAL, rpc_port: intCell(port) }] });
      expect(own).toBe(`10.0.0.1:${port}`);
    }
    const short = { ...LOCAL, rpc_port: Buffer.from([1, 2]) };
    expect((await placesOf({ local: [short] }))[0]).toBe('10.0.0.1:9142');
  });

  it('of a peer is its address for drivers before the one among nodes', async () => {
    const peer = async (over: Row) => (await placesOf({ peers_v2: [{ ...PEER, ...over }] }))[1];
    expect(await peer({ native_address: any, rpc_address: inet('10.0.1.2') })).toBe(
      '10.0.1.2:9042',
    );
    expect(await peer({ native_address: null })).toBe('192.168.0.2:9042');
  });
});

describe('a row of a peer', () => {
  it.each<[string, Row]>([
    ['has no id', { host_id: null }],
    ['has an id of another length', { host_id: Buffer.alloc(15) }],
    ['has no address', { native_address: null, peer: null }],
    ['has no tokens, since it is just joining', { tokens: null }],
    ['has an empty set of tokens', { tokens: textsCell([]) }],
    ['has tokens of another partitioner', { tokens: textsCell(['00ff']) }],
    ['has a token beyond 64 bits among others', { tokens: textsCell(['7', '1'.repeat(20)]) }],
    ['has a set that is none', { tokens: Buffer.from([0, 0]) }],
    ['has a token of a length that is none', { tokens: Buffer.concat([intCell(1), intCell(-5)]) }],
    ['has a set that ends within a token', { tokens: textsCell(['-123456']).subarray(0, -3) }],
  ])('that %s is no usable node', async (_what, over) => {
    expect(await placesOf({ peers_v2: [{ ...PEER, ...over }] })).toEqual(['10.0.0.1:9042']);
  });

  it('says the rest of the node as well as it can', async () => {
    const { nodes } = await read({
      peers_v2: [{ ...PEER, data_center: null, rack: null, release_version: null }],
    });
    expect(nodes[1]).toMatchObject({ datacenter: '', rack: '', releaseVersion: '' });
  });
});

describe('an answer', () => {
  it('without the node’s own row is no cluster without nodes', async () => {
    await expect(read({ local: [] })).rejects.toMatchObject({
      name: 'UpstreamFault',
      message: expect.stringContaining('no row of its own'),
    });
  });

  it('is read of the first row where the node has several of itself', async () => {
    expect(
      await placesOf({ local: [LOCAL, { ...LOCAL, host_id: uuid(8) }], peers_v2: [] }),
    ).toEqual(['10.0.0.1:9042']);
  });

  it('without an id names the node by where it was dialled', async () => {
    const { nodes } = await read({ local: [{ ...LOCAL, host_id: null }], peers_v2: [] });
    expect(nodes[0]?.hostId).toBe('node-1.example:9142');
  });

  it.each<[string, Table]>([
    ['refused', errorMessage(CqlErrorCode.UNAUTHORIZED)],
    ['overloaded', errorMessage(CqlErrorCode.OVERLOADED)],
    ['no rows', voidMessage()],
  ])('that is %s is a fault, whichever table it is of', async (_what, answer) => {
    await expect(read({ local: answer })).rejects.toMatchObject({ name: 'UpstreamFault' });
    await expect(read({ peers_v2: answer })).rejects.toMatchObject({ name: 'UpstreamFault' });
    await expect(read({ peers_v2: ABSENT, peers: answer })).rejects.toMatchObject({
      name: 'UpstreamFault',
    });
  });
});
