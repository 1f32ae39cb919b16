// Two tenants on one connection to a node that answers as no healthy one does, or late: a statement is carried out
// in the state that it was decided in, or not at all.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { TURN } from '../../src/limits/session.ts';
import { FrameFlag } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { LedgerDisk } from '../support/ledger-disk.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const SET_KEYSPACE = new Writer().writeInt(3).writeString('tenant_a').toBuffer();
const READ = 'SELECT v FROM t WHERE k = 1';

function idOf(text: string, keyspace: string | null): Buffer {
  return createHash('md5')
    .update(`${keyspace ?? ''}${text}`)
    .digest();
}

function unprepared(id: Buffer): Buffer {
  const writer = new Writer().writeInt(CqlErrorCode.UNPREPARED).writeString('not found');
  return writer.writeShortBytes(id).toBuffer();
}

/** A statement of one int, the partition key, as v4 has it. */
function preparedAs(id: Buffer): Buffer {
  const writer = new Writer().writeInt(4).writeShortBytes(id).writeInt(0).writeInt(1);
  writer.writeInt(1).writeShort(0);
  writer.writeString('tenant_a').writeString('t').writeString('k').writeShort(TypeCode.INT);
  // NO_METADATA, no columns.
  return writer.writeInt(4).writeInt(0).toBuffer();
}

let gate: ScriptedGate;
let a: RawClient;
let b: RawClient;
let onRequest: (request: ScriptedRequest) => boolean;
const requests = (): readonly ScriptedRequest[] => gate.cluster.nodes[0]!.requests;

async function start(nodes = 1): Promise<void> {
  onRequest = () => false;
  gate = await ScriptedGate.start(
    {
      a: { grants: ['SELECT, MODIFY, AUTHORIZE ON KEYSPACE tenant_a'] },
      b: { grants: ['SELECT, MODIFY, AUTHORIZE ON KEYSPACE tenant_b'] },
    },
    // One for each node: who finds it busy waits.
    { limits: { poolConnections: nodes } },
    await ScriptedCluster.start(Array.from({ length: nodes }, () => 'dc1')),
  );
  gate.cluster.script = (request) => {
    const { opcode, text, answer, connection } = request;
    if (onRequest(request)) return true;
    if (opcode !== Opcode.PREPARE) return false;
    answer(Opcode.RESULT, preparedAs(idOf(text, text.includes('.') ? null : connection.keyspace)));
    return true;
  };
  a = await gate.login('a');
  b = await gate.login('b');
}

afterEach(async () => {
  a?.close();
  b?.close();
  await gate?.close();
  vi.restoreAllMocks();
});

describe('a connection that is shared', () => {
  beforeEach(async () => start());

  it('is prepared on again in the keyspace of the statement, though others wait for theirs', async () => {
    expect(errorOf(await a.query('USE tenant_a'))).toBeNull();
    expect(errorOf(await b.query('USE tenant_b'))).toBeNull();
    expect(errorOf(await b.prepare(READ))).toBeNull();
    const id = idOf(READ, 'tenant_b');
    const held: ScriptedRequest[] = [];
    onRequest = (request) =>
      request.opcode === Opcode.EXECUTE && held.length === 0 && held.push(request) > 0;
    const executed = b.execute(id);
    await expect.poll(() => held.length).toBe(1);
    // It waits for the connection; what is sent after it is answered first.
    const first = a.query('SELECT v FROM mine');
    const second = a.request(Opcode.OPTIONS, null);
    expect((await first)?.opcode).toBe(Opcode.SUPPORTED);
    held[0]!.answer(Opcode.ERROR, unprepared(id));
    expect(errorOf(await executed)).toBeNull();
    expect(errorOf(await second)).toBeNull();
    const again = requests().filter(
      ({ opcode, text }) => opcode === Opcode.PREPARE && text === READ,
    );
    expect(again).toHaveLength(2);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['QUERY that reads', async () => b.query('SELECT v FROM tenant_b.t')],
    ['QUERY that writes', async () => b.query('UPDATE tenant_b.t SET v = 1 WHERE k = 1')],
    ['PREPARE', async () => b.prepare('SELECT v FROM tenant_b.t')],
    ['BATCH', async () => b.batch(['UPDATE tenant_b.t SET v = 1 WHERE k = 1'])],
  ])('is used by nobody once a %s moved it', async (_what, send) => {
    const logins = gate.cluster.nodes[0]!.logins;
    onRequest = ({ opcode, text, answer }) => {
      const isIt = opcode === Opcode.BATCH || text.includes('tenant_b.t');
      if (isIt) answer(Opcode.RESULT, SET_KEYSPACE);
      return isIt;
    };
    expect(errorOf((await send()) as never)?.code).toBe(CqlErrorCode.SERVER_ERROR);
    expect(errorOf(await a.query('USE tenant_a'))).toBeNull();
    expect(gate.cluster.nodes[0]!.logins).toBe(logins + 1);
  });

  it('takes no id that the node would give to the same text in another keyspace', async () => {
    // As nodes before 4.0.2 make them, and later ones that do not know the version of each other yet.
    onRequest = ({ opcode, text, answer }) => {
      if (opcode === Opcode.PREPARE) answer(Opcode.RESULT, preparedAs(idOf(text, null)));
      return opcode === Opcode.PREPARE;
    };
    expect(errorOf(await a.query('USE tenant_a'))).toBeNull();
    const answer = errorOf(await a.prepare(READ));
    expect(answer?.code).toBe(CqlErrorCode.INVALID);
    expect(answer?.message).toContain('with its keyspace');
    expect(errorOf(await a.execute(idOf(READ, null)))?.code).toBe(CqlErrorCode.UNPREPARED);
    expect(requests().filter(({ opcode }) => opcode === Opcode.EXECUTE)).toEqual([]);
    // In full it means the same to all.
    const full = 'SELECT v FROM tenant_a.t WHERE k = 1';
    expect(errorOf(await a.prepare(full))).toBeNull();
    expect(errorOf(await a.execute(idOf(full, null)))).toBeNull();
  });
});

it('carries out a BATCH that is read over several turns in the keyspace of its session', async () => {
  await start();
  expect(errorOf(await b.query('USE tenant_b'))).toBeNull();
  expect(errorOf(await a.query('USE tenant_a'))).toBeNull();
  const where: (string | null)[] = [];
  onRequest = ({ opcode, connection, namedKeyspace }) => {
    if (opcode === Opcode.BATCH) where.push(namedKeyspace ?? connection.keyspace);
    return false;
  };
  const child = 'UPDATE t SET v = 1 WHERE k = 1';
  const answer = await b.batch(Array.from({ length: 3 * TURN.childrenAtOnce }, () => child));
  expect(errorOf(answer)).toBeNull();
  expect(where).toEqual(['tenant_b']);
});

it('carries out what was recorded together with what others wait for in its own keyspace', async () => {
  const disk = new LedgerDisk();
  disk.attach();
  await start();
  expect(errorOf(await a.query('USE tenant_a'))).toBeNull();
  expect(errorOf(await b.query('USE tenant_b'))).toBeNull();
  const granted: [string, string | null][] = [];
  onRequest = ({ text, connection }) => {
    if (text.startsWith('GRANT')) granted.push([text, connection.keyspace]);
    return false;
  };
  // A first write keeps the disk, so that the two behind it are written together.
  const gone = await gate.login('b');
  disk.state = 'stuck';
  void gone.query('GRANT SELECT ON tenant_b.t TO nobody');
  await expect.poll(() => disk.ledger!.room.usedBytes).toBeGreaterThan(0);
  gone.close();
  const answers = [];
  for (const [client, guest] of [
    [b, 'guest_of_b'],
    [a, 'guest_of_a'],
  ] as const) {
    // It waits for the disk; what is sent after it is answered first.
    const first = client.query(`GRANT SELECT ON t TO ${guest}`);
    answers.push(client.request(Opcode.OPTIONS, null));
    expect((await first)?.opcode).toBe(Opcode.SUPPORTED);
  }
  disk.recover();
  for (const answer of await Promise.all(answers)) expect(errorOf(answer)).toBeNull();
  expect(granted.sort()).toEqual([
    ['GRANT SELECT ON t TO guest_of_a', 'tenant_a'],
    ['GRANT SELECT ON t TO guest_of_b', 'tenant_b'],
  ]);
});

it('finds the values of an EXECUTE behind a custom payload', async () => {
  await start(2);
  const text = 'SELECT v FROM tenant_a.t WHERE k = ?';
  expect(errorOf(await a.prepare(text))).toBeNull();
  const key = Buffer.from([0, 0, 0, 7]);
  const body = new Writer()
    // One entry of the payload.
    .writeShort(1)
    .writeString('traceparent')
    .writeBytes(Buffer.alloc(300, 0x30))
    .writeShortBytes(idOf(text, null))
    .writeShort(1)
    .writeByte(1)
    .writeShort(1)
    .writeBytes(key);
  const answer = await a.request(Opcode.EXECUTE, body.toBuffer(), FrameFlag.CUSTOM_PAYLOAD);
  expect(answer?.opcode).toBe(Opcode.RESULT);
  expect(errorOf(answer)).toBeNull();
});
