// Replicas as Cassandra's strategies place them, over rings that are small enough to follow by hand.
import { describe, expect, it } from 'vitest';
import { murmur3 } from '../../src/upstream/murmur3.ts';
import { TokenRing, type Replication } from '../../src/upstream/token-ring.ts';

interface Node {
  readonly name: string;
  readonly datacenter: string;
  readonly rack: string;
  readonly tokens: readonly bigint[];
}

function node(name: string, tokens: readonly bigint[], rack = 'r1', datacenter = 'dc1'): Node {
  return { name, datacenter, rack, tokens };
}

const KEY = Buffer.from('123');
const TOKEN = -7468325962851647638n;

/** Names of the replicas of the key whose token is TOKEN. */
function replicas(nodes: readonly Node[], options: Record<string, string>): string[] {
  const replication: Replication = new Map(Object.entries(options));
  const ring = new TokenRing(nodes, new Map([['ks', replication]]));
  return ring.replicas('ks', KEY, 0, KEY.length).map(({ name }) => name);
}

const simple = (factor: string) => ({ class: 'SimpleStrategy', replication_factor: factor });
const network = (factors: Record<string, string>) => ({
  class: 'org.apache.cassandra.locator.NetworkTopologyStrategy',
  ...factors,
});

describe('the ring', () => {
  it('begins with the token that is not before that of the key', () => {
    const nodes = [node('at', [TOKEN]), node('after', [TOKEN + 1n]), node('before', [TOKEN - 1n])];
    expect(replicas(nodes, simple('1'))).toEqual(['at']);
    expect(replicas(nodes.slice(1), simple('1'))).toEqual(['after']);
    // Past the last token it begins again.
    expect(replicas(nodes.slice(2), simple('1'))).toEqual(['before']);
  });

  it('orders tokens as signed numbers, in both halves', () => {
    const tokens = [-(2n ** 63n), -(2n ** 32n), -1n, 0n, 1n, 2n ** 31n, 2n ** 32n, 2n ** 63n - 1n];
    const nodes = tokens.map((token) => node(String(token), [token]));
    const ring = new TokenRing(nodes, new Map([['ks', new Map(Object.entries(simple('1')))]]));
    const token = { high: 0, low: 0 };
    for (let i = 0; i < 2_000; i++) {
      const key = Buffer.from(`key ${i}`);
      murmur3(key, 0, key.length, token);
      const value = BigInt.asIntN(64, (BigInt(token.high) << 32n) | BigInt(token.low));
      const owner = tokens.find((one) => one >= value) ?? tokens[0]!;
      expect(ring.replicas('ks', key, 0, key.length)[0]!.name).toBe(String(owner));
    }
  });

  it('is empty where tokens do not place the rows, or the keyspace is not known', () => {
    const nodes = [node('a', [1n]), node('b', [2n])];
    expect(replicas(nodes, { class: 'org.apache.cassandra.locator.LocalStrategy' })).toEqual([]);
    expect(replicas(nodes, { class: 'EverywhereStrategy' })).toEqual([]);
    expect(replicas(nodes, { class: 'NoSuchStrategy' })).toEqual([]);
    expect(replicas(nodes, {})).toEqual([]);
    expect(replicas(nodes, simple('many'))).toEqual([]);
    expect(replicas([], simple('3'))).toEqual([]);
    const ring = new TokenRing(nodes, new Map());
    expect(ring.replicas('other', KEY, 0, 3)).toEqual([]);
  });

  it('gives the same list for keyspaces of the same replication', () => {
    const options = new Map(Object.entries(simple('2')));
    const ring = new TokenRing(
      [node('a', [1n]), node('b', [2n])],
      new Map([
        ['one', options],
        ['two', new Map([...options].reverse())],
      ]),
    );
    expect(ring.replicas('one', KEY, 0, 3)).toBe(ring.replicas('two', KEY, 0, 3));
  });
});

describe('SimpleStrategy', () => {
  it('takes the next nodes, each once', () => {
    const nodes = [node('a', [0n, 10n, 20n]), node('b', [5n, 15n]), node('c', [30n])];
    expect(replicas(nodes, simple('3'))).toEqual(['a', 'b', 'c']);
    expect(replicas(nodes, simple('9'))).toEqual(['a', 'b', 'c']);
    expect(replicas(nodes, simple('3/1'))).toEqual(['a', 'b', 'c']);
  });
});

describe('NetworkTopologyStrategy', () => {
  it('takes nodes of other racks first', () => {
    const nodes = [
      node('a', [0n], 'r1'),
      node('b', [1n], 'r1'),
      node('c', [2n], 'r2'),
      node('d', [3n], 'r3'),
    ];
    expect(replicas(nodes, network({ dc1: '3' }))).toEqual(['a', 'c', 'd']);
  });

  it('repeats racks only as often as there are too few of them', () => {
    const nodes = [
      node('a', [0n], 'r1'),
      node('b', [1n], 'r1'),
      node('c', [2n], 'r1'),
      node('d', [3n], 'r2'),
    ];
    // One repeat, and it is the first that comes.
    expect(replicas(nodes, network({ dc1: '3' }))).toEqual(['a', 'b', 'd']);
  });

  it('fills each datacenter by its own factor, in ring order', () => {
    const nodes = [
      node('a', [0n], 'r1', 'dc1'),
      node('x', [1n], 'r1', 'dc2'),
      node('b', [2n], 'r1', 'dc1'),
      node('y', [3n], 'r1', 'dc2'),
    ];
    expect(replicas(nodes, network({ dc1: '1', dc2: '2' }))).toEqual(['a', 'x', 'y']);
    expect(replicas(nodes, network({ dc2: '1' }))).toEqual(['x']);
    expect(replicas(nodes, network({ dc1: '0', dc9: '3' }))).toEqual([]);
  });

  it('takes what there is where a datacenter has fewer nodes than replicas', () => {
    const nodes = [node('a', [0n, 4n], 'r1'), node('b', [2n], 'r2')];
    expect(replicas(nodes, network({ dc1: '5' }))).toEqual(['a', 'b']);
  });
});
