// Many jobs, each in a keyspace of its own, over a small pool: none fails, none waits for a slow read of another, and
// each statement is carried out in the keyspace of its session.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const TENANTS = 200;
const CONNECTIONS = 24;

let cluster: ScriptedCluster;
let gate: ScriptedGate;
/** Slow reads, which the node answers when the test says so. */
let held: ScriptedRequest[];
/** Texts of clients and the keyspace that the node carried each out in. */
let carriedOut: [string, string | null][];

const VOID = new Writer().writeInt(1).toBuffer();

/** The id is of the text and the keyspace, as Cassandra's are. */
function preparedAs(keyspace: string | null, text: string): Buffer {
  const id = Buffer.alloc(16);
  id.write(`${keyspace}${text}`.slice(-16));
  const writer = new Writer().writeInt(4).writeShortBytes(id);
  return writer.writeInt(0).writeInt(0).writeInt(0).writeInt(4).writeInt(0).toBuffer();
}

beforeAll(async () => {
  held = [];
  carriedOut = [];
  cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = (request) => {
    const { opcode, text, namedKeyspace, connection, answer } = request;
    const keyspace = namedKeyspace ?? connection.keyspace;
    if (text.includes('of_tenant')) carriedOut.push([text, keyspace]);
    if (text.includes('slow_of_tenant')) return held.push(request) > 0;
    if (opcode === Opcode.PREPARE) answer(Opcode.RESULT, preparedAs(keyspace, text));
    else if (opcode === Opcode.EXECUTE) answer(Opcode.RESULT, VOID);
    else return false;
    return true;
  };
  gate = await ScriptedGate.start(
    { job: { grants: ['ALL ON ALL KEYSPACES'] } },
    { limits: { poolConnections: CONNECTIONS } },
    cluster,
  );
}, 30_000);

afterAll(async () => {
  await gate?.close();
});

const keyspace = (i: number): string => `k${i}`;

async function startTenant(i: number): Promise<RawClient> {
  const client = await gate.login('job');
  expect(errorOf(await client.query(`USE ${keyspace(i)}`))).toBeNull();
  return client;
}

it('serves 200 keyspaces at once, half of them behind a slow read', async () => {
  const clients = await Promise.all(
    Array.from({ length: TENANTS }, async (_, i) => startTenant(i)),
  );
  const slow = clients.flatMap((client, i) =>
    i % 2 === 0 ? [client.query(`SELECT v FROM slow_of_tenant_${i}`)] : [],
  );
  await expect.poll(() => held.length).toBe(TENANTS / 2);

  const answers = await Promise.all(
    clients.flatMap((client, i) => {
      if (i % 2 === 0) return [];
      const table = `of_tenant_${i}`;
      return [
        (async () => [
          await client.query(`SELECT v FROM ${table}`),
          await client.prepare(`SELECT v FROM ${table}`),
          await client.batch([`INSERT INTO ${table} (k) VALUES (1)`]),
          await client.query(`USE ${keyspace(i)}`),
          await client.query(`TRUNCATE ${table}`),
        ])(),
      ];
    }),
  );
  for (const answer of answers.flat()) expect(errorOf(answer)).toBeNull();

  // A new job comes, and goes through, while all those reads are still under way.
  const late = await startTenant(TENANTS);
  expect(errorOf(await late.prepare(`SELECT v FROM of_tenant_${TENANTS}`))).toBeNull();
  expect(held).toHaveLength(TENANTS / 2);

  for (const { answer } of held) answer(Opcode.RESULT, VOID);
  for (const answer of await Promise.all(slow)) expect(errorOf(answer)).toBeNull();
  for (const [text, where] of carriedOut) {
    expect([text, where]).toEqual([text, keyspace(Number(/of_tenant_(\d+)/.exec(text)![1]))]);
  }
  expect(carriedOut.length).toBeGreaterThan(3 * (TENANTS / 2));
  expect(cluster.nodes[0]!.logins).toBeLessThanOrEqual(CONNECTIONS);
  expect(cluster.nodes[0]!.logins).toBeLessThanOrEqual(UPSTREAM.connectionsPerPoolMax + 4);
  for (const client of [...clients, late]) client.close();
}, 30_000);
