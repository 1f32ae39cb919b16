// The list of nodes from one reading to the next, the order in which datacenters are used, and the names that
// nodes are dialled by.
import { beforeEach, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../src/protocol/inet.ts';
import type { ClusterNode, NodeRow } from '../../src/upstream/node.ts';
import { Nodes, resolveNames } from '../../src/upstream/nodes.ts';

const NO_NAMES: ReadonlyMap<string, Endpoint> = new Map();

/** Node `n` of a datacenter. */
const row = (n: number, datacenter = 'dc1', over: Partial<NodeRow> = {}): NodeRow => ({
  hostId: `id ${n}`,
  native: { host: `10.0.0.${n}`, port: 9042 },
  addresses: [`10.0.0.${n}`],
  datacenter,
  rack: 'r1',
  releaseVersion: '5.0.9',
  tokens: [BigInt(n)],
  ...over,
});
const at = (n: number): Endpoint => ({ host: `10.0.0.${n}`, port: 9042 });

let nodes: Nodes;
beforeEach(() => {
  nodes = new Nodes({ local: null, remote: [] });
});

const hosts = (list: readonly ClusterNode[] = nodes.all): string[] => list.map(({ host }) => host);
const nodeOf = (n: number): ClusterNode => nodes.find(`10.0.0.${n}`, 9042)!;

describe('what a node says of the cluster', () => {
  it('is nothing where it has no row of its own', () => {
    nodes.update([row(1)], at(1), NO_NAMES);
    expect(nodes.update([], at(1), NO_NAMES)).toBe(false);
    expect(hosts()).toEqual(['10.0.0.1']);
  });

  it('leaves nodes that stayed as they were the same, and the list too where all of them did', () => {
    expect(nodes.update([row(1), row(2)], at(1), NO_NAMES)).toBe(true);
    const [before, one, two] = [nodes.all, nodeOf(1), nodeOf(2)];
    expect(nodes.update([row(1), row(2)], at(1), NO_NAMES)).toBe(false);
    expect(nodes.all).toBe(before);
    expect(nodes.update([row(1), row(2, 'dc1', { rack: 'r2' })], at(1), NO_NAMES)).toBe(true);
    expect(nodeOf(1)).toBe(one);
    expect(nodeOf(2)).not.toBe(two);
  });

  it.each<[string, NodeRow[], string[]]>([
    ['joined', [row(1), row(2), row(3)], ['10.0.0.1', '10.0.0.2', '10.0.0.3']],
    ['left', [row(1)], ['10.0.0.1']],
    [
      'moved',
      [row(1), row(2, 'dc1', { native: { host: '10.0.0.9', port: 9042 } })],
      ['10.0.0.1', '10.0.0.9'],
    ],
  ])('is news where a node %s', (_what, rows, expected) => {
    nodes.update([row(1), row(2)], at(1), NO_NAMES);
    expect(nodes.update(rows, at(1), NO_NAMES)).toBe(true);
    expect(hosts()).toEqual(expected);
  });

  it('is not news where only the order of the nodes is another', () => {
    nodes.update([row(1), row(2)], at(1), NO_NAMES);
    expect(nodes.update([row(2), row(1)], at(2), NO_NAMES)).toBe(false);
  });
});

describe('a node is dialled', () => {
  const POINT = { host: 'node-1.example', port: 9142 };

  it('by the words that led to it, from whichever node its row comes later', () => {
    nodes.update([row(1), row(2)], POINT, NO_NAMES);
    expect(hosts()).toEqual(['node-1.example', '10.0.0.2']);
    nodes.update([row(2), row(1), row(3)], at(2), NO_NAMES);
    expect(hosts()).toEqual(['10.0.0.2', 'node-1.example', '10.0.0.3']);
  });

  it('no longer by these words once it gives another address of itself', () => {
    nodes.update([row(1), row(2)], POINT, NO_NAMES);
    const moved = row(1, 'dc1', { native: { host: '10.0.0.9', port: 9042 } });
    nodes.update([row(2), moved], at(2), NO_NAMES);
    expect(hosts()).toEqual(['10.0.0.2', '10.0.0.9']);
  });

  it('no longer by these words when it left in between', () => {
    nodes.update([row(1), row(2)], POINT, NO_NAMES);
    nodes.update([row(2)], at(2), NO_NAMES);
    nodes.update([row(2), row(1)], at(2), NO_NAMES);
    expect(hosts()).toEqual(['10.0.0.2', '10.0.0.1']);
  });

  it('by the name of a contact point where that resolves to its address and port', () => {
    const names = new Map([['10.0.0.2:9042', { host: 'node-2.example', port: 9042 }]]);
    const otherPort = row(3, 'dc1', { native: { host: '10.0.0.2', port: 9043 } });
    nodes.update([row(1), row(2), otherPort], at(1), names);
    expect(hosts()).toEqual(['10.0.0.1', 'node-2.example', '10.0.0.2']);
  });
});

describe('a node is found', () => {
  beforeEach(() => nodes.update([row(1), row(2)], { host: 'node-1.example', port: 9 }, NO_NAMES));

  it('by the address and port that the cluster calls it by', () => {
    expect(nodes.find('10.0.0.1', 9042)?.hostId).toBe('id 1');
    expect(nodes.find('10.0.0.1', 9)).toBeNull();
    expect(nodes.find('node-1.example', 9042)).toBeNull();
    expect(nodes.find('10.0.0.3', 9042)).toBeNull();
  });

  it('by where it is dialled', () => {
    expect(nodes.dialledAs({ host: 'node-1.example', port: 9 })?.hostId).toBe('id 1');
    expect(nodes.dialledAs(at(1))).toBeNull();
    expect(nodes.dialledAs({ host: '::ffff:10.0.0.2', port: 9042 })?.hostId).toBe('id 2');
  });
});

describe('datacenters', () => {
  const ROWS = [row(1, 'dc1'), row(2, 'dc2'), row(3, 'dc3'), row(4, 'dc1')];
  const tiersOf = (): string[][] => nodes.tiers.map((tier) => hosts(tier));

  it('are used by that of the first node that was reached, which stays', () => {
    nodes.update([ROWS[1]!, ROWS[0]!, ROWS[2]!, ROWS[3]!], at(2), NO_NAMES);
    expect([nodes.localDatacenter, tiersOf()]).toEqual(['dc2', [['10.0.0.2']]]);
    nodes.update(ROWS, at(1), NO_NAMES);
    expect(nodes.localDatacenter).toBe('dc2');
    expect([...nodes.datacenters].sort()).toEqual(['dc1', 'dc2', 'dc3']);
  });

  it('are used in the order of the configuration, whichever was reached', () => {
    nodes = new Nodes({ local: 'dc3', remote: ['dc2', 'dc9', 'dc1'] });
    nodes.update(ROWS, at(1), NO_NAMES);
    expect(tiersOf()).toEqual([['10.0.0.3'], ['10.0.0.2'], [], ['10.0.0.1', '10.0.0.4']]);
  });

  describe('a node without a connection', () => {
    const reach = (): string => [1, 2, 3].map((n) => nodes.reachOf(nodeOf(n))).join(' ');

    beforeEach(() => {
      nodes = new Nodes({ local: 'dc1', remote: ['dc2'] });
      nodes.update(ROWS, at(1), NO_NAMES);
    });

    it('is missed where its datacenter is used, and unused elsewhere', () => {
      expect(reach()).toBe('no no unused');
    });

    it('is unused while a datacenter before its own has a node that is reached', () => {
      nodeOf(4).openConnections = 1;
      expect(reach()).toBe('no unused unused');
      nodeOf(4).openConnections = 0;
      nodeOf(2).openConnections = 1;
      expect(reach()).toBe('no yes unused');
    });

    it('is reached wherever it is, once there is a connection', () => {
      for (const n of [1, 2, 3]) nodeOf(n).openConnections = 1;
      expect(reach()).toBe('yes yes yes');
    });
  });
});

describe('names of contact points', () => {
  const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
    one: ['10.0.0.1'],
    mapped: ['::ffff:10.0.0.2'],
    six: ['2001:DB8::0:1'],
    several: ['10.0.0.3', '10.0.0.4'],
    'both families': ['10.0.0.5', '2001:db8::5'],
    none: [],
  };
  const asked: string[] = [];
  const resolved = async (...points: readonly string[]): Promise<string[]> => {
    const found = await resolveNames(
      points.map((host) => ({ host, port: 9042 })),
      async (host) => {
        asked.push(host);
        const addresses = ADDRESSES[host];
        if (addresses === undefined) throw new Error('ENOTFOUND');
        return Promise.resolve(addresses.map((address) => ({ address })));
      },
    );
    return [...found].map(([name, { host, port }]) => `${name} is ${host}:${port}`);
  };

  it('stand for the one address that they resolve to, in its one spelling', async () => {
    expect(await resolved('one', 'mapped', 'six')).toEqual([
      '10.0.0.1:9042 is one:9042',
      '10.0.0.2:9042 is mapped:9042',
      '[2001:db8::1]:9042 is six:9042',
    ]);
  });

  it('stand for nothing where they have several addresses, or none, or are not found', async () => {
    expect(await resolved('several', 'both families', 'none', 'unknown')).toEqual([]);
  });

  it('are not looked up where they are addresses', async () => {
    asked.length = 0;
    expect(await resolved('10.0.0.1', '::1')).toEqual([]);
    expect(asked).toEqual([]);
  });
});
