// No body of a forwarded frame is copied in v4 without compression, in either direction: counted in the process
// of a gate as it is shipped, with everything on that a request passes.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { RawClient } from '../support/raw-client.ts';
import { rowOf, ScriptedCluster } from '../support/scripted-cluster.ts';

const COUNTER = pathToFileURL(path.resolve(import.meta.dirname, '../support/count-copies.js'));
const VALUE = Buffer.alloc(2_000, 'k');
const ANSWER = rowOf({ v: 'x'.repeat(3_000) });
/** Comes in many reads. */
const LARGE = rowOf({ v: Array.from({ length: 300_000 }, (_unused, i) => i % 10).join('') });
const REQUESTS = 400;

let scripted: ScriptedCluster;
let gate: TestGate;
let asked = 0;

async function copies(): Promise<number> {
  process.kill(gate.pid, 'SIGUSR2');
  const line = await gate.logged(new RegExp(`copies counted ${++asked}: `));
  return Number(line.split(': ')[1]);
}

beforeAll(async () => {
  scripted = await ScriptedCluster.start(['dc1']);
  scripted.script = ({ opcode, text, answer }) => {
    if (opcode !== Opcode.QUERY || !text.includes('shop.t')) return false;
    answer(Opcode.RESULT, text.includes('large') ? LARGE : ANSWER);
    return true;
  };
  const contactPoint = scripted.name(0);
  gate = await TestGate.start({
    contactPoint,
    roles: { job: { grants: ['SELECT ON KEYSPACE shop'] } },
    config: { cluster: { contactPoints: [contactPoint], allowUntested: true } },
    env: { NODE_OPTIONS: `--import ${COUNTER.href}` },
  });
});

afterAll(async () => {
  await gate?.close();
  await scripted?.close();
});

describe('a frame that is passed on', () => {
  const ask = async (client: RawClient) =>
    client.query('SELECT v FROM shop.t WHERE k = ?', { values: [VALUE] });

  /** Several in flight at once, so that frames lie side by side in what is read. */
  async function copiesOf(client: RawClient): Promise<number> {
    await ask(client);
    const before = await copies();
    for (let i = 0; i < REQUESTS; i += 8) {
      const answers = await Promise.all(Array.from({ length: 8 }, async () => ask(client)));
      for (const answer of answers) expect(answer?.opcode).toBe(Opcode.RESULT);
    }
    return (await copies()) - before;
  }

  it('is not copied in v4, nor is its answer', async () => {
    const client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
    expect(await copiesOf(client)).toBe(0);
    client.close();
  });

  it('is joined by one copy for each part where it straddles two reads', async () => {
    const client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
    await ask(client);
    const before = await copies();
    const body = new Writer()
      .writeLongString('SELECT v FROM shop.t WHERE k = ?')
      .writeShort(1)
      .writeByte(1)
      .writeShort(1)
      .writeBytes(VALUE)
      .toBuffer();
    const bytes = encodeFrame({ version: 4, opcode: Opcode.QUERY, streamId: 900, body });
    client.received.length = 0;
    client.socket.write(bytes.subarray(0, 1_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    client.socket.write(bytes.subarray(1_000));
    await expect.poll(() => client.received.some((chunk) => chunk.includes('xxx'))).toBe(true);
    expect((await copies()) - before).toBe(2);
    client.close();
  });

  it('is passed on in the reads that it came in where it is a large answer, to each of many who ask', async () => {
    const clients: RawClient[] = [];
    for (let i = 0; i < 8; i++) {
      clients.push(await RawClient.login(gate.port, 'job', gate.issuer.mint()));
    }
    const query = 'SELECT v FROM shop.t WHERE large = 1';
    await clients[0]!.query(query);
    const before = await copies();
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(
        clients.map(async (client, i) => (i % 2 === 0 ? client.query(query) : ask(client))),
      );
      for (const [i, answer] of answers.entries()) {
        const { buffer, bodyStart, end } = answer!;
        expect(buffer.subarray(bodyStart, end).equals(i % 2 === 0 ? LARGE : ANSWER)).toBe(true);
      }
    }
    // Small answers that straddle two reads are joined, by two copies each; 80 requests were answered.
    expect((await copies()) - before).toBeLessThan(80);
    for (const client of clients) client.close();
  });
});
