// A role that waits for too much is not read on; a session of it that did so is read again when others of the role
// got their answers, though none came for itself.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { rowOf, ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const MIB = 1024 * 1024;
const held: (() => void)[] = [];
let gate: ScriptedGate;

beforeAll(async () => {
  const cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = ({ text, answer }) => {
    if (!text.includes('shop.t')) return false;
    if (text.includes('slow')) return true;
    const give = (): void =>
      answer(Opcode.RESULT, rowOf({ v: text.includes('large') ? 'x'.repeat(MIB) : 'x' }));
    if (text.includes('held')) held.push(give);
    else give();
    return true;
  };
  gate = await ScriptedGate.start({ job: { grants: ['SELECT ON KEYSPACE shop'] } }, {}, cluster);
});

afterAll(async () => gate?.close());

it('a session beside one that asks for too much goes on when that got its answers', async () => {
  const [quiet, loud] = [await gate.login('job'), await gate.login('job')];
  for (let i = 0; i < 40; i++) await loud.query('SELECT large FROM shop.t');
  // Whoever asked first is given the first answer, which is that of the request behind.
  const first = quiet.query('SELECT slow FROM shop.t');
  const most = UPSTREAM.expectedBytesPerRole / MIB;
  for (let i = 0; i < 2 * most; i++) void loud.query('SELECT held FROM shop.t');
  await expect.poll(() => held.length).toBeGreaterThan(most / 2);
  void quiet.query('SELECT small FROM shop.t');
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(held.length).toBeLessThan(2 * most);
  for (const give of held.splice(0)) give();
  expect((await first)?.opcode).toBe(Opcode.RESULT);
  for (const client of [quiet, loud]) client.close();
}, 15_000);
