// Each row of docs/ERRORS.md is provoked and compared, or names the test that provokes it: a row without either, and a
// trial without a row, do not compile.
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame, type Frame, FrameFlag } from '../../src/protocol/frame.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { REFUSALS, type RefusalCode } from '../../src/refusals.ts';
import { encodeSegments } from '../../src/protocol/segment-encoder.ts';
import {
  API_TOKEN,
  pipelineDocument,
  startBitbucket,
  type LocalBitbucket,
} from '../support/bitbucket.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, node, noNode } from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedNode } from '../support/scripted-node.ts';
import { answerAsCluster } from '../support/scripted-cluster.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

let bitbucket: LocalBitbucket;
let gate: TestGate;
let scripted: ScriptedNode;
let behind: TestGate;

/** An answer, and whether the connection outlives it. */
interface Seen {
  readonly answer: Frame | null;
  readonly client: RawClient;
}

async function login(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  role = 'clerk',
): Promise<Seen> {
  return withToken(gate.issuer.mint(claims, header), role);
}

async function withToken(token: string, role = 'clerk'): Promise<Seen> {
  return sasl(Buffer.from(`\0${role}\0${token}`));
}

async function sasl(bytes: Buffer): Promise<Seen> {
  const client = await RawClient.connect(gate.port);
  await client.startup();
  return { answer: await client.authenticate(bytes), client };
}

async function query(text: string, at = gate, role = 'clerk', keyspace?: string): Promise<Seen> {
  const client = await RawClient.login(at.port, role, at.issuer.mint());
  return { answer: await client.query(text, keyspace === undefined ? {} : { keyspace }), client };
}

async function startup(options: Record<string, string>, version = 4): Promise<Seen> {
  const client = await RawClient.connect(gate.port, version);
  return { answer: await client.startup({ CQL_VERSION: '3.0.0', ...options }), client };
}

async function raw(bytes: Buffer, options: Record<string, string> = {}): Promise<Seen> {
  const client = await RawClient.login(gate.port, 'clerk', gate.issuer.mint(), 4, options);
  client.write(bytes);
  return { answer: await client.next(), client };
}

const frame = (opcode: number, body: Buffer, flags = 0): Buffer =>
  encodeFrame({ version: 4, opcode, streamId: 5, flags, body });

/** Through the scripted node, which does with the statement what `how` says. */
async function ill(text: string, how: 'silent' | 'close'): Promise<Seen> {
  scripted.script = (request) => {
    if (answerAsCluster(request)) return true;
    if (!request.text.includes('ks.t')) return false;
    if (how === 'close') request.close();
    return true;
  };
  return query(text, behind);
}

const TRIALS = {
  token_missing: async () => withToken(''),
  token_malformed: async () => withToken('"quoted"'),
  token_too_long: async () => withToken('x'.repeat(40_000)),
  sasl_malformed: async () => sasl(Buffer.from('nothing')),
  authzid: async () => sasl(Buffer.from('other\0clerk\0a.b.c')),
  token_expired: async () => login({ exp: 1_000 }),
  not_yet_valid: async () => login({ nbf: Math.floor(Date.now() / 1000) + 3_600 }),
  audience: async () => login({ aud: 'somebody-else' }),
  issuer_unknown: async () => login({ iss: 'https://nobody.example.com' }),
  pinned_claim: async () => login({ workspaceUuid: '{00000000-0000-0000-0000-000000000000}' }),
  algorithm: async () => login({}, { alg: 'ES256' }),
  signature: async () => {
    const [header, payload, signature = ''] = gate.issuer.mint().split('.');
    return withToken(`${header}.${payload}.${signature.split('').reverse().join('')}`);
  },
  no_key_id: async () => login({}, { kid: undefined }),
  key_in_header: async () => login({}, { jwk: { kty: 'RSA' } }),
  key_unknown: async () => login({}, { kid: 'another' }),
  crit: async () => login({}, { crit: ['new'], new: true }),
  no_expiry: async () => login({ exp: null }),
  no_subject: async () => login({ sub: null }),
  issuer_unreachable: async () => {
    const own = await TestGate.prepare({ contactPoint, roles: ROLES });
    closing.push(async () => own.close());
    own.issuer.fault = 'error';
    await own.launch();
    const client = await RawClient.connect(own.port);
    return { answer: await client.logIn('clerk', own.issuer.mint()), client };
  },
  unbound: async () => login({ repositoryUuid: '{11111111-1111-1111-1111-111111111111}' }),
  role_not_bound: async () => login({}, {}, 'admin'),
  several_roles: async () => login({}, {}, 'oidc'),
  pipeline_unknown: async () => {
    bitbucket.pipeline = pipelineDocument({ state: { name: 'COMPLETED' } });
    const seen = await login(runOf(3), {}, 'tagger');
    bitbucket.pipeline = pipelineDocument();
    return seen;
  },
  handshake_timeout: async () => {
    const client = await RawClient.connect(gate.port);
    return { answer: await client.next(), client };
  },
  handshake_too_large: async () => sasl(Buffer.alloc(70_000, 120)),
  plaintext: async () => {
    const client = await RawClient.connect(gate.port, 4, outside);
    return { answer: await client.startup(), client };
  },

  permission_missing: async () => query('DROP TABLE mistakes.t'),
  kind_denied: async () => query('TRUNCATE mistakes.t'),
  capability_missing: async () => query("ADD IDENTITY 'x' TO ROLE 'y'"),
  no_grant_in_keyspace: async () => query('USE billing'),
  commit_unverified: async () => {
    bitbucket.pipeline = pipelineDocument({ state: { name: 'COMPLETED' } });
    const seen = await create(1);
    bitbucket.pipeline = pipelineDocument();
    return seen;
  },
  commit_unavailable: async () => {
    bitbucket.fault = 'rate limit';
    bitbucket.retryAfter = '60';
    return create(2);
  },
  own_login: async () => query("ALTER ROLE cassandra WITH PASSWORD = 'another'"),
  class_not_allowed: async () =>
    query(
      "CREATE TABLE mistakes.u (k int PRIMARY KEY) WITH compaction = {'class': 'org.example.Evil'}",
    ),
  not_understood: async () => query("CREATE TABLE mistakes.u (k int PRIMARY KEY, v 'Int32Type x')"),
  java_user_type: async () =>
    query("CREATE TABLE mistakes.u (k int PRIMARY KEY, v 'UserType(mistakes,6e6f6e65)')"),
  too_costly: async () => query(`SELECT ${'('.repeat(24)}k${')'.repeat(24)} FROM mistakes.t`),
  syntax: async () => query('SELEKT 1'),
  no_keyspace: async () => query('SELECT * FROM t'),
  topology_query: async () =>
    query('SELECT key FROM system.local WHERE rpc_port > 1 ALLOW FILTERING'),
  node_addresses: async () => query('SELECT value FROM system_views.settings', gate, 'reader'),
  system_table_absent: async () => query('SELECT a FROM system_views.of_later', gate, 'reader'),
  trace_query: async () => query('SELECT JSON * FROM system_traces.events', gate, 'reader'),
  use_with_keyspace: async () => query('USE mistakes', gate, 'clerk', 'mistakes'),
  batch_kind: async () => {
    const client = await RawClient.login(gate.port, 'clerk', gate.issuer.mint());
    return { answer: await client.batch(['SELECT * FROM mistakes.t']), client };
  },
  batch_too_large: async () => {
    const client = await RawClient.login(gate.port, 'clerk', gate.issuer.mint());
    const child = 'INSERT INTO mistakes.t (k) VALUES (1)';
    return { answer: await client.batch(Array.from({ length: 11 }, () => child)), client };
  },
  frame_too_large: async () => query(`SELECT * FROM mistakes.t /* ${'x'.repeat(300_000)} */`),
  unprepared: async () => {
    const client = await RawClient.login(gate.port, 'clerk', gate.issuer.mint());
    return { answer: await client.execute(Buffer.alloc(16, 7)), client };
  },
  binding_gone: async () => {
    const client = await RawClient.login(gate.port, 'guest', gate.issuer.mint());
    await gate.writePolicy({ clerk: ROLES.clerk });
    const deadline = Date.now() + 10_000;
    let answer = await client.query('SELECT * FROM mistakes.t');
    while (answer?.opcode !== Opcode.ERROR && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await client.query('SELECT * FROM mistakes.t');
    }
    await gate.writePolicy(ROLES);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    return { answer, client };
  },

  over_limits: async () => {
    scripted.script = (request) => answerAsCluster(request) || request.text.includes('ks.t');
    const client = await RawClient.login(behind.port, 'clerk', behind.issuer.mint(), 4, {
      THROW_ON_OVERLOAD: '1',
    });
    const body = Buffer.concat([longString('SELECT * FROM ks.t'), Buffer.from([0, 1, 0])]);
    for (let i = 0; i < 6; i++) client.write(frame(Opcode.QUERY, body));
    const answer = await client.next();
    for (let i = 0; i < 5; i++) await client.next();
    return { answer, client };
  },
  no_node: async () => {
    const port = scripted.port;
    await scripted.close();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const seen = await query('SELECT * FROM ks.t', behind);
    scripted = await ScriptedNode.start(port);
    scripted.script = answerAsCluster;
    // The gate finds the way back before the next trial.
    const deadline = Date.now() + 20_000;
    for (let back = false; !back && Date.now() < deadline;) {
      const { answer, client } = await query('SELECT * FROM ks.t', behind);
      back = answer?.opcode === Opcode.RESULT;
      client.close();
    }
    return seen;
  },
  read_timeout: async () => ill('SELECT * FROM ks.t', 'silent'),
  write_timeout: async () => ill('DELETE FROM ks.t WHERE k = 1', 'silent'),
  write_lost: async () => ill('DELETE FROM ks.t WHERE k = 1', 'close'),
  login_refused: async () => {
    const other = await ScriptedNode.start();
    other.script = answerAsCluster;
    other.refuses = 'second';
    const own = await TestGate.start({
      contactPoint: `127.0.0.1:${other.port}`,
      roles: { clerk: { grants: ['SELECT ON KEYSPACE ks'], cassandraRole: 'second' } },
      config: {
        cassandraRoles: {
          first: { username: 'first', password: { env: 'GATE_PASSWORD' } },
          second: { username: 'second', password: { env: 'GATE_PASSWORD' } },
        },
      },
    });
    const seen = await query('SELECT * FROM ks.t', own);
    closing.push(
      async () => own.close(),
      async () => other.close(),
    );
    return seen;
  },
  keyspace_unknown: async () => query('USE mistakes_not_there'),

  malformed: async () => raw(frame(Opcode.QUERY, Buffer.from([0, 0, 0, 9, 1]))),
  corrupt_segment: async () => {
    const client = await RawClient.login(gate.port, 'clerk', gate.issuer.mint(), 5);
    const one = encodeFrame({ version: 5, opcode: Opcode.OPTIONS, streamId: 1, body: null });
    const bytes = Buffer.concat(encodeSegments([one]));
    bytes[bytes.length - 1]! ^= 1;
    client.write(bytes);
    return { answer: await client.next(), client };
  },
  wrong_state: async () => raw(frame(Opcode.AUTH_RESPONSE, Buffer.from([255, 255, 255, 255]))),
  startup_incomplete: async () => {
    const client = await RawClient.connect(gate.port);
    return { answer: await client.startup({}), client };
  },
  header_flags: async () => raw(frame(Opcode.QUERY, longString('SELECT 1'), 0x20)),
  unsupported_version: async () => {
    const client = await RawClient.connect(gate.port, 5);
    client.write(Buffer.from([0x42, 0, 0, 0, 5, 0, 0, 0, 0]));
    return { answer: await client.next(), client };
  },
  compression_unknown: async () => startup({ COMPRESSION: 'zstd' }),
  compression_version: async () => startup({ COMPRESSION: 'snappy' }, 5),
  compression_malformed: async () =>
    raw(frame(Opcode.QUERY, Buffer.from([0, 0, 0, 60, 0xf0, 1, 2]), FrameFlag.COMPRESSED), {
      COMPRESSION: 'lz4',
    }),
} satisfies Partial<Record<RefusalCode, () => Promise<Seen>>>;

/** Provoked by another test: its file, and a part of its name or of what it expects. */
const ELSEWHERE: Readonly<
  Record<
    Exclude<RefusalCode, keyof typeof TRIALS>,
    readonly [file: `test/${string}.test.ts`, part: string]
  >
> = {
  busy: ['test/session/seldom-answers.test.ts', 'busy: a login'],
  revoked: ['test/node/session-life.test.ts', 'at one gate ends sessions at another'],
  session_revoked: ['test/node/session-life.test.ts', 'at one gate ends sessions at another'],
  session_key_withdrawn: [
    'test/session/seldom-answers.test.ts',
    'session_key_withdrawn: a statement',
  ],
  session_too_long: ['test/node/session-life.test.ts', 'lasts no longer than its role says'],
  time_out_of_range: ['test/attack/times.test.ts', 'between 1970'],
  token_kind: ['test/identity/issuers.test.ts', 'refuses an access token of the org server'],
  internal: ['test/session/seldom-answers.test.ts', 'internal: an error'],
  internal_error: ['test/attack/internal-errors.test.ts', 'internal error of cqlgate'],
  too_slow: ['test/session/seldom-answers.test.ts', 'too_slow: a request'],
  answer_too_large: ['test/attack/memory.test.ts', 'for which cqlgate has no room now'],
  internal_fault: ['test/session/seldom-answers.test.ts', 'internal_fault: an error'],
  audit_unwritable: ['test/attack/ledger-room.test.ts', 'audit log of cqlgate'],
  session_expired: ['test/node/bad-input.test.ts', 'at the expiry of its token'],
  lane_full: ['test/node/ddl-lane.test.ts', 'wait already'],
  lane_timeout: ['test/node/ddl-lane.test.ts', 'for its turn'],
  lane_locked: ['test/node/ddl-lane.test.ts', 'say whose lock it is that they wait for'],
  lane_lock_lost: ['test/session/seldom-answers.test.ts', 'lane_lock_lost: a schema change'],
  long_texts_waiting: ['test/session/seldom-answers.test.ts', 'long_texts_waiting: a text'],
  large_bodies_waiting: ['test/session/seldom-answers.test.ts', 'large_bodies_waiting: a body'],
  shared_prepared_id: ['test/session/seldom-answers.test.ts', 'shared_prepared_id: a PREPARE'],
  no_connection: ['test/session/seldom-answers.test.ts', 'no_connection: a USE'],
  unknown_table: ['test/session/seldom-answers.test.ts', 'unknown_table: a table'],
  java_types: ['test/attack/java-types.test.ts', 'too many different types as strings'],
};

/** Claims of a run that nobody asked for before. */
function runOf(number: number): Record<string, string> {
  return { pipelineRunUuid: `{00000000-0000-4000-8000-00000000000${number}}` };
}

/** As the role that needs a commit, in a run of its own. */
async function create(runNumber: number): Promise<Seen> {
  const token = gate.issuer.mint(runOf(runNumber));
  const client = await RawClient.login(gate.port, 'guest', token);
  return { answer: await client.query('CREATE TABLE mistakes.v (k int PRIMARY KEY)'), client };
}

const ROLES = {
  clerk: {
    grants: [
      'SELECT, MODIFY, CREATE ON KEYSPACE mistakes',
      'SELECT ON KEYSPACE mistakes_not_there',
    ],
    deny: ['TRUNCATE'],
  },
  reader: { grants: ['SELECT ON KEYSPACE system_views', 'SELECT ON KEYSPACE system_traces'] },
  guest: { grants: ['SELECT, CREATE ON KEYSPACE mistakes'], commit: 'required' },
  tagger: { grants: ['SELECT ON KEYSPACE mistakes'], where: { pipelineTarget: 'tag' } },
};

const closing: (() => Promise<unknown>)[] = [];

/** An address of this machine that is not its loopback. */
const outside = Object.values(os.networkInterfaces())
  .flat()
  .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

function longString(text: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(text.length, 0);
  return Buffer.concat([length, Buffer.from(text)]);
}

describe.skipIf(noNode)('docs/ERRORS.md', () => {
  beforeAll(async () => {
    const superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE IF NOT EXISTS mistakes WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE IF NOT EXISTS mistakes.t (k int PRIMARY KEY)');
    await superuser.shutdown();
    bitbucket = await startBitbucket();
    gate = await TestGate.start({
      contactPoint,
      roles: ROLES,
      env: { BITBUCKET_API_TOKEN: API_TOKEN },
      config: {
        bitbucket: {
          apiUrl: bitbucket.apiUrl,
          token: { env: 'BITBUCKET_API_TOKEN' },
          commit: 'off',
        },
        listen: { host: '0.0.0.0', port: 0 },
        limits: { maxFrameBytes: 200_000, batchStatements: 10, handshakeTimeoutMs: 700 },
      },
    });
    scripted = await ScriptedNode.start();
    scripted.script = answerAsCluster;
    behind = await TestGate.start({
      contactPoint: `127.0.0.1:${scripted.port}`,
      roles: { clerk: { grants: ['SELECT, MODIFY ON KEYSPACE ks'] } },
      config: { limits: { readTimeoutMs: 400, writeTimeoutMs: 400, inFlightPerSession: 3 } },
    });
    expect(node).not.toBeNull();
  });

  afterAll(async () => {
    for (const close of closing) await close();
    await behind?.close();
    await scripted?.close();
    await gate?.close();
    await bitbucket?.close();
  });

  it.each(Object.entries(ELSEWHERE))('names a test of %s that is there', (_code, [file, part]) => {
    expect(readFileSync(path.join(ROOT, file), 'utf8')).toContain(part);
  });

  it('is counted in README as it is', () => {
    const counted = `(${Object.keys(TRIALS).length} of ${Object.keys(REFUSALS).length};`;
    expect(readFileSync(path.join(ROOT, 'README.md'), 'utf8')).toContain(counted);
  });

  it.each(Object.entries(TRIALS))(
    'is true of %s',
    async (code, trial) => {
      if (code === 'plaintext' && outside === undefined) {
        console.warn('plaintext is not tried: this machine has no address but its loopback');
        return;
      }
      const row = REFUSALS[code as RefusalCode];
      const { answer, client } = await trial();
      expect(answer?.opcode).toBe(Opcode.ERROR);
      const error = decodeError(answer!);
      expect([error.code, error.message]).toEqual([
        CqlErrorCode[row.error],
        expect.stringContaining(row.reads),
      ]);
      // Kept: another request is answered. Closed: nothing but the end comes.
      if ('closes' in row) expect(await client.next()).toBeNull();
      else expect((await client.request(Opcode.OPTIONS, null))?.opcode).toBe(Opcode.SUPPORTED);
      client.close();
    },
    30_000,
  );
});
