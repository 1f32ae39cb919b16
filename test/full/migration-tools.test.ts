// What CI migrates schemas with, unmodified: over TLS, through a gate, to the real node, as roles that may do no
// more than they need.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { shell, type ShellResult } from '../support/cqlsh.ts';
import { TestGate, type TestRole } from '../support/gate.ts';
import { MIGRATION_TOOLS, type MigrationTool } from '../support/migration-tools.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { isSkipped } from '../support/tools.ts';

/** As they have to be where two jobs may make them at once: these tools lock nothing, or not in time. */
const CHANGES = [
  { name: 'items', text: 'CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, name text)' },
  { name: 'note', text: 'ALTER TABLE items ADD IF NOT EXISTS note text' },
  { name: 'by_name', text: 'CREATE INDEX IF NOT EXISTS items_by_name ON items (name)' },
] as const;
const REFUSED = { name: 'drop', text: 'DROP TABLE items' };

const keyspaceOf = ({ name }: MigrationTool, use: 'alone' | 'together'): string =>
  `${name.toLowerCase().replaceAll(/\W/g, '')}_${use}`;

const KEYSPACES = MIGRATION_TOOLS.flatMap((tool) =>
  (['alone', 'together'] as const).map((use) => ({ tool, name: keyspaceOf(tool, use) })),
);

/** What docs/MIGRATING.md tells to grant; each is called as its keyspace. */
const ROLES: Record<string, TestRole> = {
  ...Object.fromEntries(
    KEYSPACES.map(({ tool, name }) => [
      name,
      {
        grants: [
          `CREATE, ALTER ON KEYSPACE ${name}`,
          ...tool.tables.map((table) => `SELECT, MODIFY ON TABLE ${name}.${table}`),
        ],
      },
    ]),
  ),
  shell_files: { grants: ['CREATE, SELECT, MODIFY ON KEYSPACE shell_files'] },
};

describe.skipIf(noNode)('through a gate', () => {
  let authority: CertificateAuthority;
  let gate: TestGate;
  let superuser: Client;
  let dir: string;

  beforeAll(async () => {
    superuser = await direct();
    for (const name of Object.keys(ROLES)) {
      await superuser.execute(`DROP KEYSPACE IF EXISTS ${name}`);
      await superuser.execute(
        `CREATE KEYSPACE ${name} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
      );
    }
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-migrations-'));
    authority = new CertificateAuthority();
    await writeFile(path.join(dir, 'ca.crt'), authority.pem);
    gate = await TestGate.start({
      contactPoint,
      roles: ROLES,
      prepare: async (home) => {
        const { cert, key } = authority.issue();
        await writeFile(path.join(home, 'tls.crt'), cert);
        await writeFile(path.join(home, 'tls.key'), key);
      },
      config: {
        listen: { host: '127.0.0.1', port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } },
      },
    });
  });

  afterAll(async () => {
    await gate?.close();
    authority?.remove();
    if (dir !== undefined) await rm(dir, { recursive: true });
    for (const name of Object.keys(ROLES)) {
      await superuser?.execute(`DROP KEYSPACE IF EXISTS ${name}`);
    }
    await superuser?.shutdown();
  });

  const rowsOf = async (text: string, values: unknown[] = []) =>
    (await superuser.execute(text, values)).rows;

  /** What the node has in the end, and that the tool knows it. */
  async function expectMigrated(tool: MigrationTool, keyspace: string): Promise<void> {
    const columns = await rowsOf(
      "SELECT column_name FROM system_schema.columns WHERE keyspace_name = ? AND table_name = 'items'",
      [keyspace],
    );
    expect(columns.map((row) => String(row['column_name']))).toEqual(['id', 'name', 'note']);
    const indexes = await rowsOf(
      'SELECT index_name FROM system_schema.indexes WHERE keyspace_name = ?',
      [keyspace],
    );
    expect(indexes.map((row) => String(row['index_name']))).toEqual(['items_by_name']);
    const own = await rowsOf(`SELECT * FROM ${keyspace}.${tool.tables[0]!}`);
    expect(tool.made(own, CHANGES)).toEqual(CHANGES.map(({ name }) => name));
  }

  /** Texts of what was changed: a change that was there already is answered, and changes nothing. */
  const changed = async (keyspace: string): Promise<string[]> =>
    (await gate.records())
      .filter(({ role, outcome }) => role === keyspace && (outcome?.schema_change ?? null) !== null)
      .map(({ statement }) => String(statement.text));

  /** Each once, those of the tool's own tables too. */
  async function expectRecordedOnce(tool: MigrationTool, keyspace: string): Promise<void> {
    const texts = () => changed(keyspace);
    await expect.poll(async () => (await texts()).length).toBe(CHANGES.length + tool.tables.length);
    const all = await texts();
    expect(new Set(all).size).toBe(all.length);
    expect(all).toEqual(expect.arrayContaining(CHANGES.map(({ text }) => text)));
    for (const { statement } of await decisions(keyspace)) {
      expect(statement.consistency).toBe(tool.consistency);
    }
  }

  const decisions = async (keyspace: string): Promise<any[]> =>
    (await gate.records()).filter(({ role, kind }) => role === keyspace && kind === 'decision');

  async function targetOf(tool: MigrationTool, keyspace: string, changes = CHANGES.slice()) {
    const home = path.join(dir, keyspace);
    await tool.writeChanges(home, changes);
    const { port, issuer } = gate;
    const ca = path.join(dir, 'ca.crt');
    return { port, keyspace, role: keyspace, token: issuer.mint(), dir: home, ca };
  }

  for (const tool of MIGRATION_TOOLS) {
    describe.skipIf(isSkipped(tool.name, tool.needs))(`${tool.name} ${tool.release}`, () => {
      beforeAll(async () => {
        await tool.prepare();
      });

      it('migrates, changes nothing the second time, and says why it is refused', async () => {
        const keyspace = keyspaceOf(tool, 'alone');
        const target = await targetOf(tool, keyspace);
        expect(await tool.up(target)).toMatchObject({ code: 0 });
        await expectMigrated(tool, keyspace);
        await expectRecordedOnce(tool, keyspace);

        const again = await tool.up(target);
        expect(again).toMatchObject({ code: 0, output: expect.stringMatching(tool.nothingToDo) });
        await expectMigrated(tool, keyspace);
        await expectRecordedOnce(tool, keyspace);

        await tool.writeChanges(target.dir, [...CHANGES, REFUSED]);
        const refused = await tool.up(target);
        expect(refused.code).not.toBe(0);
        expect(refused.output).toContain(`Role ${keyspace} has no DROP ON TABLE ${keyspace}.items`);
        expect(refused.output).not.toContain(target.token);
        await expectRecordedOnce(tool, keyspace);
      });

      it('run twice at once in a fresh keyspace makes each change once', async () => {
        const keyspace = keyspaceOf(tool, 'together');
        const target = await targetOf(tool, keyspace);
        const both = await Promise.all([tool.up(target), tool.up(target)]);
        // Who comes while the other is at work may be turned away, and says so.
        const failed = both.filter(({ code }) => code !== 0);
        expect(failed.length).toBeLessThan(2);
        for (const { output } of failed) expect(output).toMatch(tool.turnedAway);
        await expectMigrated(tool, keyspace);
        await expectRecordedOnce(tool, keyspace);
      });
    });
  }

  describe.skipIf(isSkipped('cqlsh', [['python3', '-c', 'import venv, ensurepip']]))(
    'cqlsh -f with a failing statement',
    () => {
      const FILE = `CREATE TABLE shell_files.done (step text PRIMARY KEY);
INSERT INTO shell_files.done (step) VALUES ('before');
DROP TABLE shell_elsewhere.items;
INSERT INTO shell_files.done (step) VALUES ('after');
`;

      async function run(
        login: { readonly username: string; readonly password: string },
        port: string | number,
        options: string,
      ): Promise<ShellResult> {
        const { username, password } = login;
        const credentials = `[PlainTextAuthProvider]\nusername = ${username}\npassword = ${password}\n`;
        await writeFile(path.join(dir, 'credentials'), credentials, { mode: 0o600 });
        await writeFile(path.join(dir, 'cqlshrc'), '[ssl]\ncertfile = ca.crt\n');
        await writeFile(path.join(dir, 'migration.cql'), FILE);
        const line = `cqlsh localhost ${port} --cqlshrc cqlshrc --credentials credentials ${options} -f migration.cql`;
        return shell(line, { cwd: dir, home: dir });
      }

      const steps = async (): Promise<string[]> =>
        (await rowsOf('SELECT step FROM shell_files.done'))
          .map((row) => String(row['step']))
          .sort();

      it('says the reason on standard error, goes on as cqlsh does, and ends with 2', async () => {
        const token = gate.issuer.mint();
        const job = { username: 'shell_files', password: token };
        const throughGate = await run(job, gate.port, '--ssl --request-timeout 65');
        expect(throughGate.code).toBe(2);
        expect(throughGate.stderr).toMatch(
          /migration\.cql:4:Unauthorized: .*code=2100.*Role shell_files has no DROP ON TABLE shell_elsewhere\.items/,
        );
        expect(throughGate.stderr).not.toContain(token);
        expect(await steps()).toEqual(['after', 'before']);

        await superuser.execute('DROP TABLE shell_files.done');
        const [, port] = contactPoint.split(':');
        const straight = await run(
          { username: 'cassandra', password: 'cassandra' },
          port!,
          '--request-timeout 65',
        );
        expect(straight.code).toBe(throughGate.code);
        expect(straight.stderr).toMatch(/migration\.cql:4:InvalidRequest: /);
        expect(await steps()).toEqual(['after', 'before']);
      });
    },
  );
});
