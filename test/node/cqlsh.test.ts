// cqlsh at the gate and straight at the node: the same sessions, and the same output but for what
// the policy says.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shell, type ShellResult } from '../support/cqlsh.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { missingForPython } from '../support/python.ts';

const missing = missingForPython();
if (missing !== null && process.env['CI'] === 'true') {
  throw new Error(`cqlsh must run in CI: ${missing}`);
}
if (missing !== null) console.warn(`tests with cqlsh are skipped: ${missing}`);

const SETUP = [
  "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  'CREATE TYPE shop.address (street text, city text)',
  'CREATE TABLE shop.items (id int PRIMARY KEY, name text, price decimal, home frozen<address>)',
  'CREATE INDEX items_by_name ON shop.items (name)',
  'CREATE MATERIALIZED VIEW shop.by_price AS SELECT * FROM shop.items WHERE price IS NOT NULL AND id IS NOT NULL PRIMARY KEY (price, id)',
  "CREATE FUNCTION shop.twice (n int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS 'return n * 2;'",
  "CREATE KEYSPACE billing WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  'CREATE TABLE billing.invoices (id int PRIMARY KEY)',
  ...Array.from(
    { length: 30 },
    (_unused, id) =>
      `INSERT INTO shop.items (id, name, price, home) VALUES (${id}, 'item ''${id}''', ${id}.50, {street: 'S ${id}', city: 'C'})`,
  ),
];

describe.skipIf(noNode || missing !== null)('cqlsh', () => {
  let gate: TestGate;
  let dir: string;

  beforeAll(async () => {
    const superuser = await direct();
    for (const name of ['shop', 'billing']) {
      await superuser.execute(`DROP KEYSPACE IF EXISTS ${name}`);
    }
    for (const statement of SETUP) await superuser.execute(statement);
    await superuser.shutdown();
    gate = await TestGate.start({
      contactPoint,
      roles: {
        keeper: {
          grants: [
            'SELECT, MODIFY, CREATE, ALTER, DROP ON KEYSPACE shop',
            'EXECUTE ON ALL FUNCTIONS IN KEYSPACE shop',
            'SELECT ON KEYSPACE system_traces',
          ],
        },
      },
    });
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-cqlsh-'));
    await credentials('gate', 'keeper', gate.issuer.mint());
    await credentials('node', 'cassandra', 'cassandra');
  });

  afterAll(async () => {
    await gate?.close();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  async function credentials(name: string, username: string, password: string): Promise<void> {
    const text = `[PlainTextAuthProvider]\nusername = ${username}\npassword = ${password}\n`;
    await writeFile(path.join(dir, name), text, { mode: 0o600 });
  }

  async function cqlsh(to: 'gate' | 'node', input: string, options = ''): Promise<ShellResult> {
    const port = to === 'gate' ? gate.port : contactPoint.split(':')[1];
    const line = `cqlsh 127.0.0.1 ${port} --credentials ${path.join(dir, to)} --no-color ${options}`;
    return shell(line, { input, cwd: dir, home: dir });
  }

  /** The same at both; what a session says once is compared as it stands. */
  async function sameAtBoth(input: string, options = ''): Promise<ShellResult> {
    const [throughGate, atNode] = [
      await cqlsh('gate', input, options),
      await cqlsh('node', input, options),
    ];
    expect(throughGate).toEqual(atNode);
    return throughGate;
  }

  it.each([
    'DESCRIBE KEYSPACE shop;',
    'DESCRIBE TABLE shop.items;',
    'DESCRIBE TYPE shop.address;',
    'DESCRIBE INDEX shop.items_by_name;',
    'DESCRIBE MATERIALIZED VIEW shop.by_price;',
    'DESCRIBE FUNCTION shop.twice;',
    'DESCRIBE shop.items;',
    'SHOW VERSION;',
    'CONSISTENCY QUORUM;\nSELECT * FROM shop.items WHERE id = 3;',
    'PAGING 7;\nSELECT id, name, shop.twice(id) FROM shop.items;',
    'EXPAND ON;\nSELECT * FROM shop.items LIMIT 2;',
    'SELECT JSON * FROM shop.items WHERE id = 5;',
    'SELECT nothing FROM shop.items;',
    'SELEC * FROM nowhere;\nSELECT id FROM shop.items WHERE id = 1;',
    "INSERT INTO shop.items (id, name) VALUES (1000, 'lwt') IF NOT EXISTS;\nDELETE FROM shop.items WHERE id = 1000;",
  ])('answers as the node does: %s', async (input) => {
    const { stdout, stderr } = await cqlsh('gate', input);
    const straight = await cqlsh('node', input);
    // A text that does not parse is refused by the gate, in its own words.
    if (input.startsWith('SELEC ')) {
      expect(stdout).toBe(straight.stdout);
      expect(stderr).toMatch(/SyntaxException/);
      return;
    }
    expect(stdout).toBe(straight.stdout);
    expect(stderr).toBe(straight.stderr);
    expect(stdout + stderr).not.toBe('');
  });

  it('describes what is in the keyspace of -k', async () => {
    for (const input of [
      'DESCRIBE TABLES;',
      'DESCRIBE items;',
      'DESCRIBE TYPES;',
      'DESCRIBE FUNCTIONS;',
    ]) {
      const { stdout } = await sameAtBoth(input, '-k shop');
      expect(stdout).not.toBe('');
    }
  });

  it('shows no keyspace that the policy gives no grant in', async () => {
    const { stderr } = await cqlsh('gate', 'DESCRIBE KEYSPACE billing;\nUSE billing;\n');
    expect(stderr).toMatch(/Unauthorized/);
    expect(stderr.match(/billing/g)!.length).toBeGreaterThanOrEqual(2);
    const use = await cqlsh('gate', 'SELECT id FROM items LIMIT 1;', '-k billing');
    expect(use.code).not.toBe(0);
    expect(use.stderr).toMatch(/billing/);
  });

  it('copies a table to a file and back', async () => {
    const columns = '(id, name, price, home)';
    const { stdout, stderr } = await cqlsh(
      'gate',
      `COPY shop.items ${columns} TO 'gate.csv' WITH HEADER = true;\n`,
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/30 rows exported to 1 files/);
    await cqlsh('node', `COPY shop.items ${columns} TO 'node.csv' WITH HEADER = true;\n`);
    const sorted = async (name: string): Promise<string[]> =>
      (await readFile(path.join(dir, name), 'utf8')).split(/\r?\n/).sort();
    expect(await sorted('gate.csv')).toEqual(await sorted('node.csv'));

    const back = await cqlsh(
      'gate',
      `CREATE TABLE shop.copied (id int PRIMARY KEY, name text, price decimal, home frozen<address>);
COPY shop.copied ${columns} FROM 'gate.csv' WITH HEADER = true;
SELECT count(*) FROM shop.copied;
DROP TABLE shop.copied;\n`,
    );
    expect(back.stderr.replaceAll(/^Warnings :[\s\S]*?\n\n/gm, '')).not.toMatch(/Error|Exception/);
    expect(back.stdout).toMatch(/30 rows imported from 1 files/);
    expect(back.stdout).toMatch(/count\s+-+\s+30/);
  }, 120_000);

  it('copies nothing of what it may not read', async () => {
    const { stdout, stderr } = await cqlsh('gate', "COPY billing.invoices TO 'no.csv';\n");
    expect(stdout).toMatch(/0 rows exported/);
    expect(stderr).toMatch(/Unable to connect to any servers using keyspace .*billing/);
  });

  it('runs a file by SOURCE, and by -f with a failing statement', async () => {
    await writeFile(
      path.join(dir, 'migration.cql'),
      `USE shop;
CREATE TABLE IF NOT EXISTS migrated (id int PRIMARY KEY);
DROP TABLE billing.invoices;
INSERT INTO migrated (id) VALUES (1); -- goes on, as cqlsh does
SELECT id FROM migrated;
`,
    );
    const sourced = await cqlsh('gate', "SOURCE 'migration.cql'\n");
    expect(sourced.stderr).toMatch(/no DROP ON TABLE billing.invoices/);
    expect(sourced.stdout).toMatch(/id\s+-+\s+1/);
    const file = await cqlsh('gate', '', '-f migration.cql');
    expect(file.code).toBe(2);
    expect(file.stderr).toMatch(/migration.cql:\d:.*no DROP ON TABLE billing.invoices/);
    expect(file.stdout).toMatch(/id\s+-+\s+1/);
    await cqlsh('gate', 'DROP TABLE shop.migrated;\n');
  });

  it('traces where the role may read traces', async () => {
    const { stdout, stderr } = await cqlsh(
      'gate',
      'TRACING ON;\nSELECT * FROM shop.items WHERE id = 3;\n',
    );
    expect(stderr).toBe('');
    expect(stdout).toMatch(/Tracing session: [0-9a-f-]{36}/);
    expect(stdout).toMatch(/Request complete/);
  });

  it('says why a token is not taken, without the token', async () => {
    const token = gate.issuer.mint({ exp: 1_000 });
    await credentials('gate', 'keeper', token);
    const { code, stderr } = await cqlsh('gate', 'SHOW VERSION;\n');
    await credentials('gate', 'keeper', gate.issuer.mint());
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/expired/);
    expect(stderr).not.toContain(token);
  });
});
