// What was found out or recorded under one policy is not used under another that came while the request waited:
// facts of a login are of that login, and the ledger names the decision that was carried out.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { TestRole } from '../support/gate.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const VOID = new Writer().writeInt(1).toBuffer();
const DROP = 'DROP ROLE admin';
const GRANT = 'GRANT SELECT ON t TO guest';
const LOGIN = (username: string) => ({ username, password: { env: 'GATE_PASSWORD' } });

/** What LIST ROLES OF one role answers. */
function superIs(flag: boolean): Buffer {
  const type = { code: TypeCode.BOOLEAN, bytes: Buffer.from([0, TypeCode.BOOLEAN]) };
  return encodeRows({
    columns: [{ keyspace: 'system_auth', table: 'roles', name: 'super', type }],
    rows: [[Buffer.from([flag ? 1 : 0])]],
  });
}

let gate: ScriptedGate;
/** Requests that the node has not answered yet, by what they begin with. */
let held: ScriptedRequest[];
let holds: (text: string) => boolean;
const sent = (text: string): ScriptedRequest[] =>
  gate.cluster.nodes[0]!.requests.filter((request) => request.text === text);

const roles = (cassandraRole: string, more: Partial<TestRole> = {}) => ({
  job: {
    grants: ['ALL ON ALL ROLES', 'AUTHORIZE, SELECT ON KEYSPACE shop', 'SELECT ON KEYSPACE other'],
    cassandraRole,
    ...more,
  },
});

async function start(config: Record<string, unknown> = {}): Promise<void> {
  held = [];
  holds = () => false;
  gate = await ScriptedGate.start(roles('before'), {
    cassandraRoles: { before: LOGIN('before'), after: LOGIN('after') },
    // One for each login: who finds it busy waits.
    limits: { poolConnections: 2 },
    ...config,
  });
  gate.cluster.script = (request) => {
    const { text, answer } = request;
    if (holds(text)) return held.push(request) > 0;
    const of = /^LIST ROLES OF '(\w+)'$/.exec(text)?.[1];
    if (of !== undefined) answer(Opcode.RESULT, superIs(of === 'after' || of === 'admin'));
    return of !== undefined;
  };
}

async function takePolicy(cassandraRole: string, more: Partial<TestRole> = {}): Promise<void> {
  await gate.files.writePolicy(roles(cassandraRole, more));
  await gate.logged(/policy taken/);
}

afterEach(async () => {
  await gate?.close();
});

it('asks anew whether its login is a superuser when the policy gave it another one meanwhile', async () => {
  await start();
  const client = await gate.login('job');
  holds = (text) => text === "LIST ROLES OF 'before'";
  const answer = client.query(DROP);
  await expect.poll(() => held.length).toBe(1);
  await takePolicy('after');
  held[0]!.answer(Opcode.RESULT, superIs(false));
  expect(errorOf(await answer)?.code).toBe(CqlErrorCode.UNAUTHORIZED);
  expect(sent(DROP)).toEqual([]);
  client.close();
});

describe('a change that waits for its connection when the policy changes', () => {
  let client: RawClient;
  let busy: RawClient;
  let answer: Promise<unknown>;

  beforeEach(async () => {
    await start();
    [client, busy] = await Promise.all([gate.login('job'), gate.login('job')]);
    expect(errorOf(await client.query('USE shop'))).toBeNull();
    expect(errorOf(await busy.query('USE other'))).toBeNull();
    // A PREPARE reads the keyspace of its connection, which is not set to another one beside it.
    holds = (text) => text === 'SELECT v FROM slow';
    const slow = busy.prepare('SELECT v FROM slow');
    await expect.poll(() => held.length).toBe(1);
    const granted = client.query(GRANT);
    answer = Promise.all([granted, slow]).then(([one]) => one);
    await gate.files.record(({ statement }) => statement?.kind === 'GRANT');
  });

  afterEach(() => {
    client.close();
    busy.close();
  });

  it('is recorded as it was decided when it was sent', async () => {
    await takePolicy('after');
    held[0]!.answer(Opcode.RESULT, VOID);
    expect(errorOf((await answer) as never)).toBeNull();
    expect(sent(GRANT).map(({ connection }) => connection)).toEqual([
      { username: 'after', keyspace: 'shop' },
    ]);
    await gate.files.record(({ kind, upstream }) => kind === 'outcome' && upstream !== undefined);
    const own = (await gate.files.records()).filter(({ statement }) => statement?.kind === 'GRANT');
    const [first, unsent, second, outcome] = own;
    expect(own).toHaveLength(4);
    expect(first.upstream.cassandra_role).toBe('before');
    expect(unsent).toMatchObject({ kind: 'outcome', of: first.id, outcome: { status: 'error' } });
    expect(second.upstream.cassandra_role).toBe('after');
    expect(second.decision.policy_version).not.toBe(first.decision.policy_version);
    expect(outcome).toMatchObject({
      of: second.id,
      outcome: { status: 'ok' },
      upstream: { cassandra_role: 'after' },
    });
  });

  it('is asked for its commit where the new policy requires one', async () => {
    await takePolicy('before', { commit: 'required' });
    held[0]!.answer(Opcode.RESULT, VOID);
    expect(errorOf((await answer) as never)?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(sent(GRANT)).toEqual([]);
  });
});

it('records a row by the policy that it was decided by, whatever came before its answer', async () => {
  await start({ audit: { dir: 'audit', dml: 'all' } });
  const client = await gate.login('job');
  const version = async (text: string): Promise<string> => {
    const { decision } = await gate.files.record(({ statement }) => statement?.text === text);
    return decision.policy_version as string;
  };
  await client.query('SELECT v FROM shop.fast');
  holds = (text) => text === 'SELECT v FROM shop.slow';
  const answer = client.query('SELECT v FROM shop.slow');
  await expect.poll(() => held.length).toBe(1);
  await takePolicy('after');
  held[0]!.answer(Opcode.RESULT, VOID);
  expect(errorOf(await answer)).toBeNull();
  expect(await version('SELECT v FROM shop.slow')).toBe(await version('SELECT v FROM shop.fast'));
  client.close();
});
