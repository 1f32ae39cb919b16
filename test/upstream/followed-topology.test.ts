// The nodes of the cluster as they were read and as events say since, without sockets.
import { describe, expect, it } from 'vitest';
import { inetBytes } from '../../src/protocol/inet.ts';
import { FollowedTopology } from '../../src/upstream/followed-topology.ts';
import type { NodeRow } from '../../src/upstream/node.ts';
import type { Datacenters } from '../../src/upstream/nodes.ts';
import { TargetFault } from '../../src/upstream/target.ts';
import { boundExecute, preparedBy } from '../support/bound.ts';

const CONTACT = { host: 'db.example.com', port: 9042 };
const address = (host: string) => ({ host, port: 9042 });

function row(host: string, change: Partial<NodeRow> = {}): NodeRow {
  return {
    hostId: `id of ${host}`,
    native: address(host),
    addresses: [host],
    datacenter: 'dc1',
    rack: 'r1',
    releaseVersion: '5.0.9',
    tokens: [],
    ...change,
  };
}

function topology(datacenters: Partial<Datacenters> = {}, addresses = ['10.0.0.1']) {
  return new FollowedTopology([CONTACT], { local: null, remote: [], ...datacenters }, async () =>
    Promise.resolve(addresses.map((one) => ({ address: one }))),
  );
}

const names = (of: FollowedTopology): string[] => of.nodes.map(({ name }) => name);

describe('the nodes that are followed', () => {
  it('are those that were read, dialled by the name of a contact point where one leads there', async () => {
    const one = topology();
    expect(await one.update([row('10.0.0.2'), row('10.0.0.1')], address('10.0.0.2'))).toBe(true);
    expect(names(one)).toEqual(['10.0.0.2:9042', 'db.example.com:9042']);
    expect(one.localDatacenter).toBe('dc1');
  });

  it('are the same objects, and no news, where nothing changed', async () => {
    const one = topology();
    const rows = [row('10.0.0.2'), row('10.0.0.3')];
    await one.update(rows, address('10.0.0.2'));
    const before = one.nodes;
    expect(await one.update(rows, address('10.0.0.2'))).toBe(false);
    expect(one.nodes).toBe(before);
    const moved = [rows[0]!, row('10.0.0.3', { rack: 'r2' })];
    expect(await one.update(moved, address('10.0.0.2'))).toBe(true);
    expect(one.nodes[0]).toBe(before[0]);
    expect(one.nodes[1]).not.toBe(before[1]);
  });

  it('must be of the datacenter that is to be used', async () => {
    const one = topology({ local: 'dc3' });
    const read = one.update([row('10.0.0.1'), row('10.0.0.2', { datacenter: 'dc2' })], CONTACT);
    await expect(read).rejects.toThrow(TargetFault);
    await expect(topology({ local: 'dc3' }).update([row('a')], CONTACT)).rejects.toThrow(
      'cluster.localDatacenter is dc3, but the cluster has dc1',
    );
  });

  it('are used by datacenter in the configured order', async () => {
    const one = topology({ local: 'dc2', remote: ['dc1'] });
    await one.update([row('10.0.0.1'), row('10.0.0.2', { datacenter: 'dc2' })], CONTACT);
    expect(one.tiers.map((tier) => tier.map(({ native }) => native.host))).toEqual([
      ['10.0.0.2'],
      ['10.0.0.1'],
    ]);
  });

  it('are told apart by whether they are reached, or meant to be', async () => {
    const one = topology();
    await one.update([row('10.0.0.1'), row('10.0.0.2', { datacenter: 'dc2' })], CONTACT);
    const states = () =>
      one.nodeStates.map(({ datacenter, reached }) => `${datacenter} ${reached}`);
    expect(states()).toEqual(['dc1 no', 'dc2 unused']);
    one.nodes[0]!.openConnections = 1;
    expect(states()).toEqual(['dc1 yes', 'dc2 unused']);
  });

  it.each([
    ['5.0.9', [true, true]],
    ['4.1.0', [true, true]],
    ['3.11.19', [true, false]],
  ])('speak what a release %s speaks', async (releaseVersion, speaks) => {
    const one = topology();
    await one.update([row('10.0.0.1'), row('10.0.0.2', { releaseVersion })], CONTACT);
    expect([4, 5].map((version) => one.speaks(version))).toEqual(speaks);
  });
});

describe('an event about a node', () => {
  const event = (change: string, host: string) =>
    ({ type: 'STATUS_CHANGE', change, address: inetBytes(host)!, port: 9042 }) as const;

  it('is noted at the node that the cluster calls so, as a hint', async () => {
    const one = topology();
    await one.update([row('10.0.0.1'), row('10.0.0.2')], address('10.0.0.2'));
    expect(one.changed(event('DOWN', '10.0.0.1'))).toBe(one.nodes[0]);
    expect(one.nodes.map(({ saidDown }) => saidDown)).toEqual([true, false]);
    expect(one.changed(event('UP', '10.0.0.1'))).toBe(one.nodes[0]);
    expect(one.nodes.map(({ saidDown }) => saidDown)).toEqual([false, false]);
  });

  it('is nothing where no such node is known', async () => {
    const one = topology();
    await one.update([row('10.0.0.1')], CONTACT);
    expect(one.changed(event('DOWN', '10.0.0.9'))).toBeNull();
  });
});

describe('where to connect', () => {
  it('is at contact points first, and at nodes that are reached later', async () => {
    const one = topology();
    expect(one.candidates(null)).toEqual([CONTACT]);
    await one.update([row('10.0.0.2'), row('10.0.0.3')], address('10.0.0.2'));
    expect(one.candidates(null)).toEqual([CONTACT]);
    one.nodes[1]!.openConnections = 1;
    expect(one.candidates(null).map(({ host }) => host)).toEqual(['10.0.0.3', 'db.example.com']);
  });

  it('is last at the node that was lost just now, and there once', async () => {
    const one = topology();
    await one.update([row('10.0.0.1'), row('10.0.0.2')], CONTACT);
    for (const node of one.nodes) node.openConnections = 1;
    expect(one.candidates(CONTACT).map(({ host }) => host)).toEqual(['10.0.0.2', 'db.example.com']);
  });
});

describe('the nodes that have a row', () => {
  const schema = (factor: string) => ({
    replication: new Map([
      [
        'ks',
        new Map([
          ['class', 'SimpleStrategy'],
          ['replication_factor', factor],
        ]),
      ],
    ]),
  });
  const TOKENS = [-3_000_000_000_000_000_000n, 0n, 3_000_000_000_000_000_000n];
  const nodes = TOKENS.map((token, i) => row(`10.0.0.${i + 1}`, { tokens: [token] }));
  const { frame, bound } = boundExecute(Buffer.from('123'));
  const prepared = preparedBy('SELECT v FROM ks.t WHERE k = ?', [0]);

  it('are found by the key that is bound, and anew where the schema is another', async () => {
    const one = topology();
    await one.update(nodes, address('10.0.0.1'));
    const found = one.replicasFor(schema('1'), frame, [prepared], bound);
    expect(found).toHaveLength(1);
    const more = one.replicasFor(schema('2'), frame, [prepared], bound);
    expect(more).toHaveLength(2);
    expect(more[0]).toBe(found[0]);
  });

  it('are none where nothing is bound, or there is nothing to choose from', async () => {
    const one = topology();
    await one.update(nodes, address('10.0.0.1'));
    expect(one.replicasFor(schema('1'), frame, [prepared], null)).toEqual([]);
    expect(one.replicasFor(schema('1'), frame, [], bound)).toEqual([]);
    const unbound = preparedBy('SELECT v FROM ks.t', []);
    expect(one.replicasFor(schema('1'), frame, [unbound], bound)).toEqual([]);
    await one.update([nodes[0]!], address('10.0.0.1'));
    expect(one.replicasFor(schema('1'), frame, [prepared], bound)).toEqual([]);
  });
});
