// Answers that only a strained or faulty gate gives: each is provoked here, and compared with its row in the table.
import { createHash, randomUUID } from 'node:crypto';
import type * as machine from 'node:os';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import { CQL } from '../../src/limits/cql.ts';
import type * as cqlLimits from '../../src/limits/cql.ts';
import type * as identityLimits from '../../src/limits/identity.ts';
import { COMPRESSION } from '../../src/limits/session.ts';
import type * as sessionLimits from '../../src/limits/session.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { REFUSALS, type RefusalCode } from '../../src/refusals.ts';
import { Inbox } from '../../src/session/inbox.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

// One key is looked up at once, and each unknown one is; no line has room for anybody who would have to wait; and a
// request has a third of a second to come.
vi.mock('../../src/limits/identity.ts', async (original) => {
  const own = await original<typeof identityLimits>();
  return {
    ...own,
    TOKENS: { ...own.TOKENS, checksPerIssuer: 1, checksWaiting: 0 },
    JWKS: { ...own.JWKS, coolDownMs: 0 },
  };
});
vi.mock('../../src/limits/cql.ts', async (original) => {
  const own = await original<typeof cqlLimits>();
  return { ...own, CQL: { ...own.CQL, analysesWaiting: 0 } };
});
vi.mock('../../src/limits/session.ts', async (original) => {
  const own = await original<typeof sessionLimits>();
  return {
    ...own,
    COMPRESSION: { ...own.COMPRESSION, threads: 0, waiting: 0 },
    MEMORY: { ...own.MEMORY, rateGraceMs: 300 },
  };
});

/** For how long the machine slept: its uptime counts that, the clocks of its timers do not. */
let sleptMs = 0;
vi.mock('node:os', async (original) => {
  const os = await original<typeof machine>();
  return { ...os, uptime: () => os.uptime() + sleptMs / 1000 };
});

const APPLIED = encodeRows({
  columns: [
    {
      keyspace: 'cqlgate',
      table: 'locks',
      name: '[applied]',
      type: { code: TypeCode.BOOLEAN, bytes: Buffer.from([0, TypeCode.BOOLEAN]) },
    },
  ],
  rows: [[Buffer.from([1])]],
});

let gate: ScriptedGate;
/** Asked before the nodes answer as a cluster does; true: answered, or left. */
let script: (request: ScriptedRequest) => boolean = () => false;

beforeAll(async () => {
  gate = await ScriptedGate.start(
    {
      job: {
        grants: [
          'SELECT, MODIFY, CREATE ON KEYSPACE one',
          'SELECT ON KEYSPACE two',
          'SELECT ON KEYSPACE system_views',
        ],
      },
    },
    { limits: { readTimeoutMs: 300, writeTimeoutMs: 20_000, poolConnections: 1 } },
  );
  gate.cluster.script = (request) => script(request);
});

afterAll(async () => {
  await gate.close();
});

/** A token that nobody verified before. */
const freshToken = (header: Record<string, unknown> = {}): string =>
  gate.files.issuer.mint({ jti: randomUUID() }, header);

/** A PREPARED result without bind markers and with one column. */
function preparedBody(id: Buffer): Buffer {
  const writer = new Writer().writeInt(4).writeShortBytes(id);
  writer.writeInt(1).writeInt(0).writeInt(0).writeString('one').writeString('t');
  writer.writeInt(1).writeInt(1).writeString('one').writeString('t');
  return writer.writeString('k').writeShort(TypeCode.INT).toBuffer();
}

async function expectRow(code: RefusalCode, answer: Frame | null, client: RawClient) {
  const row = REFUSALS[code];
  expect(errorOf(answer)).toEqual({
    code: CqlErrorCode[row.error],
    message: expect.stringContaining(row.reads),
  });
  if ('closes' in row) expect(await client.next()).toBeNull();
  else expect((await client.request(Opcode.OPTIONS, null))?.opcode).toBe(Opcode.SUPPORTED);
  client.close();
}

describe('a row of the table of refusals', () => {
  it('no_connection: a USE while the one connection may not leave its keyspace', async () => {
    let isHeld = false;
    script = ({ opcode }) => {
      isHeld ||= opcode === Opcode.PREPARE;
      return opcode === Opcode.PREPARE;
    };
    const holder = await gate.login('job');
    expect(errorOf(await holder.query('USE one'))).toBeNull();
    const client = await gate.login('job');
    void holder.prepare('INSERT INTO t (k) VALUES (1)');
    await expect.poll(() => isHeld).toBe(true);
    // A PREPARE of v4 reads the keyspace of its connection, and there is no other connection.
    await expectRow('no_connection', await client.query('USE two'), client);
    holder.close();
  });

  it('lane_lock_lost: a schema change before which the machine slept for longer than its lock lives', async () => {
    let isLocked = false;
    script = ({ text, answer }) => {
      if (text.includes('cqlgate.locks')) {
        isLocked ||= text.startsWith('INSERT');
        answer(Opcode.RESULT, APPLIED);
        return true;
      }
      // The schema's version is asked for between the lock and the change.
      if (isLocked && text.includes('schema_version')) sleptMs = 60_000;
      return false;
    };
    const client = await gate.login('job');
    const answer = await client.query('CREATE TABLE one.t (k int PRIMARY KEY)');
    await expectRow('lane_lock_lost', answer, client);
    const sent = gate.cluster.nodes[0]!.requests.map(({ text }) => text);
    expect(sent.filter((text) => text.startsWith('CREATE TABLE'))).toEqual([]);
  });

  it('long_texts_waiting: a text that has to wait for the thread that analyses long ones', async () => {
    const client = await gate.login('job');
    const text = `SELECT * FROM one.t /* ${'x'.repeat(CQL.cachedTextLength)} */`;
    await expectRow('long_texts_waiting', await client.query(text), client);
  });

  it('large_bodies_waiting: a body that has to wait for the thread that decompresses large ones', async () => {
    const client = await gate.login('job', 4, { COMPRESSION: 'snappy' });
    const text = `SELECT * FROM one.t /* ${'x'.repeat(COMPRESSION.snappyInlineBytes)} */`;
    await expectRow('large_bodies_waiting', await client.query(text), client);
  });

  it('shared_prepared_id: a PREPARE that the node names by its text alone', async () => {
    const text = 'SELECT k FROM t';
    script = ({ opcode, answer }) => {
      if (opcode !== Opcode.PREPARE) return false;
      answer(Opcode.RESULT, preparedBody(createHash('md5').update(text).digest()));
      return true;
    };
    const client = await gate.login('job');
    expect(errorOf(await client.query('USE one'))).toBeNull();
    await expectRow('shared_prepared_id', await client.prepare(text), client);
  });

  it('unknown_table: a table of the cluster that nobody has looked at for addresses', async () => {
    const client = await gate.login('job');
    await expectRow('unknown_table', await client.query('SELECT * FROM system_views.new'), client);
  });

  it('too_slow: a request that began and does not go on', async () => {
    const client = await gate.login('job');
    // The header of a QUERY with a body that never comes.
    client.write(Buffer.from([4, 0, 0, 9, Opcode.QUERY, 0, 0, 1, 0]));
    await expectRow('too_slow', await client.next(), client);
  });

  it('session_key_withdrawn: a statement under a token whose key its issuer took back', async () => {
    const client = await gate.login('job');
    gate.files.issuer.rotateKeys();
    // Its token names a key that is not known yet, so the keys are fetched.
    (await gate.login('job')).close();
    const answer = await client.query('SELECT * FROM one.t');
    await expectRow('session_key_withdrawn', answer, client);
  });

  it('internal_fault: an error of the gate while it reads what a session sent', async () => {
    const client = await gate.login('job');
    vi.spyOn(Inbox.prototype, 'next').mockImplementationOnce(() => {
      throw new TypeError('broken');
    });
    await expectRow('internal_fault', await client.query('SELECT * FROM one.t'), client);
  });

  it('internal: an error of the gate while it checks a token', async () => {
    vi.spyOn(TokenVerifier.prototype, 'verifyOrRecall').mockRejectedValueOnce(
      new TypeError('broken'),
    );
    const client = await RawClient.connect(gate.port);
    await expectRow('internal', await client.logIn('job', freshToken()), client);
  });

  it('busy: a login while the key look-ups of its issuer wait for an issuer that hangs', async () => {
    const { issuer } = gate.files;
    issuer.fault = 'slow';
    const before = issuer.requests;
    const first = await RawClient.connect(gate.port);
    void first.logIn('job', freshToken({ kid: 'nobody' }));
    await expect.poll(() => issuer.requests).toBeGreaterThan(before);
    const client = await RawClient.connect(gate.port);
    const answer = await client.logIn('job', freshToken({ kid: 'somebody' }));
    await expectRow('busy', answer, client);
    first.close();
  });
});
