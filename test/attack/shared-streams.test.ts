// The stream ids of a connection that roles share: sessions that fill it leave room for those that ask for little.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { RawClient } from '../support/raw-client.ts';
import { rowOf, ScriptedCluster } from '../support/scripted-cluster.ts';

let cluster: ScriptedCluster;
let gate: TestGate;
let held = 0;

beforeEach(async () => {
  held = 0;
  cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = ({ opcode, text, answer }) => {
    if (opcode !== Opcode.QUERY || !text.includes('shop.t')) return false;
    // What the flood asks for is never answered.
    if (text.includes('flood')) held++;
    else answer(Opcode.RESULT, rowOf({ v: 'x' }));
    return true;
  };
  const role = { grants: ['SELECT ON KEYSPACE shop'] };
  const contactPoints = [cluster.name(0)];
  gate = await TestGate.start({
    contactPoint: cluster.name(0),
    roles: { flood: role, honest: role },
    config: { cluster: { contactPoints, allowUntested: true, connectionsPerPool: 1 } },
  });
}, 60_000);

afterEach(async () => {
  await gate?.close();
  await cluster?.close();
}, 30_000);

describe('a flood of requests that are not answered', () => {
  it.each([
    [3, 2_000],
    [20, 250],
  ])('by %s sessions with %s each leaves room for another role', async (sessions, requests) => {
    const flood = await Promise.all(
      Array.from({ length: sessions }, async () =>
        RawClient.login(gate.port, 'flood', gate.issuer.mint()),
      ),
    );
    for (const client of flood) {
      for (let i = 0; i < requests; i++) void client.query('SELECT flood FROM shop.t WHERE k = 1');
    }
    const most = UPSTREAM.streamsPerConnection - UPSTREAM.streamsKeptFree;
    await expect.poll(() => held, { timeout: 10_000 }).toBeGreaterThanOrEqual(most - 100);
    const honest = await RawClient.login(gate.port, 'honest', gate.issuer.mint());
    for (let i = 0; i < 20; i++) {
      const answer = await honest.query('SELECT v FROM shop.t WHERE k = 1');
      expect(answer?.opcode).toBe(Opcode.RESULT);
    }
    expect(held).toBeLessThanOrEqual(most);
    for (const client of [...flood, honest]) client.close();
  });
});
