// The moment in which a session ends, before a node that answers when the test says so: what was sent
// is answered, what waited is told, and nothing leaves any more.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Consistency } from '../../src/protocol/consistency.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { answerAsCluster, rowOf } from '../support/scripted-cluster.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

let node: ScriptedNode;
let gate: TestGate;
/** What the node was asked and has not answered yet; null: it answers at once. */
let held: { text: string; release: () => void }[] | null = null;

beforeAll(async () => {
  node = await ScriptedNode.start();
  node.script = (request) => {
    const { text, answer } = request;
    const isSlow = text.includes('FROM ks.slow');
    const isVersion = text.startsWith('SELECT schema_version');
    if (held !== null && (isSlow || isVersion)) {
      held.push({ text, release: () => answer(Opcode.RESULT, rowOf({ value: text })) });
      return true;
    }
    return answerAsCluster(request);
  };
  gate = await TestGate.start({
    contactPoint: `127.0.0.1:${node.port}`,
    roles: {
      job: { grants: ['SELECT, MODIFY, CREATE ON KEYSPACE ks', 'CREATE ON KEYSPACE other'] },
    },
  });
});
afterAll(async () => {
  await gate?.close();
  await node?.close();
});

const query = (streamId: number, text: string) =>
  encodeFrame({
    version: 4,
    opcode: Opcode.QUERY,
    streamId,
    body: encodeQuery({ query: text, consistency: Consistency.ONE, version: 4 }),
  });

async function until(holds: () => boolean): Promise<void> {
  const endMs = Date.now() + 10_000;
  while (!holds()) {
    if (Date.now() > endMs) throw new Error('it never came to that');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

it('answers what was sent, tells each that waited, and sends nothing more', async () => {
  const exp = Math.floor(Date.now() / 1000) + 3;
  const client = await RawClient.login(gate.port, 'job', gate.issuer.mint({ exp }));
  held = [];
  const waiting = held;
  client.write(
    Buffer.concat([
      query(1, 'SELECT * FROM ks.slow'),
      // On their way to the ledger when the token ends: each in a keyspace of its own, since those of one
      // are made one after the other.
      query(2, 'CREATE TABLE ks.a (k int PRIMARY KEY)'),
      query(3, 'CREATE TABLE other.b (k int PRIMARY KEY)'),
    ]),
  );
  await until(() => waiting.length === 3);
  await new Promise((resolve) => setTimeout(resolve, exp * 1000 + 600 - Date.now()));
  const sent = node.requests.length;
  // In flight still, and so not closed; what comes now is refused.
  expect(client.closed).toBe(false);
  client.write(query(4, 'SELECT * FROM ks.t'));
  held = null;
  const isSlow = ({ text }: { text: string }) => text.includes('FROM ks.slow');
  for (const one of waiting) if (!isSlow(one)) one.release();
  // The last word comes last.
  const early = [await client.next(), await client.next()];
  waiting.find(isSlow)!.release();
  const answers = [...early, await client.next(), await client.next()];
  expect(answers.map((answer) => answer?.streamId).sort()).toEqual([1, 2, 3, 4]);
  for (const answer of answers) {
    if (answer?.streamId === 1) expect(answer.opcode).toBe(Opcode.RESULT);
    else {
      expect(errorOf(answer)).toMatchObject({
        code: CqlErrorCode.UNAUTHORIZED,
        message: expect.stringContaining('has expired') as string,
      });
    }
  }
  expect(await client.next()).toBeNull();
  const texts = node.requests.slice(sent).map(({ text }) => text);
  expect(texts.filter((text) => text.includes('ks.'))).toEqual([]);

  // The ledger says of both changes that they were not made.
  const end = await gate.record((record) => record.kind === 'session_end');
  expect(end.reason).toContain('has expired');
  const records = await gate.records();
  const decided = records.filter((record) => record.kind === 'decision');
  expect(decided.map((record) => record.decision.result)).toEqual(['permit', 'permit']);
  for (const { id } of decided) {
    const outcome = records.find((record) => record.of === id);
    expect(outcome.outcome.status).toBe('error');
  }
}, 30_000);

it('is after the answer to what is in flight, when the gate itself ends', async () => {
  const client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
  held = [];
  const waiting = held;
  client.write(query(1, 'SELECT * FROM ks.slow'));
  await until(() => waiting.length === 1);
  held = null;
  const stopped = gate.stop();
  await gate.logged(/draining/);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(client.closed).toBe(false);
  waiting[0]!.release();
  expect(await client.next()).toMatchObject({ opcode: Opcode.RESULT, streamId: 1 });
  expect(await client.next()).toBeNull();
  await stopped;
}, 30_000);
