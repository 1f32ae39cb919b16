// No address of a node reaches a client. A tap between clients and the gate looks at every byte while real
// errors, warnings, traces and descriptions are provoked; straight at the node the same tap finds them.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auth, Client } from 'cassandra-driver';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { FrameFlag, type Frame } from '../../src/protocol/frame.ts';
import { responsePrefix } from '../../src/protocol/body-prefix.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { decodePrepared, decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { ADDRESS_COLUMNS, KEYED_BY_ADDRESS } from '../../src/topology/address-columns.ts';
import { AddressTap } from '../support/address-scan.ts';
import { CassandraNode } from '../support/cassandra.ts';
import { TestGate } from '../support/gate.ts';
import { noNode } from '../support/nodes.ts';
import { missingForPython } from '../support/python.ts';
import { shell } from '../support/cqlsh.ts';
import { RawClient } from '../support/raw-client.ts';

const NODE = '127.0.0.2';
/** Where clients find the gate: the tap. */
const GATE = '127.0.1.1';

const YAML = `tombstone_warn_threshold: 5
tombstone_failure_threshold: 20`;

const SETUP = [
  "CREATE KEYSPACE scan WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  'CREATE TABLE scan.t (k int, c int, PRIMARY KEY (k, c))',
  ...Array.from({ length: 30 }, (_unused, c) => `DELETE FROM scan.t WHERE k = 1 AND c = ${c}`),
  ...Array.from({ length: 10 }, (_unused, c) => `DELETE FROM scan.t WHERE k = 2 AND c = ${c}`),
];

const VERSIONS = [
  [4, ''],
  [4, 'lz4'],
  [5, ''],
  [5, 'lz4'],
] as const;

describe.skipIf(noNode)('addresses of nodes', () => {
  let node: CassandraNode;
  let gate: TestGate;
  let tap: AddressTap;
  /** Before the node itself. */
  let bare: AddressTap;

  beforeAll(async () => {
    // Switched on: what adds tables to Cassandra's own keyspaces.
    node = await CassandraNode.start({
      host: NODE,
      yaml: YAML,
      properties: ['cassandra.autorepair.enable=true'],
    });
    const superuser = await node.superuser();
    for (const statement of SETUP) await superuser.execute(statement);
    await superuser.shutdown();
    tap = await AddressTap.start({
      host: GATE,
      upstreamPort: () => gate.port,
      forbidden: [NODE],
    });
    bare = await AddressTap.start({
      host: '127.0.1.2',
      upstreamHost: NODE,
      upstreamPort: node.port,
      forbidden: [NODE],
    });
    gate = await TestGate.start({
      contactPoint: node.contactPoint,
      roles: {
        operator: {
          grants: [
            'SELECT, MODIFY, CREATE ON ALL KEYSPACES',
            ...Object.keys(ADDRESS_COLUMNS).map((name) => `SELECT, MODIFY ON KEYSPACE ${name}`),
          ],
        },
        shut_out: { grants: ['SELECT ON KEYSPACE scan'], cassandraRole: 'open' },
      },
      config: {
        advertise: { host: GATE, port: tap.port },
        cassandraRoles: {
          ci: { username: 'cassandra', password: { env: 'GATE_PASSWORD' } },
          open: { open: true },
        },
        cluster: { contactPoints: [node.contactPoint], gateRole: 'ci' },
      },
    });
  });

  afterAll(async () => {
    await tap?.close();
    await bare?.close();
    await gate?.close();
    await node?.remove();
  });

  const client = async (version: number, compression: string, to: 'gate' | 'node' = 'gate') => {
    const [at, username, token] =
      to === 'gate' ? [tap, 'operator', gate.issuer.mint()] : [bare, 'cassandra', 'cassandra'];
    return RawClient.login(
      at.port,
      username,
      token,
      version,
      compression === '' ? {} : { COMPRESSION: compression },
      to === 'gate' ? GATE : '127.0.1.2',
    );
  };

  const traced = async (raw: RawClient, query: string): Promise<string> => {
    const body = encodeQuery({ query, consistency: 1, version: raw.version });
    const answer = await raw.request(Opcode.QUERY, body, FrameFlag.TRACING);
    const id = responsePrefix(answer!).tracingId!.toString('hex');
    // Cassandra writes a trace behind its answer.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  };

  /** What tells addresses, by name; each through the gate and straight at the node. */
  const PROVOKED: Readonly<Record<string, (raw: RawClient) => Promise<(Frame | null)[]>>> = {
    'a failure with its map of reasons': async (raw) => [
      await raw.query('SELECT * FROM scan.t WHERE k = 1'),
    ],
    'DESCRIBE CLUSTER in a keyspace': async (raw) => {
      await raw.query('USE scan');
      const answers = [await raw.query('DESCRIBE CLUSTER')];
      const prepared = await raw.prepare('DESC CLUSTER');
      if (prepared!.opcode !== Opcode.RESULT) return answers;
      const { id } = decodePrepared(prepared!, raw.version);
      return [...answers, await raw.execute(id)];
    },
    'a trace': async (raw) => {
      const id = await traced(raw, 'SELECT * FROM scan.t WHERE k = 7');
      const answers: (Frame | null)[] = [];
      for (const table of ['sessions', 'events']) {
        answers.push(
          await raw.query(`SELECT * FROM system_traces.${table} WHERE session_id = ${id}`),
        );
      }
      const prepared = await raw.prepare(
        'SELECT source_port AS p, source AS s, activity FROM system_traces.events WHERE session_id = ?',
      );
      const value = Buffer.from(id.replaceAll('-', ''), 'hex');
      const { id: preparedId } = decodePrepared(prepared!, raw.version);
      // With and without its metadata.
      for (const flags of [0, 0x02]) {
        answers.push(await raw.execute(preparedId, { flags, values: [value] }));
      }
      return answers;
    },
    'tables of nodes': async (raw) => {
      const answers: (Frame | null)[] = [];
      for (const [keyspace, tables] of Object.entries(ADDRESS_COLUMNS)) {
        for (const table of Object.keys(tables)) {
          for (const what of ['*', 'JSON *']) {
            answers.push(await raw.query(`SELECT ${what} FROM ${keyspace}."${table}"`));
          }
        }
      }
      return answers;
    },
    'functions and aliases over address columns': async (raw) => {
      const answers: (Frame | null)[] = [];
      for (const what of ['rpc_address AS x', 'toJson(rpc_address)', 'CAST(rpc_address AS text)']) {
        answers.push(await raw.query(`SELECT ${what} FROM system.local`));
      }
      for (const what of ['max(coordinator)', 'toJson(coordinator)', 'CAST(coordinator AS text)']) {
        answers.push(await raw.query(`SELECT ${what} FROM system_traces.sessions`));
      }
      return answers;
    },
  };

  describe.each(VERSIONS)('in v%i %s', (version, compression) => {
    it.each(Object.keys(PROVOKED))('are not in %s', async (name) => {
      const before = tap.findings.length;
      const raw = await client(version, compression);
      const answers = await PROVOKED[name]!(raw);
      raw.close();
      expect(answers.every((answer) => answer !== null)).toBe(true);
      expect(tap.findings.slice(before)).toEqual([]);
      expect(tap.seen.undecoded).toBe(0);
    });
  });

  it.each(Object.keys(PROVOKED))('are found by the same tap at the node: %s', async (name) => {
    const before = bare.findings.length;
    const raw = await client(5, '', 'node');
    await PROVOKED[name]!(raw);
    raw.close();
    expect(bare.findings.length).toBeGreaterThan(before);
  });

  it('are the gate in a failure, whose code and counts stay', async () => {
    const raw = await client(5, '');
    const answer = (await raw.query('SELECT * FROM scan.t WHERE k = 1'))!;
    raw.close();
    const { code, message } = decodeError(answer);
    expect(code).toBe(CqlErrorCode.READ_FAILURE);
    expect(message).toContain(`READ_TOO_MANY_TOMBSTONES from /${GATE}:${tap.port}`);
    const bytes = answer.bytes();
    const reasons = bytes.subarray(bytes.indexOf(Buffer.from(message)) + message.length);
    // <consistency><received><block for><1 endpoint><4><address><reason 1><data present>
    expect(reasons.subarray(-12, -1).toString('hex')).toBe('00000001047f0001010001');
  });

  it('are the gate in what it says itself of a login that fails there', async () => {
    const before = tap.findings.length;
    const raw = await RawClient.login(tap.port, 'shut_out', gate.issuer.mint(), 4, {}, GATE);
    const { message } = decodeError((await raw.query('SELECT * FROM scan.t'))!);
    raw.close();
    expect(message).toContain(`${GATE}:${tap.port} asks for a login`);
    expect(tap.findings.slice(before)).toEqual([]);
  });

  it('do not keep a warning from its client', async () => {
    const raw = await client(5, '');
    const answer = (await raw.query('SELECT * FROM scan.t WHERE k = 2'))!;
    raw.close();
    expect(responsePrefix(answer).warnings?.[0]).toContain('tombstone');
  });

  it('are the gate in the ranges of DESCRIBE CLUSTER', async () => {
    const raw = await client(5, '');
    await raw.query('USE scan');
    const { rows, columns } = decodeRows((await raw.query('DESCRIBE CLUSTER'))!, 5);
    raw.close();
    const ranges = rows[0]![columns.findIndex(({ name }) => name === 'range_ownership')]!;
    expect(ranges.toString('latin1').split(`/${GATE}:${tap.port}`)).toHaveLength(4 + 1);
    expect(rows[0]![0]!.toString()).toBe('cqlgate-test');
  });

  it('are the gate in the trace that the Node driver reads', async () => {
    const driver = new Client({
      contactPoints: [`${GATE}:${tap.port}`],
      localDataCenter: 'datacenter1',
      authProvider: new auth.PlainTextAuthProvider('operator', gate.issuer.mint()),
    });
    const { info } = await driver.execute('SELECT * FROM scan.t WHERE k = 7', [], {
      traceQuery: true,
    });
    const trace = await new Promise<Record<string, any>>((resolve, reject) => {
      driver.metadata.getTrace(info.traceId, (error, found) =>
        error ? reject(error) : resolve(found),
      );
    });
    await driver.shutdown();
    expect(String(trace['coordinator'])).toBe(GATE);
    expect(trace['events'].length).toBeGreaterThan(2);
    for (const event of trace['events']) expect(String(event.source)).toBe(GATE);
    expect(tap.findings).toEqual([]);
  });

  it.skipIf(missingForPython() !== null)('are the gate in what cqlsh shows', async () => {
    const before = tap.findings.length;
    const input = [
      'USE scan;',
      'DESCRIBE CLUSTER;',
      'TRACING ON;',
      'SELECT * FROM scan.t WHERE k = 7;',
      'SELECT * FROM scan.t WHERE k = 1;',
    ].join('\n');
    const line = `cqlsh ${GATE} ${tap.port} -u operator -p "$TOKEN" --no-color`;
    const { stdout, stderr } = await shell(`TOKEN='${gate.issuer.mint()}'; ${line}`, { input });
    expect(stdout).toContain('Range ownership');
    expect(stdout).toContain('Tracing session');
    expect(stdout).toContain(GATE);
    expect(stderr).toContain('READ_TOO_MANY_TOMBSTONES');
    expect(stdout + stderr).not.toContain(NODE);
    expect(tap.findings.slice(before)).toEqual([]);
  });

  describe('in the schema of this release', () => {
    interface SchemaColumn {
      readonly table: string;
      readonly keyspace: string;
      readonly name: string;
      readonly type: string;
      readonly isKey: boolean;
    }
    let columns: SchemaColumn[];

    beforeAll(async () => {
      const superuser = await node.superuser();
      const read = async (keyspace: string) =>
        (
          await superuser.execute(
            `SELECT keyspace_name, table_name, column_name, kind, type FROM ${keyspace}.columns`,
            [],
            { fetchSize: 10_000 },
          )
        ).rows;
      const rows = [...(await read('system_schema')), ...(await read('system_virtual_schema'))];
      await superuser.shutdown();
      columns = rows
        .filter((row) => /^system(_|$)/.test(row['keyspace_name'] as string))
        .map((row) => ({
          keyspace: row['keyspace_name'] as string,
          table: row['table_name'] as string,
          name: row['column_name'] as string,
          type: row['type'] as string,
          isKey: row['kind'] === 'partition_key' || row['kind'] === 'clustering',
        }));
    });

    const listed = ({ keyspace, table, name }: SchemaColumn): boolean =>
      ADDRESS_COLUMNS[keyspace]?.[table]?.includes(name) === true;

    it('each table was looked at', () => {
      expect(columns.map(({ table }) => table)).toContain('auto_repair_history');
      const unknown = columns.filter(
        ({ keyspace, table }) =>
          !REVIEWED_KEYSPACES.has(keyspace) && ADDRESS_COLUMNS[keyspace]?.[table] === undefined,
      );
      expect(unknown).toEqual([]);
    });

    it('each column that could hold an address was looked at', () => {
      const unknown = columns.filter(
        (column) =>
          CAN_HOLD_ONE.test(column.type) &&
          !listed(column) &&
          !REVIEWED_TABLES.has(`${column.keyspace}.${column.table}`) &&
          !REVIEWED_NAMES.has(column.name),
      );
      expect(unknown).toEqual([]);
    });

    it('each inet is listed, but for those of operators', () => {
      const inets = columns.filter(
        (column) =>
          column.type.includes('inet') &&
          !listed(column) &&
          !REVIEWED_TABLES.has(`${column.keyspace}.${column.table}`),
      );
      expect(inets.map(({ table, name }) => `${table}.${name}`)).toEqual(['cidr_groups.cidrs']);
    });

    it('each column that is listed exists', () => {
      const names = new Set(
        columns.map(({ keyspace, table, name }) => `${keyspace}.${table}.${name}`),
      );
      const missing = Object.entries(ADDRESS_COLUMNS).flatMap(([keyspace, tables]) =>
        Object.entries(tables).flatMap(([table, list]) =>
          list.map((name) => `${keyspace}.${table}.${name}`).filter((name) => !names.has(name)),
        ),
      );
      expect(missing).toEqual([]);
    });

    it('each table with an address in its key is known as that', () => {
      const keyed = columns.filter(
        (column) => column.isKey && listed(column) && column.type === 'inet',
      );
      expect(new Set(keyed.map(({ keyspace, table }) => `${keyspace}.${table}`))).toEqual(
        KEYED_BY_ADDRESS,
      );
    });
  });
});

/** Of the schema, of roles, and of what operators write there: no node is told. */
const REVIEWED_KEYSPACES = new Set(['system_auth', 'system_schema', 'system_virtual_schema']);

/** Answered by the gate itself, by name and type of each column. */
const REVIEWED_TABLES = new Set(['system.local', 'system.peers', 'system.peers_v2']);

const CAN_HOLD_ONE = /inet|text|ascii|varchar|blob|'/;

/** Names, tokens, ranges, states, versions, and what users wrote: in whatever table they are. */
const REVIEWED_NAMES = new Set(
  `additional_write_policy auto_repair aggregate_name analyzer argument_names argument_types base_table_name body
  caching cidr_group cidr_groups cidrs clustering_order column_name column_name_bytes columnfamily_name
  columnfamily_names command comment compaction compaction_properties component_metadata compression
  connection_stage dc dcs disk_usage driver_name driver_version end_token extensions field_names field_types
  final_func flags format_version full_ranges function_argument_types function_argument_values
  function_keyspace function_name host_id id identity index_name index_status initcond key keyspace_name kind
  ks_name language last_token level load logged_keyspace logger max_term member member_of memtable min_term
  most_recent_commit mutations name net_version operation options options_column_families
  options_data_centers options_parallelism options_preview_kind options_ranges permissions points
  prepared_id preview_kind proposal query_string rack range_begin range_end range_start range_type ranges
  read_repair release_version repair_turn repair_type replication requested_ranges resource return_type role row_key rpc_ready
  salted_hash schema severity speculative_retry ssl_cipher_suite ssl_protocol sstable_name sstable_versions
  start_token state_func state_type status status_with_port successful_ranges table_name table_names tables
  target_directory top top_type transient_ranges trigger_name type type_name unfiltered_ranges unit username
  value view_name where_clause`.split(/\s+/),
);
