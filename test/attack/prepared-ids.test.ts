// Ids of statements that others prepared: whoever may not run them must not find out that they are there.
// And an id that a node gives to two statements is believed of neither.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const VOID = new Writer().writeInt(1).toBuffer();
const ID_BYTES = 16;

/** What PREPARE answers for a statement without markers and rows, in v4. */
function preparedAs(id: Buffer): Buffer {
  const writer = new Writer().writeInt(4).writeShortBytes(id);
  // Bind metadata: no flags, no columns, no partition key. Result metadata: NO_METADATA, no columns.
  return writer.writeInt(0).writeInt(0).writeInt(0).writeInt(4).writeInt(0).toBuffer();
}

const MINE = 'UPDATE tenant_a.t SET v = 1 WHERE k = 1';
const READ = 'SELECT v FROM tenant_a.t WHERE k = 1';
const USE = 'USE tenant_a';
const DENIED_LATER = 'UPDATE tenant_b.t SET v = 1 WHERE k = 1';

describe('a prepared id', () => {
  let scripted: ScriptedCluster;
  let gate: TestGate;
  let prepared: ReadonlyMap<string, Buffer>;
  /** Answers of the next PREPAREs, instead of one id for each text. */
  let nextId: Buffer | null = null;
  const ids = new Map<string, Buffer>();

  const roles = (grantsOfB: readonly string[]) => ({
    a: { grants: ['SELECT, MODIFY ON KEYSPACE tenant_a'] },
    b: { grants: grantsOfB },
  });
  const login = async (role: string) => RawClient.login(gate.port, role, gate.issuer.mint());

  beforeAll(async () => {
    scripted = await ScriptedCluster.start(['dc1']);
    scripted.script = ({ opcode, text, answer }) => {
      if (opcode === Opcode.PREPARE) {
        const id = nextId ?? ids.get(text) ?? Buffer.alloc(ID_BYTES, ids.size + 1);
        ids.set(text, id);
        answer(Opcode.RESULT, preparedAs(id));
      } else if (opcode === Opcode.EXECUTE || opcode === Opcode.BATCH) answer(Opcode.RESULT, VOID);
      else return false;
      return true;
    };
    const contactPoint = scripted.name(0);
    gate = await TestGate.start({
      contactPoint,
      roles: roles(['SELECT, MODIFY ON KEYSPACE tenant_b']),
      config: { cluster: { contactPoints: [contactPoint], allowUntested: true } },
    });
    const client = await login('a');
    const found = new Map<string, Buffer>();
    for (const text of [MINE, READ, USE]) {
      expect((await client.prepare(text))?.opcode).toBe(Opcode.RESULT);
      found.set(text, Buffer.alloc(ID_BYTES, found.size + 1));
    }
    prepared = found;
    client.close();
  }, 30_000);

  afterAll(async () => {
    await gate?.close();
    await scripted?.close();
  });

  /** All bytes of an answer but for its stream and the id it names. */
  async function answerTo(
    client: RawClient,
    id: Buffer,
    send: (client: RawClient, id: Buffer) => Promise<unknown>,
  ): Promise<string> {
    client.received.length = 0;
    await send(client, id);
    const bytes = Buffer.concat(client.received);
    const at = bytes.indexOf(id);
    expect(at).toBeGreaterThan(0);
    return Buffer.concat([bytes.subarray(0, 2), bytes.subarray(4, at), bytes.subarray(at + 16)])
      .toString('latin1')
      .replaceAll(id.toString('hex'), 'ID');
  }

  const unknown = Buffer.from('0123456789abcdef');
  const ownText = 'UPDATE tenant_b.t SET v = 2 WHERE k = 1';
  const deniedText = 'UPDATE tenant_a.t SET v = 2 WHERE k = 1';
  it.each<[string, (client: RawClient, id: Buffer) => Promise<unknown>]>([
    ['EXECUTE', async (client, id) => client.execute(id)],
    ['EXECUTE that skips metadata', async (client, id) => client.execute(id, { flags: 0x02 })],
    ['EXECUTE in a keyspace', async (client, id) => client.execute(id, { keyspace: 'tenant_b' })],
    ['BATCH', async (client, id) => client.batch([id])],
    ['BATCH behind a text', async (client, id) => client.batch([ownText, id])],
    ['BATCH before a text', async (client, id) => client.batch([id, ownText])],
    ['BATCH before a text that is denied', async (client, id) => client.batch([id, deniedText])],
    ['BATCH behind a text that is denied', async (client, id) => client.batch([deniedText, id])],
    ['BATCH before a text that is none', async (client, id) => client.batch([id, 'nonsense'])],
    ['BATCH before an unknown id', async (client, id) => client.batch([id, Buffer.alloc(16, 99)])],
    ['BATCH before a SELECT', async (client, id) => client.batch([id, 'SELECT * FROM tenant_b.t'])],
  ])('of another role is answered like one that nobody knows: %s', async (_name, send) => {
    const client = await login('b');
    const expected = await answerTo(client, unknown, send);
    expect(expected.charCodeAt(2)).toBe(Opcode.ERROR);
    const sent = scripted.counts(({ opcode }) => opcode !== Opcode.PREPARE)[0];
    for (const id of prepared.values()) expect(await answerTo(client, id, send)).toBe(expected);
    expect(scripted.counts(({ opcode }) => opcode !== Opcode.PREPARE)[0]).toBe(sent);
    client.close();
  });

  it('of another role is recorded as a refusal when it is executed', async () => {
    const client = await login('b');
    await client.execute(prepared.get(READ)!);
    await gate.record(
      ({ decision, role, statement }) =>
        decision?.result === 'deny' && role === 'b' && statement.prepared_id === '02'.repeat(16),
    );
    client.close();
  });

  it('serves every session of those who are permitted what it says', async () => {
    const client = await login('a');
    expect((await client.execute(prepared.get(MINE)!))?.opcode).toBe(Opcode.RESULT);
    expect((await client.batch([prepared.get(MINE)!]))?.opcode).toBe(Opcode.RESULT);
    client.close();
  });

  it('is refused by its reason to who prepared it himself', async () => {
    const client = await login('b');
    const answer = await client.prepare(DENIED_LATER);
    expect(answer?.opcode).toBe(Opcode.RESULT);
    const id = ids.get(DENIED_LATER)!;
    await gate.writePolicy(roles(['SELECT ON KEYSPACE tenant_b']));
    const refused = async () => errorOf(await client.execute(id));
    await expect.poll(async () => (await refused())?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect((await refused())?.message).toContain('MODIFY ON TABLE tenant_b.t');
    client.close();
  });

  it('that a node gives to another text is believed of neither', async () => {
    const client = await login('a');
    const [one, other] = [1, 2].map((n) => `UPDATE tenant_a.t SET v = ${n} WHERE k = 9`);
    nextId = Buffer.alloc(ID_BYTES, 200);
    const execute = async () => errorOf(await client.execute(Buffer.alloc(ID_BYTES, 200)));
    await client.prepare(one!);
    expect(await execute()).toBeNull();
    await client.prepare(other!);
    expect((await execute())?.code).toBe(CqlErrorCode.UNPREPARED);
    expect(await gate.logged(/gave the id of one prepared statement to another/)).toContain(
      'c8'.repeat(16),
    );
    // Prepared anew it is known again, as what it is.
    await client.prepare(one!);
    expect(await execute()).toBeNull();
    nextId = null;
    client.close();
  });
});
