// A type nested deeper than anybody would write: PREPARE over it works, again and again, and the
// sessions that share the connection notice nothing.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePrepared, rowCount } from '../../src/protocol/messages/result.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

/** More than any real type has; each is two levels of the text, of which 200 are let through. */
const LEVELS = 90;

describe.skipIf(noNode)('a table of deep types', () => {
  let gate: TestGate;

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: {
        deep: { grants: ['SELECT, MODIFY, CREATE, DROP ON KEYSPACE deep_*'] },
        other: { grants: ['SELECT, MODIFY ON KEYSPACE deep_other'] },
      },
      config: {
        cluster: { contactPoints: [contactPoint], connectionsPerPool: 1 },
        audit: { dir: 'audit', dml: 'all' },
      },
    });
    const one = await RawClient.login(gate.port, 'deep', gate.issuer.mint());
    const type = `${'frozen<list<'.repeat(LEVELS)}int${'>>'.repeat(LEVELS)}`;
    for (const text of [
      'DROP KEYSPACE IF EXISTS deep_types',
      'DROP KEYSPACE IF EXISTS deep_other',
      "CREATE KEYSPACE deep_types WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
      "CREATE KEYSPACE deep_other WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
      `CREATE TABLE deep_types.t (k int PRIMARY KEY, v ${type})`,
      'CREATE TABLE deep_other.t (k int PRIMARY KEY)',
      'INSERT INTO deep_types.t (k) VALUES (1)',
    ]) {
      expect(errorOf(await one.query(text))).toBeNull();
    }
    one.close();
  });

  afterAll(async () => gate?.close());

  it.each([4, 5])('v%i: can be prepared, read and written, beside others', async (version) => {
    const one = await RawClient.login(gate.port, 'deep', gate.issuer.mint(), version);
    const two = await RawClient.login(gate.port, 'other', gate.issuer.mint(), version);
    let stop = false;
    const writes = (async () => {
      for (let k = 0; !stop; k++) {
        expect(errorOf(await two.query(`INSERT INTO deep_other.t (k) VALUES (${k})`))).toBeNull();
      }
    })();
    for (let i = 0; i < 50; i++) {
      const prepared = await one.prepare('SELECT * FROM deep_types.t');
      expect(errorOf(prepared)).toBeNull();
      const { id } = decodePrepared(prepared!, version);
      const rows = await one.query('SELECT * FROM deep_types.t');
      expect(rowCount(rows!, version)).toBe(1);
      if (version === 4) expect(rowCount((await one.execute(id))!, version)).toBe(1);
    }
    expect(errorOf(await one.prepare('INSERT INTO deep_types.t (k, v) VALUES (?, ?)'))).toBeNull();
    stop = true;
    await writes;
    one.close();
    two.close();
    expect(gate.output.filter((line) => /internal error|malformed|upstream:/.test(line))).toEqual(
      [],
    );
  });
});
