// A step of the gate's own that fails says nothing of a statement that did not need it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

let gate: ScriptedGate;
let client: RawClient;
/** What a node answers to a USE of the keyspace. */
let refusal: { readonly code: number; readonly message: string } | null = null;

const REFUSED: Record<string, { readonly code: number; readonly message: string }> = {
  gone: { code: CqlErrorCode.INVALID, message: "Keyspace 'shop' does not exist" },
  busy: { code: CqlErrorCode.OVERLOADED, message: 'Server is in overloaded state' },
};

beforeAll(async () => {
  const cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = ({ text, opcode, answer }) => {
    if (/^USE "?shop"?$/.test(text) && refusal !== null) {
      const { code, message } = refusal;
      answer(Opcode.ERROR, new Writer().writeInt(code).writeString(message).toBuffer());
      return true;
    }
    if (opcode !== Opcode.PREPARE) return false;
    answer(Opcode.RESULT, PREPARED);
    return true;
  };
  gate = await ScriptedGate.start(
    { job: { grants: ['ALL ON KEYSPACE shop', 'ALL ON KEYSPACE own'] } },
    {},
    cluster,
  );
  client = await gate.login('job');
  expect(errorOf(await client.query('USE shop'))).toBeNull();
  // The one connection is in another keyspace from here on.
  const other = await gate.login('job');
  expect(errorOf(await other.query('USE own'))).toBeNull();
  other.close();
});

afterAll(async () => {
  client?.close();
  await gate?.close();
});

/** Of a statement without markers and columns. */
const PREPARED = new Writer()
  .writeInt(4)
  .writeShortBytes(Buffer.alloc(16, 7))
  .writeInt(0)
  .writeInt(0)
  .writeInt(0)
  .writeInt(4)
  .writeInt(0)
  .toBuffer();

it.each(['gone', 'busy'])(
  'does not let a USE that is refused (%s) decide what a PREPARE in full names is answered',
  async (why) => {
    refusal = REFUSED[why]!;
    for (const text of ['CREATE TABLE own.t (k int PRIMARY KEY)', 'DROP TABLE own.t']) {
      const answer = await client.prepare(text);
      expect(errorOf(answer)).toBeNull();
    }
  },
);

it('tells of a keyspace that is gone only to what needs it', async () => {
  refusal = REFUSED['gone']!;
  expect(errorOf(await client.prepare('SELECT v FROM t'))).toMatchObject(refusal);
});

it('tells of a node that is busy as that, and not of a keyspace', async () => {
  refusal = REFUSED['busy']!;
  expect(errorOf(await client.prepare('SELECT v FROM t'))?.code).toBe(CqlErrorCode.OVERLOADED);
});
