// A request that the gate makes name its keyspace is carried out there, whatever else is made of its frame.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { QueryFlag } from '../../src/protocol/messages/parameters.ts';
import { errorOf } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

let gate: ScriptedGate;

beforeAll(async () => {
  gate = await ScriptedGate.start({
    a: { grants: ['SELECT ON KEYSPACE tenant_a'] },
    b: { grants: ['SELECT ON KEYSPACE tenant_b'] },
  });
});

afterAll(async () => gate?.close());

it.each(['local', 'peers', 'peers_v2'])(
  'reads %s of system, not of the keyspace of another tenant, where metadata is left out',
  async (table) => {
    const node = gate.cluster.nodes[0]!;
    const b = await gate.login('b');
    expect(errorOf(await b.query('USE system'))).toBeNull();
    const a = await gate.login('a');
    expect(errorOf(await a.query('USE tenant_a'))).toBeNull();
    const before = node.requests.length;
    await b.query(`SELECT * FROM ${table}`, { flags: QueryFlag.SKIP_METADATA });
    const sent = node.requests
      .slice(before)
      .filter(({ text }) => text === `SELECT * FROM ${table}`)
      .map(({ namedKeyspace, connection }) => namedKeyspace ?? connection.keyspace);
    expect(sent).toEqual(['system']);
    a.close();
    b.close();
  },
);
