// The gate's view of a cluster of scripted nodes: who is in it, which datacenter is used, and how the
// control connection and the routes follow when nodes come, go, hang and change address.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import type { Login } from '../../src/secrets/upstream-login.ts';
import { Cluster } from '../../src/upstream/cluster.ts';
import { dialPlain } from '../../src/upstream/dial.ts';
import type { UpstreamFault } from '../../src/upstream/faults.ts';
import type { Datacenters } from '../../src/upstream/nodes.ts';
import { ANYWHERE } from '../../src/upstream/connection-criteria.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const LOGIN: Login = { name: 'ci', open: false, username: 'ci', password: 'pw' };

let scripted: ScriptedCluster;
let cluster: Cluster;
let faults: UpstreamFault[];

beforeEach(async () => {
  scripted = await ScriptedCluster.start(['dc1', 'dc1', 'dc2']);
  faults = [];
});

afterEach(async () => {
  cluster.close();
  await scripted.close();
});

function clusterOf(datacenters: Partial<Datacenters> = {}, contactPoints = [0]): Cluster {
  cluster = new Cluster({
    dial: dialPlain(60_000),
    contactPoints: contactPoints.map((node) => scripted.contactPoint(node)),
    datacenters: { local: null, remote: [], ...datacenters },
    logins: new Map([
      ['ci', { current: () => LOGIN, refresh: async () => Promise.resolve(LOGIN) }],
    ]),
    gateRole: 'ci',
    compression: 'none',
    connectionsPerPool: 1,
    poolConnections: 100,
    preparedRegistryBytes: 1 << 20,
    allowUntested: true,
    listener: {
      schemaChanged: () => undefined,
      superuser: () => undefined,
      nodesChanged: () => undefined,
      loginChanged: () => undefined,
      fault: (fault) => faults.push(fault),
    },
  });
  return cluster;
}

/** Names of the nodes that the route is connected to. */
const reached = (): string[] =>
  cluster
    .route('ci', 4)!
    .pools.filter(({ ready }) => ready > 0)
    .map(({ node }) => node.name)
    .sort();

const names = (...nodes: number[]): string[] => nodes.map((node) => scripted.name(node)).sort();

/** An event to all connections that registered for them: the control connection's. */
function announce(type: string, change: string, node: number): void {
  const { port } = scripted.contactPoint(node);
  const body = new Writer()
    .writeString(type)
    .writeString(change)
    .writeByte(4)
    .writeRaw(Buffer.from([127, 0, 0, 1]))
    .writeInt(port)
    .toBuffer();
  const event = encodeFrame({ version: 4, opcode: Opcode.EVENT, streamId: -1, body });
  for (const one of scripted.nodes) {
    const registered = one.requests.filter(({ opcode }) => opcode === Opcode.REGISTER);
    for (const { raw } of registered) raw(event);
  }
}

describe('the nodes of a cluster', () => {
  it('are all known from one of them, and those of its datacenter are used', async () => {
    await clusterOf().start();
    expect(cluster.nodes.map(({ name }) => name).sort()).toEqual(names(0, 1, 2));
    await expect.poll(reached).toEqual(names(0, 1));
  });

  it('are used by the datacenter that is configured', async () => {
    await clusterOf({ local: 'dc2' }).start();
    await expect.poll(reached).toEqual(names(2));
  });

  it('have a connection for each login once the cluster is warm', async () => {
    await clusterOf().start();
    await cluster.warmed();
    expect(reached()).not.toEqual([]);
  });

  it('are not waited for much longer when one does not let the gate in', async () => {
    await clusterOf().start();
    await cluster.warmed();
    for (const node of [0, 1]) await scripted.kill(node);
    await expect.poll(reached).toEqual([]);
    const sinceMs = Date.now();
    await cluster.warmed();
    expect(Date.now() - sinceMs).toBeGreaterThan(UPSTREAM.warmUpMs - 100);
    expect(Date.now() - sinceMs).toBeLessThan(UPSTREAM.warmUpMs + 2_000);
  });

  it('must have one in the datacenter that is configured', async () => {
    await expect(clusterOf({ local: 'dc9' }).start()).rejects.toThrow(
      'cluster.localDatacenter is dc9, but the cluster has dc1, dc2',
    );
  });

  it('join and leave as the cluster says', async () => {
    scripted.members.delete(1);
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0));
    scripted.members.add(1);
    announce('TOPOLOGY_CHANGE', 'NEW_NODE', 1);
    await expect.poll(reached, { timeout: 3_000 }).toEqual(names(0, 1));
    scripted.members.delete(1);
    announce('TOPOLOGY_CHANGE', 'REMOVED_NODE', 1);
    await expect.poll(() => cluster.nodes.length, { timeout: 3_000 }).toBe(2);
    await expect.poll(reached, { timeout: 3_000 }).toEqual(names(0));
  });

  it('are found where they moved to', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    const [before] = names(1);
    const { port } = scripted.nodes[0]!;
    await scripted.kill(1);
    await scripted.move(1);
    expect(names(1)).not.toEqual([before]);
    announce('TOPOLOGY_CHANGE', 'MOVED_NODE', 1);
    expect(scripted.nodes[0]!.port).toBe(port);
    await expect.poll(reached, { timeout: 3_000 }).toEqual(names(0, 1));
  });

  it('come back at once when the cluster says that they are up', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    await scripted.kill(1);
    await expect.poll(reached).toEqual(names(0));
    // By then the pauses between attempts are long.
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    await scripted.again(1);
    announce('STATUS_CHANGE', 'UP', 1);
    await expect.poll(reached, { timeout: 1_000 }).toEqual(names(0, 1));
  });

  it('of another datacenter are reached while the local one has none', async () => {
    await clusterOf({ local: 'dc1', remote: ['dc2'] }, [0, 2]).start();
    await expect.poll(reached).toEqual(names(0, 1));
    await Promise.all([scripted.kill(0), scripted.kill(1)]);
    await expect.poll(reached).toEqual([]);
    const there = await cluster.route('ci', 4)!.whenAvailable(ANYWHERE);
    expect(there.node).toBe(scripted.name(2));
    await scripted.again(0);
    await scripted.again(1);
  });

  const reaches = (): string[] =>
    cluster.nodeStates.map(({ datacenter, reached }) => `${datacenter} ${reached}`).sort();

  it.each([
    ['of a datacenter that is not configured', []],
    ['of one that is used only while the local one is lost', ['dc2']],
  ])('%s are unused, not unreachable', async (_name, remote) => {
    await clusterOf({ local: 'dc1', remote }).start();
    await expect.poll(reached).toEqual(names(0, 1));
    expect(reaches()).toEqual(['dc1 yes', 'dc1 yes', 'dc2 unused']);
    await scripted.kill(1);
    await scripted.kill(2);
    await expect.poll(reaches).toEqual(['dc1 no', 'dc1 yes', 'dc2 unused']);
  });

  it('of another datacenter are missed once they are needed', async () => {
    await clusterOf({ local: 'dc1', remote: ['dc2'] }).start();
    await expect.poll(reached).toEqual(names(0, 1));
    for (const node of [0, 1, 2]) await scripted.kill(node);
    await expect.poll(reaches).toEqual(['dc1 no', 'dc1 no', 'dc2 no']);
  });

  it('speak the versions that all of them speak', async () => {
    await clusterOf().start();
    expect(cluster.versions).toEqual([4]);
  });
});

describe('the control connection', () => {
  it('goes on at another node, though only one is configured', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    await scripted.kill(0);
    await expect.poll(() => cluster.control.isConnected, { timeout: 3_000 }).toBe(true);
    const table = await cluster.control.systemRows('SELECT * FROM system.local', {
      key: 'role',
      owner: 1,
    });
    expect('rows' in table).toBe(true);
    await scripted.again(0);
  });

  it('answers a read that it was asked while it failed over', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    scripted.script = ({ text, close }, node) => {
      if (node !== 0 || !text.includes('schema_version')) return false;
      close();
      return true;
    };
    const before = scripted.counts(({ text }) => text.includes('schema_version'));
    await cluster.control.schemaVersion();
    const after = scripted.counts(({ text }) => text.includes('schema_version'));
    expect(after[0]! + after[1]!).toBe(before[0]! + before[1]! + 2);
  });

  it('leaves a node that hangs', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    scripted.script = (_request, node) => node === 0;
    const asked = cluster.control.systemRows('SELECT * FROM system.local', {
      key: 'role',
      owner: 1,
    });
    await expect(asked).resolves.toHaveProperty('rows');
  });

  it('stays with one node for a session while that is reached, its own at first', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    const route = cluster.route('ci', 4)!;
    const pinned = cluster.pinnedNode(route, null);
    expect(pinned?.name).toBe(scripted.name(0));
    await scripted.kill(0);
    await expect.poll(reached).toEqual(names(1));
    const next = cluster.pinnedNode(route, pinned);
    expect(next?.name).toBe(scripted.name(1));
    await scripted.again(0);
    await expect.poll(reached, { timeout: 5_000 }).toEqual(names(0, 1));
    expect(cluster.pinnedNode(route, next)).toBe(next);
  });
});

describe('the schema', () => {
  const UUID = { code: TypeCode.UUID, bytes: Buffer.from([0, TypeCode.UUID]) };
  /** Schema version of each node, and what the others say of it. */
  let versions: number[];

  function uuids(names: readonly string[], rows: readonly (readonly number[])[]): Buffer {
    const columns = names.map((name) => ({ keyspace: 'system', table: 't', name, type: UUID }));
    return encodeRows({
      columns,
      rows: rows.map((row) => row.map((byte) => Buffer.alloc(16, byte))),
    });
  }

  beforeEach(() => {
    versions = [7, 7, 7];
    scripted.script = ({ text, answer }, node) => {
      const told = (nodes: readonly number[]): Buffer =>
        uuids(
          ['host_id', 'schema_version'],
          nodes.map((one) => [one + 1, versions[one]!]),
        );
      if (text.startsWith('SELECT schema_version FROM system.local')) {
        answer(Opcode.RESULT, uuids(['schema_version'], [[versions[node]!]]));
      } else if (text === 'SELECT host_id, schema_version FROM system.local') {
        answer(Opcode.RESULT, told([node]));
      } else if (text === 'SELECT host_id, schema_version FROM system.peers') {
        answer(Opcode.RESULT, told([0, 1, 2].filter((one) => one !== node)));
      } else return false;
      return true;
    };
  });

  const agreed = async (timeoutMs = 300): Promise<boolean> =>
    (await cluster.agreeOnSchema(timeoutMs)).agreed;

  it('is agreed on by the nodes of all datacenters, those that are not used too', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    expect(await agreed()).toBe(true);
    versions[1] = 6;
    expect(await agreed()).toBe(false);
    versions = [7, 7, 6];
    const later = cluster.agreeOnSchema(5_000);
    setTimeout(() => (versions[2] = 7), 300);
    expect(await later).toEqual({
      agreed: true,
      version: '07'.repeat(16).replace(DASHES, '$1-$2-$3-$4-'),
    });
  });

  it('is agreed on without nodes that are down, as the cluster says or the gate sees', async () => {
    await clusterOf().start();
    await expect.poll(reached).toEqual(names(0, 1));
    versions = [7, 6, 6];
    expect(await agreed()).toBe(false);
    announce('STATUS_CHANGE', 'DOWN', 2);
    await scripted.kill(1);
    await expect.poll(reached).toEqual(names(0));
    expect(await agreed()).toBe(true);
  });

  it('is agreed on by nodes that the gate has not connected to yet', async () => {
    versions = [7, 6, 7];
    // What was a moment ago is no reason to believe that it is so.
    scripted.nodes[1]!.hangs = true;
    await clusterOf().start();
    expect(await agreed()).toBe(false);
    versions[1] = 7;
    expect(await agreed(5_000)).toBe(true);
  });
});

const DASHES = /^(.{8})(.{4})(.{4})(.{4})/;
