// A role with one grant on one table: drivers start, their metadata is there, cqlsh describes and
// copies, and what drivers ask of Cassandra's own tables is answered; nothing else is.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Consistency } from '../../src/protocol/consistency.ts';
import { FrameFlag } from '../../src/protocol/frame.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { shell } from '../support/cqlsh.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode, through } from '../support/nodes.ts';
import { missingForPython } from '../support/python.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const SCHEMA_TABLES =
  'keyspaces tables columns dropped_columns triggers views types functions aggregates indexes column_masks';

/** What the drivers send by themselves, word for word (Node, Python, Java, gocql, Rust, C#). */
const START_UP = [
  "SELECT * FROM system.local WHERE key='local'",
  'SELECT * FROM system.local',
  'SELECT cluster_name FROM system.local',
  'SELECT * FROM system.peers',
  'SELECT * FROM system.peers_v2',
  'SELECT schema_version FROM system.local',
  'SELECT schema_version FROM system.peers',
  "SELECT schema_version FROM system.local WHERE key='local'",
  'SELECT peer, host_id, peer_port, native_address, native_port, schema_version FROM system.peers_v2',
  'SELECT peer, host_id, rpc_address, schema_version FROM system.peers',
  "SELECT host_id, cluster_name, data_center, rack, partitioner, release_version, schema_version FROM system.local WHERE key='local'",
  'SELECT host_id, rpc_address, data_center, rack, tokens FROM system.peers',
  "SELECT host_id, rpc_address, data_center, rack, tokens, cluster_name FROM system.local WHERE key='local'",
  'SELECT host_id FROM system.local',
  'SELECT peer, rpc_address, schema_version FROM system.peers',
  ...SCHEMA_TABLES.split(' ').map((table) => `SELECT * FROM system_schema.${table}`),
  ...['keyspaces', 'tables', 'columns'].map(
    (table) => `SELECT * from system_virtual_schema.${table}`,
  ),
  "SELECT * FROM system_schema.tables WHERE keyspace_name='least' AND table_name='t'",
  "SELECT * FROM system_schema.keyspaces where keyspace_name = 'least'",
  "SELECT * FROM system_schema.columns WHERE keyspace_name IN ('least')",
  "SELECT * FROM system_schema.columns WHERE table_name='t' AND keyspace_name='least'",
  'SELECT keyspace_name, replication, durable_writes FROM system_schema.keyspaces',
  'SELECT keyspace_name, table_name, column_name, kind, position, type FROM system_schema.columns',
  'SELECT * FROM system.size_estimates',
  "select * from system.local where key = 'local'",
];

/** Prepared by gocql, over several lines. */
const PREPARED = [
  'SELECT durable_writes, replication\n\t\tFROM system_schema.keyspaces\n\t\tWHERE keyspace_name = ?',
  "SELECT host_id, rpc_address, data_center, rack, tokens FROM system.local WHERE key='local'",
  'SELECT * FROM system.peers_v2 WHERE peer = ? and peer_port = ?',
];

const COUNT_TRACES =
  "SELECT session_id FROM system_traces.sessions WHERE parameters['query'] = ? ALLOW FILTERING";

const python = missingForPython();

describe.skipIf(noNode)('a role with SELECT on one table', () => {
  let gate: TestGate;
  let raw: RawClient;
  let dir: string;

  beforeAll(async () => {
    const superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS least');
    for (const text of [
      "CREATE KEYSPACE least WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
      'CREATE TABLE least.t (k int PRIMARY KEY, v text)',
      'CREATE TABLE least.closed (k int PRIMARY KEY)',
      "INSERT INTO least.t (k, v) VALUES (1, 'one')",
    ]) {
      await superuser.execute(text);
    }
    await superuser.shutdown();
    gate = await TestGate.start({
      contactPoint,
      roles: {
        reader: { grants: ['SELECT ON TABLE least.t'] },
        loader: { grants: ['SELECT, MODIFY ON TABLE least.t'] },
      },
    });
    raw = await RawClient.login(gate.port, 'reader', gate.issuer.mint());
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-least-'));
  });

  afterAll(async () => {
    raw?.close();
    await gate?.close();
    if (dir !== undefined) await rm(dir, { recursive: true, force: true });
  });

  it.each(START_UP)('is answered: %s', async (text) => {
    expect(errorOf(await raw.query(text))).toBeNull();
  });

  it.each(PREPARED)('prepares %j', async (text) => {
    expect(errorOf(await raw.prepare(text))).toBeNull();
  });

  it('is traced by nobody, whatever its requests say', async () => {
    const query = 'SELECT * FROM least.t WHERE k = 1';
    const superuser = await direct();
    const traces = async () => (await superuser.execute(COUNT_TRACES, [query])).rowLength;
    const before = await traces();
    const body = encodeQuery({ query, consistency: Consistency.ONE, version: raw.version });
    const answer = await raw.request(Opcode.QUERY, body, FrameFlag.TRACING);
    expect(errorOf(answer)).toBeNull();
    expect(answer!.flags & FrameFlag.TRACING).toBe(0);
    // Cassandra writes a trace behind its answer.
    await delay(1_000);
    expect(await traces()).toBe(before);
    await superuser.execute(query, [], { traceQuery: true });
    await delay(1_000);
    expect(await traces()).toBe(before + 1);
    await superuser.shutdown();
  });

  it('is told that a table of another product is not there, and goes on', async () => {
    const error = errorOf(await raw.query('SELECT * FROM system_schema.scylla_tables'));
    expect(error?.code).toBe(CqlErrorCode.INVALID);
  });

  it.each([
    'SELECT * FROM least.closed',
    'INSERT INTO least.t (k) VALUES (2)',
    'SELECT * FROM system_auth.roles',
    'SELECT * FROM system_auth.role_permissions',
    'SELECT * FROM system_traces.sessions',
    'SELECT * FROM system_traces.events',
    'SELECT * FROM system.prepared_statements',
    'SELECT * FROM system.batches',
    'SELECT * FROM system_views.settings',
    'SELECT * FROM system_views.clients',
    'SELECT * FROM system_distributed.repair_history',
    'SELECT * FROM cqlgate.revocations',
    "INSERT INTO system_schema.keyspaces (keyspace_name) VALUES ('x')",
    'DESCRIBE CLUSTER',
    'DESCRIBE TABLES',
    'LIST ROLES',
    'USE system_auth',
  ])('is refused: %s', async (text) => {
    expect(errorOf(await raw.query(text))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
  });

  it('gives the Node driver its metadata', async () => {
    const client: Client = await through(gate, 'reader');
    await client.metadata.refreshKeyspaces();
    const table = await client.metadata.getTable('least', 't');
    expect(table?.columns.map(({ name }) => name)).toEqual(['k', 'v']);
    expect((await client.execute('SELECT v FROM least.t')).rows).toHaveLength(1);
    await client.shutdown();
  });

  const cqlsh = async (role: string, input: string) => {
    const file = path.join(dir, role);
    const text = `[PlainTextAuthProvider]\nusername = ${role}\npassword = ${gate.issuer.mint()}\n`;
    await writeFile(file, text, { mode: 0o600 });
    const line = `cqlsh 127.0.0.1 ${gate.port} --credentials ${file} --no-color`;
    return shell(line, { input, cwd: dir, home: dir });
  };

  it.skipIf(python !== null)(
    'lets cqlsh describe and copy',
    async () => {
      const described = await cqlsh(
        'reader',
        'DESCRIBE TABLE least.t;\nDESCRIBE KEYSPACE least;\nUSE least;\nDESCRIBE TABLES;\n',
      );
      expect(described.stderr).toBe('');
      expect(described.stdout).toContain('CREATE TABLE least.t');
      const out = await cqlsh('reader', "COPY least.t TO 'out.csv';\n");
      expect(out.stdout).toMatch(/1 rows exported to 1 files/);
      expect(await readFile(path.join(dir, 'out.csv'), 'utf8')).toContain('1,one');
      const back = await cqlsh('loader', "COPY least.t FROM 'out.csv';\nSELECT * FROM least.t;\n");
      expect(back.stdout).toMatch(/1 rows imported from 1 files/);
      const refused = await cqlsh('reader', "COPY least.t FROM 'out.csv';\n");
      expect(refused.stdout + refused.stderr).toMatch(/0 rows imported|no MODIFY/);
    },
    120_000,
  );
});
