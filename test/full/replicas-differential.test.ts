// Replicas over random rings against Cassandra's own strategies, from its jar: several datacenters and
// racks, fewer racks or nodes than replicas, tokens that nearly meet.
import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { murmur3 } from '../../src/upstream/murmur3.ts';
import { TokenRing } from '../../src/upstream/token-ring.ts';
import { jars } from '../support/cassandra.ts';
import { noNode } from '../support/nodes.ts';

const RINGS = 400;
const KEYS = 25;

interface Node {
  readonly name: string;
  readonly datacenter: string;
  readonly rack: string;
  readonly tokens: readonly bigint[];
}

interface Ring {
  readonly strategy: string;
  readonly options: Readonly<Record<string, number>>;
  readonly nodes: readonly Node[];
  readonly keys: readonly Buffer[];
}

/** The same numbers in each run: mulberry32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function ringOf(seed: number): Ring {
  const random = randomOf(seed);
  const datacenters = Array.from({ length: 1 + random(3) }, (_unused, i) => `dc${i}`);
  const taken = new Set<bigint>();
  const token = (): bigint => {
    for (;;) {
      const high = BigInt(random(2 ** 32)) - 2n ** 31n;
      const value = (high << 32n) | BigInt(random(2 ** 32));
      if (!taken.has(value)) {
        taken.add(value);
        return value;
      }
    }
  };
  const nodes = datacenters.flatMap((datacenter) => {
    const racks = 1 + random(4);
    return Array.from({ length: 1 + random(7) }, () => ({
      datacenter,
      rack: `r${random(racks)}`,
      tokens: Array.from({ length: 1 + random(8) }, token),
    }));
  });
  const isSimple = random(3) === 0;
  const options: Record<string, number> = {};
  if (isSimple) options['replication_factor'] = 1 + random(5);
  else {
    for (const name of datacenters) if (random(4) > 0) options[name] = 1 + random(5);
    if (Object.keys(options).length === 0) options[datacenters[0]!] = 1;
  }
  return {
    strategy: isSimple ? 'SimpleStrategy' : 'NetworkTopologyStrategy',
    options,
    nodes: nodes.map((node, i) => ({ ...node, name: String(i) })),
    keys: Array.from({ length: KEYS }, (_unused, i) => Buffer.from(`${seed}/${i}`)),
  };
}

function tokenOf(key: Buffer): bigint {
  const token = { high: 0, low: 0 };
  murmur3(key, 0, key.length, token);
  return BigInt.asIntN(64, (BigInt(token.high) << 32n) | BigInt(token.low));
}

function lineOf({ strategy, options, nodes, keys }: Ring): string {
  return [
    strategy,
    Object.entries(options)
      .map(([name, factor]) => `${name}=${factor}`)
      .join(),
    nodes.map(({ datacenter, rack, tokens }) => [datacenter, rack, ...tokens].join(' ')).join(';'),
    keys.map(tokenOf).join(' '),
  ].join('|');
}

function own({ strategy, options, nodes, keys }: Ring): string {
  const texts = Object.entries(options).map(([name, factor]): [string, string] => [
    name,
    String(factor),
  ]);
  const ring = new TokenRing(nodes, new Map([['ks', new Map([['class', strategy], ...texts])]]));
  return keys
    .map((key) =>
      ring
        .replicas('ks', key, 0, key.length)
        .map(({ name }) => name)
        .join(),
    )
    .join(';');
}

async function cassandras(rings: readonly Ring[]): Promise<string[]> {
  const dir = await jars();
  const files = (await readdir(dir)).filter((name) => name.endsWith('.jar'));
  const classPath = files.map((name) => path.join(dir, name)).join(path.delimiter);
  const source = path.resolve(import.meta.dirname, '../support/oracle/CassandraReplicas.java');
  const child = spawn('java', ['-Xmx400m', '-cp', classPath, source]);
  child.stderr.resume();
  child.stdin.end(rings.map((ring) => `${lineOf(ring)}\n`).join(''));
  const answers: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    // Its log goes the same way.
    if (/^[\d,;]*$/.test(line)) answers.push(line);
  }
  return answers;
}

describe.skipIf(noNode)('the replicas of a row', () => {
  it(`are Cassandra's own in ${RINGS} random rings`, async () => {
    const rings = Array.from({ length: RINGS }, (_unused, seed) => ringOf(seed + 1));
    const answers = await cassandras(rings);
    expect(answers).toHaveLength(RINGS);
    const differing = rings.flatMap((ring, i) =>
      own(ring) === answers[i] ? [] : [`${lineOf(ring)}\n${own(ring)}\n${answers[i]}`],
    );
    expect(differing).toEqual([]);
  });
});
