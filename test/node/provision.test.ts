// The cluster as second wall: what `provision` makes, tried at the node itself, without a gate between.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { auth, Client } from 'cassandra-driver';
import { parse, stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, failure, node, noNode, through } from '../support/nodes.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const PASSWORD = "pr0v'is$&ion";
const REPLICATION = "{'class': 'SimpleStrategy', 'replication_factor': 1}";

/** Cassandra's own caches of roles and permissions: 500 ms in the test's node. */
const settled = async (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_200));

const ROLES = {
  'prov-reader': {
    cassandraRole: 'shared',
    grants: ['SELECT ON KEYSPACE prov_orders', 'EXECUTE ON FUNCTION prov_orders.plus(int)'],
  },
  'prov-writer': {
    cassandraRole: 'shared',
    grants: [
      'MODIFY, SELECT ON TABLE prov_stock.items',
      'CREATE, DROP, SELECT ON KEYSPACE prov_ci_*',
    ],
    deny: ['TRUNCATE'],
  },
};

/** Tries until it succeeds, for half a minute. */
async function eventually<Result>(attempt: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

describe.skipIf(noNode)('provision', () => {
  let admin: Client;
  let gate: TestGate;
  let login: Client;

  const run = async (
    args: readonly string[],
    env: Record<string, string> = {},
    config = gate.configFile,
  ) => {
    const child = spawn(process.execPath, [MAIN, 'provision', '-c', config, ...args], {
      env: {
        ...process.env,
        CQLGATE_ADMIN_PASSWORD: 'cassandra',
        GATE_PASSWORD: 'cassandra',
        PROV_PASSWORD: PASSWORD,
        ...env,
      },
      stdio: 'pipe',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout, stderr };
  };
  const asAdmin = async (...args: string[]) => run(['--username', 'cassandra', ...args]);
  const shared = async () => {
    const { code, stdout } = await asAdmin('--check', '--json');
    const report = JSON.parse(stdout) as { roles: any[] };
    return { code, role: report.roles.find((one) => one.role === 'prov_shared') };
  };

  beforeAll(async () => {
    admin = await direct();
    for (const text of [
      `CREATE KEYSPACE prov_orders WITH replication = ${REPLICATION}`,
      `CREATE KEYSPACE prov_stock WITH replication = ${REPLICATION}`,
      `CREATE KEYSPACE prov_ci_1 WITH replication = ${REPLICATION}`,
      `CREATE KEYSPACE prov_other WITH replication = ${REPLICATION}`,
      'CREATE TABLE prov_orders.t (k int PRIMARY KEY, v int)',
      'CREATE TABLE prov_stock.items (k int PRIMARY KEY)',
      'CREATE TABLE prov_stock.secret (k int PRIMARY KEY)',
      'CREATE TABLE prov_ci_1.t (k int PRIMARY KEY)',
      'CREATE TABLE prov_other.t (k int PRIMARY KEY)',
      ...['plus', 'minus'].map(
        (name) =>
          `CREATE FUNCTION prov_orders.${name} (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'`,
      ),
    ]) {
      await admin.execute(text);
    }
    gate = await TestGate.start({
      contactPoint,
      roles: ROLES,
      env: { PROV_PASSWORD: PASSWORD },
      config: {
        cassandraRoles: {
          // The superuser is the gate's own login here, so that the gate starts before the others are there.
          admin: { username: 'cassandra', password: { env: 'GATE_PASSWORD' } },
          shared: { username: 'prov_shared', password: { env: 'PROV_PASSWORD' } },
        },
      },
    });
  });

  afterAll(async () => {
    await login?.shutdown();
    await gate?.close();
    for (const name of ['orders', 'stock', 'ci_1', 'ci_2', 'other']) {
      await admin.execute(`DROP KEYSPACE IF EXISTS prov_${name}`);
    }
    for (const name of ['prov_shared', 'prov_nobody', 'prov_dba', 'prov_gate', 'shared_group']) {
      await admin.execute(`DROP ROLE IF EXISTS ${name}`);
    }
    await admin.execute('DROP KEYSPACE IF EXISTS cqlgate');
    await admin?.shutdown();
  });

  it('prints statements without asking the cluster, and no password', async () => {
    const { code, stdout } = await run([]);
    expect(code).toBe(0);
    expect(stdout).toContain(
      "CREATE ROLE IF NOT EXISTS prov_shared WITH PASSWORD = '<the password of cassandraRoles.shared>' AND LOGIN = true;",
    );
    expect(stdout).toContain('GRANT SELECT ON KEYSPACE prov_orders TO prov_shared;');
    expect(stdout).toContain('GRANT EXECUTE ON FUNCTION prov_orders.plus(int) TO prov_shared;');
    expect(stdout).toContain('wider: deny: [TRUNCATE]');
    expect(stdout).not.toContain('pr0v');
    expect((await run([])).stdout).toBe(stdout);
  });

  it('says what it needs, and never the password', async () => {
    expect(await run(['--apply'])).toMatchObject({ code: 1 });
    const refused = await run(['--username', 'cassandra', '--check'], {
      CQLGATE_ADMIN_PASSWORD: 'wr0ng',
    });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('lets cassandra in');
    expect(refused.stderr).not.toContain('wr0ng');
    const without = await run(['--username', 'cassandra', '--check'], {
      CQLGATE_ADMIN_PASSWORD: '',
    });
    expect(without).toMatchObject({ code: 1 });
    expect(without.stderr).toContain('CQLGATE_ADMIN_PASSWORD is not set');
    await admin.execute("CREATE ROLE prov_nobody WITH PASSWORD = 'x' AND LOGIN = true");
    const blind = await run(['--username', 'prov_nobody', '--check'], {
      CQLGATE_ADMIN_PASSWORD: 'x',
    });
    expect(blind).toMatchObject({ code: 1 });
    expect(blind.stderr).toContain('does not see the roles of others');
  });

  it('makes the login with the union of its roles, after which there is no drift', async () => {
    expect((await shared()).role).toMatchObject({ exists: false });
    const applied = await asAdmin('--apply');
    // The superuser among the logins stays a drift that nothing here can mend.
    expect(applied.stdout).toContain('cassandra is a superuser');
    expect(applied.stdout + applied.stderr).not.toContain('pr0v');
    expect((await shared()).role).toMatchObject({
      exists: true,
      superuser: false,
      missing: [],
      wider: [],
      wider_inherited: [],
      by_creation: [],
    });
    const again = await asAdmin('--apply', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ applied: [] });
  });

  it('gives the login what the union allows at the node, and nothing else', async () => {
    login = new Client({
      contactPoints: [`127.0.0.1:${node!.port}`],
      localDataCenter: 'datacenter1',
      authProvider: new auth.PlainTextAuthProvider('prov_shared', PASSWORD),
    });
    await login.connect();
    for (const text of [
      'SELECT v FROM prov_orders.t',
      'SELECT prov_orders.plus(v) FROM prov_orders.t',
      'INSERT INTO prov_stock.items (k) VALUES (1)',
      'SELECT * FROM prov_ci_1.t',
      `CREATE KEYSPACE prov_ci_2 WITH replication = ${REPLICATION}`,
      'CREATE TABLE prov_ci_2.t (k int PRIMARY KEY)',
      'DROP TABLE prov_ci_1.t',
    ]) {
      await login.execute(text);
    }
    for (const text of [
      'INSERT INTO prov_orders.t (k, v) VALUES (1, 1)',
      'SELECT prov_orders.minus(v) FROM prov_orders.t',
      'SELECT * FROM prov_stock.secret',
      'DROP TABLE prov_stock.items',
      'SELECT * FROM prov_other.t',
      'ALTER TABLE prov_orders.t ADD w int',
      'TRUNCATE prov_orders.t',
      'SELECT * FROM system_auth.roles',
      "CREATE ROLE prov_x WITH PASSWORD = 'x'",
      'GRANT SELECT ON KEYSPACE prov_orders TO prov_nobody',
    ]) {
      expect((await failure(login.execute(text))).code, text).toBe(CqlErrorCode.UNAUTHORIZED);
    }
  });

  it('serves the gate, whose wall is the narrower one', async () => {
    // The gate found the login refused at its start, and tries it again now and then.
    const reader = await eventually(async () => through(gate, 'prov-reader'));
    await reader.execute('SELECT prov_orders.plus(v) FROM prov_orders.t');
    const refused = await failure(reader.execute('INSERT INTO prov_stock.items (k) VALUES (2)'));
    expect(refused.code).toBe(CqlErrorCode.UNAUTHORIZED);
    await reader.shutdown();
    const writer = await through(gate, 'prov-writer');
    await writer.execute('INSERT INTO prov_stock.items (k) VALUES (2)');
    expect((await failure(writer.execute('TRUNCATE prov_stock.items'))).message).toContain(
      'may not use TRUNCATE',
    );
    await writer.shutdown();
  });

  it('tells what the login created from what somebody gave it', async () => {
    await settled();
    const { role } = await shared();
    expect(role.by_creation).toContain('AUTHORIZE ON KEYSPACE prov_ci_2');
    expect(role.wider).toEqual([]);
    // The keyspace is there now, and of the prefix: but the login holds all of it by creation.
    expect(role.missing).toEqual([]);
  });

  it('reports a grant by hand as wider, a revoked one as missing, and mends both', async () => {
    await admin.execute('GRANT DROP ON KEYSPACE prov_orders TO prov_shared');
    await admin.execute('REVOKE SELECT ON KEYSPACE prov_orders FROM prov_shared');
    await admin.execute('CREATE ROLE prov_dba');
    await admin.execute('GRANT ALTER ON ALL KEYSPACES TO prov_dba');
    await admin.execute('GRANT prov_dba TO prov_shared');
    const { code, role } = await shared();
    expect(code).toBe(1);
    expect(role).toMatchObject({
      missing: ['SELECT ON KEYSPACE prov_orders'],
      wider: ['DROP ON KEYSPACE prov_orders'],
      wider_inherited: [{ from: 'prov_dba', right: 'ALTER ON ALL KEYSPACES' }],
    });
    await asAdmin('--apply');
    expect((await shared()).role).toMatchObject({
      missing: [],
      wider: ['DROP ON KEYSPACE prov_orders'],
    });
    await admin.execute('REVOKE prov_dba FROM prov_shared');
    await asAdmin('--apply', '--revoke');
    expect((await shared()).role).toMatchObject({ missing: [], wider: [], by_creation: [] });
    await settled();
    await login.execute('SELECT v FROM prov_orders.t');
    await login.execute('SELECT * FROM prov_ci_2.t');
    await failure(login.execute('DROP KEYSPACE prov_orders'));
  });

  it('gives the users of Vault their rights by a group, so that the next lease has them too', async () => {
    const config = parse(await readFile(gate.configFile, 'utf8')) as Record<string, unknown>;
    const leased = path.join(gate.dir, 'leased.yaml');
    await writeFile(
      leased,
      stringify({
        ...config,
        vault: { address: 'http://127.0.0.1:1', auth: { token: { env: 'PROV_PASSWORD' } } },
        cassandraRoles: { shared: { vault: { path: 'database/creds/shared' } } },
      }),
    );
    // Vault itself is not asked: a read there would make a user.
    const applied = await run(['--username', 'cassandra', '--apply', '--json'], {}, leased);
    expect(applied).toMatchObject({ code: 0 });
    const { after } = JSON.parse(applied.stdout) as { after: { vault: any[] } };
    for (const username of ['prov_lease_1', 'prov_lease_2']) {
      for (const text of after.vault[0].creation_statements as string[]) {
        await admin.execute(
          text.replaceAll('{{username}}', username).replaceAll('{{password}}', 'le4se'),
        );
      }
      const user = new Client({
        contactPoints: [`127.0.0.1:${node!.port}`],
        localDataCenter: 'datacenter1',
        authProvider: new auth.PlainTextAuthProvider(username, 'le4se'),
      });
      await user.connect();
      await user.execute('SELECT v FROM prov_orders.t');
      await user.execute('INSERT INTO prov_stock.items (k) VALUES (3)');
      const refused = await failure(user.execute('SELECT * FROM prov_other.t'));
      expect(refused.code).toBe(CqlErrorCode.UNAUTHORIZED);
      await user.shutdown();
      for (const text of after.vault[0].revocation_statements as string[]) {
        await admin.execute(text.replaceAll('{{username}}', username));
      }
    }
  });

  it("makes the gate's own keyspace and login, which reaches that and nothing else", async () => {
    const config = parse(await readFile(gate.configFile, 'utf8')) as Record<string, any>;
    const own = path.join(gate.dir, 'own.yaml');
    await writeFile(
      own,
      stringify({
        ...config,
        cluster: {
          ...config['cluster'],
          gateRole: 'gate',
          keyspace: {
            name: 'cqlgate',
            replication: { class: 'SimpleStrategy', replication_factor: 1 },
          },
        },
        cassandraRoles: {
          gate: { username: 'prov_gate', password: { env: 'PROV_PASSWORD' } },
          shared: { username: 'prov_shared', password: { env: 'PROV_PASSWORD' } },
        },
      }),
    );
    expect(await run(['--username', 'cassandra', '--apply'], {}, own)).toMatchObject({ code: 0 });
    const user = new Client({
      contactPoints: [`127.0.0.1:${node!.port}`],
      localDataCenter: 'datacenter1',
      authProvider: new auth.PlainTextAuthProvider('prov_gate', PASSWORD),
    });
    await user.connect();
    await user.execute("INSERT INTO cqlgate.revocations (list, id, what) VALUES (9, uuid(), 'x')");
    await user.execute('SELECT * FROM cqlgate.revocations WHERE list = 9');
    await user.execute('DELETE FROM cqlgate.revocations WHERE list = 9');
    for (const text of ['DROP TABLE cqlgate.revocations', 'SELECT v FROM prov_orders.t']) {
      expect((await failure(user.execute(text))).code, text).toBe(CqlErrorCode.UNAUTHORIZED);
    }
    await user.shutdown();
  });

  it('has exit code 0 where no login drifts, and 1 with a superuser among them', async () => {
    expect((await asAdmin('--check')).code).toBe(1);
    // Where it is, a gate whose login can't read what is revoked lets nobody in.
    await admin.execute('DROP KEYSPACE IF EXISTS cqlgate');
    const own = await TestGate.start({
      contactPoint,
      roles: ROLES,
      username: 'prov_shared',
      password: PASSWORD,
      config: {
        cassandraRoles: { shared: { username: 'prov_shared', password: { env: 'GATE_PASSWORD' } } },
      },
    });
    const checked = await run(['--username', 'cassandra', '--check'], {}, own.configFile);
    // And the gate starts and works with that login alone.
    const reader = await through(own, 'prov-reader');
    await reader.execute('SELECT v FROM prov_orders.t');
    await reader.shutdown();
    await own.close();
    expect(checked).toMatchObject({ code: 0 });
    expect(checked.stdout).toContain('no drift');
  });
});
