// Tokens of the gate against those of the real node, for thousands of random keys.
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from 'cassandra-driver';
import { murmur3 } from '../../src/upstream/murmur3.ts';
import { direct, noNode } from '../support/nodes.ts';

let client: Client;

describe.skipIf(noNode)('the token of a key', () => {
  beforeAll(async () => {
    client = await direct();
    await client.execute(
      "CREATE KEYSPACE tokens WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await client.execute('CREATE TABLE tokens.t (k blob PRIMARY KEY)');
  });

  afterAll(async () => {
    await client.execute('DROP KEYSPACE tokens');
    await client.shutdown();
  });

  it('is what Cassandra makes of it, for every length of tail and every byte', async () => {
    const keys = Array.from({ length: 4_000 }, (_unused, i) => randomBytes(i, 1 + (i % 70)));
    keys.push(
      ...Array.from({ length: 256 }, (_unused, byte) => Buffer.alloc(1 + (byte % 40), byte)),
    );
    for (let at = 0; at < keys.length; at += 100) {
      await Promise.all(
        keys.slice(at, at + 100).map(async (key) => {
          await client.execute('INSERT INTO tokens.t (k) VALUES (?)', [key], { prepare: true });
        }),
      );
    }
    let compared = 0;
    const token = { high: 0, low: 0 };
    const { rows } = await client.execute('SELECT k, token(k) AS t FROM tokens.t', [], {
      fetchSize: 10_000,
    });
    for (const row of rows) {
      const key = row['k'] as Buffer;
      murmur3(key, 0, key.length, token);
      const own = BigInt.asIntN(64, (BigInt(token.high) << 32n) | BigInt(token.low));
      expect(String(own), key.toString('hex')).toBe(String(row['t']));
      compared++;
    }
    expect(compared).toBeGreaterThan(4_000);
  });
});

/** The same in each run. */
function randomBytes(seed: number, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; 32 * i < length; i++) {
    blocks.push(createHash('sha256').update(`${seed}/${i}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}
