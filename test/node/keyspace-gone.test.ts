// A session whose keyspace was dropped: whatever names its keyspace itself goes on as at a node, and what does not is
// told that there is none. Steps of the gate's own, which a statement did not need, decide no answer.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const GONE = 'gone_soon';
const STAYS = 'stays';
const REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
const ROLES = {
  migrator: {
    grants: [
      `CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE ${GONE}`,
      `CREATE, ALTER, DROP, SELECT, MODIFY, AUTHORIZE ON KEYSPACE ${STAYS}`,
      'CREATE ON KEYSPACE made_*',
      'ALTER, DESCRIBE ON ALL ROLES',
    ],
  },
};

describe.skipIf(noNode).each([4, 5])(
  'a session whose keyspace was dropped, protocol v%i',
  (version) => {
    let superuser: Client;
    let gate: TestGate;
    let client: RawClient;

    beforeAll(async () => {
      superuser = await direct();
      for (const ks of [GONE, STAYS]) {
        await superuser.execute(
          `CREATE KEYSPACE IF NOT EXISTS ${ks} WITH replication = ${REPLICATION}`,
        );
        await superuser.execute(`CREATE TABLE IF NOT EXISTS ${ks}.t (k int PRIMARY KEY, v text)`);
      }
      await superuser.execute('CREATE ROLE IF NOT EXISTS gone_guest');
      const cluster = { contactPoints: [contactPoint], connectionsPerPool: 1 };
      gate = await TestGate.start({ contactPoint, roles: ROLES, config: { cluster } });
      client = await RawClient.login(gate.port, 'migrator', gate.issuer.mint(), version);
      expect(errorOf(await client.query(`USE ${GONE}`))).toBeNull();
      await superuser.execute(`DROP KEYSPACE ${GONE}`);
      // No connection is in it any more, as after the pool served others.
      const other = await RawClient.login(gate.port, 'migrator', gate.issuer.mint(), version);
      expect(errorOf(await other.query(`USE ${STAYS}`))).toBeNull();
      expect(errorOf(await other.prepare('SELECT v FROM t'))).toBeNull();
      other.close();
    });

    afterAll(async () => {
      client?.close();
      await gate?.close();
      await superuser?.shutdown();
    });

    it.each([
      `CREATE TABLE IF NOT EXISTS ${STAYS}.made (k int PRIMARY KEY)`,
      `ALTER TABLE ${STAYS}.made ADD IF NOT EXISTS v int`,
      `CREATE INDEX IF NOT EXISTS made_v ON ${STAYS}.made (v)`,
      `DROP TABLE IF EXISTS ${STAYS}.made`,
      `CREATE TYPE IF NOT EXISTS ${STAYS}.ty (a int)`,
      `DROP TYPE IF EXISTS ${STAYS}.ty`,
      `TRUNCATE ${STAYS}.t`,
      `GRANT SELECT ON ${STAYS}.t TO gone_guest`,
      `REVOKE SELECT ON ${STAYS}.t FROM gone_guest`,
      `LIST ALL PERMISSIONS ON ${STAYS}.t OF gone_guest`,
      'LIST ROLES OF gone_guest',
      `CREATE KEYSPACE IF NOT EXISTS made_v${version} WITH replication = ${REPLICATION}`,
      `INSERT INTO ${STAYS}.t (k, v) VALUES (1, 'one')`,
      `SELECT v FROM ${STAYS}.t`,
      `BEGIN BATCH DELETE FROM ${STAYS}.t WHERE k = 1; APPLY BATCH`,
      'DESCRIBE KEYSPACES',
      `DESCRIBE KEYSPACE ${STAYS}`,
      `DESCRIBE TABLE ${STAYS}.t`,
      `DESCRIBE ${STAYS}.t`,
      `DESCRIBE ${STAYS}`,
    ])('carries out %s, prepared too', async (text) => {
      expect(errorOf(await client.query(text))).toBeNull();
      const prepared = await client.prepare(text);
      expect(errorOf(prepared)).toBeNull();
      const id = Buffer.from(decodePrepared(prepared!, version).id);
      expect(errorOf(await client.execute(id))).toBeNull();
    });

    it('carries out a BATCH of texts and of what it prepared', async () => {
      const text = `INSERT INTO ${STAYS}.t (k, v) VALUES (2, 'two')`;
      const prepared = await client.prepare(text);
      const id = Buffer.from(decodePrepared(prepared!, version).id);
      expect(errorOf(await client.batch([text, id]))).toBeNull();
    });

    it.each(['SELECT v FROM t', 'DESCRIBE TABLES', 'DESCRIBE TABLE t', 'TRUNCATE t'])(
      'says that there is no such keyspace to %s',
      async (text) => {
        for (const answer of [await client.query(text), await client.prepare(text)]) {
          expect(errorOf(answer)).toMatchObject({
            code: CqlErrorCode.INVALID,
            message: expect.stringContaining(GONE) as string,
          });
        }
      },
    );

    it('goes on in another keyspace', async () => {
      expect(errorOf(await client.query(`USE ${STAYS}`))).toBeNull();
      expect((await client.query('SELECT v FROM t'))?.opcode).toBe(Opcode.RESULT);
    });
  },
);
