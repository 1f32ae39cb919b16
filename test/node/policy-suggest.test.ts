// From a ledger of a wide role to the least grants: the same run passes under them, and nothing else.
import { execFile } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Client } from 'cassandra-driver';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, failure, noNode, through } from '../support/nodes.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const run = promisify(execFile);
const REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}";

const suggested = async (gate: TestGate, ...args: string[]): Promise<string> => {
  const dir = path.join(gate.dir, 'audit');
  const { stdout } = await run(
    process.execPath,
    [MAIN, 'policy', 'suggest', '--dir', dir, ...args],
    {
      env: { ...process.env, GATE_PASSWORD: 'cassandra' },
    },
  );
  return stdout;
};

/** What a job does, prepared and not, in a batch and by a view. */
async function job(session: Client): Promise<void> {
  await session.execute(`CREATE KEYSPACE sugg_made WITH replication = ${REPLICATION}`);
  await session.execute('CREATE TABLE sugg_made.t (k int PRIMARY KEY)');
  await session.execute('INSERT INTO sugg.t (k, v) VALUES (?, ?)', [1, 2], { prepare: true });
  await session.execute('SELECT * FROM sugg.by_v WHERE v = 2');
  await session.execute('SELECT sugg.plus(v) FROM sugg.t');
  await session.execute("UPDATE sugg.other SET v = 'c4nary' WHERE k = 1 IF v = 'x'");
  await session.batch([
    'INSERT INTO sugg.plain (k) VALUES (1)',
    'DELETE FROM sugg.plain WHERE k = 2',
  ]);
  await session.execute('TRUNCATE sugg.plain');
  await session.execute('DROP KEYSPACE sugg_made');
}

describe.skipIf(noNode)('policy suggest', () => {
  let admin: Client;

  beforeAll(async () => {
    admin = await direct();
    for (const text of [
      `CREATE KEYSPACE sugg WITH replication = ${REPLICATION}`,
      'CREATE TABLE sugg.t (k int PRIMARY KEY, v int)',
      'CREATE MATERIALIZED VIEW sugg.by_v AS SELECT * FROM sugg.t WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)',
      'CREATE TABLE sugg.other (k int PRIMARY KEY, v text)',
      'CREATE TABLE sugg.plain (k int PRIMARY KEY)',
      "CREATE FUNCTION sugg.plus (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'",
    ]) {
      await admin.execute(text);
    }
  });

  afterAll(async () => {
    await admin.execute('DROP KEYSPACE IF EXISTS sugg');
    await admin.execute('DROP KEYSPACE IF EXISTS sugg_made');
    await admin.shutdown();
  });

  it.each(['activity', 'all'])('proposes grants for just that run (dml: %s)', async (dml) => {
    const wide = { grants: ['ALL ON ALL KEYSPACES', 'ALL ON ALL FUNCTIONS'], deny: ['DROP TYPE'] };
    const gate = await TestGate.start({
      contactPoint,
      roles: { everyone: wide },
      config: { audit: { dir: 'audit', dml } },
    });
    try {
      const session = await through(gate, 'everyone');
      await job(session);
      await failure(session.execute('DROP TYPE sugg.x'));
      await session.shutdown();
      await gate.stop();
      const text = await suggested(gate);
      expect(text).not.toContain('c4nary');
      expect(text).toContain('was refused: DROP TYPE');
      const { everyone } = parse(text) as { everyone: { grants: string[] } };
      expect(everyone.grants).toEqual([
        'DROP ON KEYSPACE sugg_made',
        'CREATE ON ALL TABLES IN KEYSPACE sugg_made',
        'MODIFY ON TABLE sugg.by_v',
        'SELECT, MODIFY ON TABLE sugg.other',
        'MODIFY ON TABLE sugg.plain',
        'SELECT, MODIFY ON TABLE sugg.t',
        'EXECUTE ON FUNCTION sugg.plus(int)',
        'CREATE ON KEYSPACE sugg_made*',
      ]);
      const byBinding = await suggested(gate, '--by', 'binding', '--since', '1h');
      expect(Object.keys(parse(byBinding) as object)).toEqual(['everyone of the test repository']);
      const unused = await suggested(gate, '-c', gate.configFile, '--unused');
      expect(unused).toContain("# unused in everyone: UNMASK of 'ALL ON ALL KEYSPACES'");
      expect(unused).not.toContain('unused in everyone: SELECT of');

      await gate.writePolicy({ everyone });
      await gate.launch();
      const narrow = await through(gate, 'everyone');
      await job(narrow);
      for (const refused of [
        'SELECT * FROM sugg.plain',
        'DROP TABLE sugg.t',
        'ALTER TABLE sugg.t ADD w int',
        `CREATE KEYSPACE sugx WITH replication = ${REPLICATION}`,
        'CREATE TABLE sugg.more (k int PRIMARY KEY)',
        'DROP KEYSPACE sugg',
      ]) {
        expect((await failure(narrow.execute(refused))).code, refused).toBe(
          CqlErrorCode.UNAUTHORIZED,
        );
      }
      await narrow.shutdown();
    } finally {
      await gate.close();
    }
  });

  it('refuses a ledger that somebody changed, one that is not there, and options that mean nothing', async () => {
    const gate = await TestGate.start({
      contactPoint,
      roles: { r: { grants: ['SELECT ON KEYSPACE sugg'] } },
    });
    try {
      const session = await through(gate, 'r');
      await session.execute('SELECT * FROM sugg.t');
      await session.shutdown();
      await gate.stop();
      expect(await suggested(gate)).toContain('SELECT ON TABLE sugg.t');
      expect((await failure(suggested(gate, '--since', 'x'))).message).toContain('--since');
      expect((await failure(suggested(gate, '--by', 'x'))).message).toContain('--by');
      const dir = path.join(gate.dir, 'audit');
      const file = path.join(
        dir,
        (await readdir(dir)).find((name) => name.endsWith('.jsonl'))!,
      );
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replaceAll('SELECT ON TABLE sugg.t', 'DROP ON TABLE sugg.t'));
      expect((await failure(suggested(gate))).message).toContain(
        "the ledger's chain does not hold",
      );
      const nowhere = run(process.execPath, [MAIN, 'policy', 'suggest', '--dir', '/nowhere']);
      expect((await failure(nowhere)).message).toContain('cannot be read');
    } finally {
      await gate.close();
    }
  });
});
