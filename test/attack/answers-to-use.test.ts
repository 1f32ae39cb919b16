// A client's USE on a connection that tenants share, to a node that sets the keyspace and then answers as no healthy one
// does: whatever comes of the USE, who comes next is carried out in his own keyspace, and nobody waits for ever.
import { afterEach, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

const setKeyspace = (name: string): Buffer => new Writer().writeInt(3).writeString(name).toBuffer();

/** What the node does once it is in the keyspace of the first USE. */
const WAYS: Readonly<Record<string, (request: ScriptedRequest) => void>> = {
  'closes the connection': ({ close }) => close(),
  'answers in time to nobody': () => undefined,
  'answers too late': ({ answer }) =>
    void setTimeout(() => answer(Opcode.RESULT, setKeyspace('tenant_a')), 1_200),
  'answers with nothing': ({ answer }) =>
    answer(Opcode.RESULT, new Writer().writeInt(1).toBuffer()),
  'answers with half of a name': ({ answer }) =>
    answer(Opcode.RESULT, setKeyspace('tenant_a').subarray(0, 8)),
  'answers with a message of another kind': ({ answer }) => answer(Opcode.READY, null),
  'answers with another keyspace': ({ answer }) => answer(Opcode.RESULT, setKeyspace('tenant_b')),
};

let gate: ScriptedGate;
let clients: RawClient[] = [];

afterEach(async () => {
  for (const client of clients) client.close();
  await gate.close();
});

it.each(Object.keys(WAYS))(
  'nobody is carried out in the keyspace of a USE that %s',
  async (way) => {
    const cluster = await ScriptedCluster.start(['dc1']);
    let isFirst = true;
    const carriedOut: string[] = [];
    cluster.script = (request) => {
      const { text, connection, answer } = request;
      if (text === 'USE tenant_a' && isFirst) {
        isFirst = false;
        connection.keyspace = 'tenant_a';
        WAYS[way]!(request);
        return true;
      }
      if (!text.startsWith('GRANT')) return false;
      carriedOut.push(`${text} in ${connection.keyspace}`);
      answer(Opcode.RESULT, new Writer().writeInt(1).toBuffer());
      return true;
    };
    const ofTenant = (name: string) => ({
      grants: [`SELECT, MODIFY, AUTHORIZE ON KEYSPACE ${name}`],
    });
    gate = await ScriptedGate.start(
      { a: ofTenant('tenant_a'), b: ofTenant('tenant_b') },
      { limits: { poolConnections: 1, readTimeoutMs: 700, writeTimeoutMs: 8_000 } },
      cluster,
    );
    const [a, b] = [await gate.login('a'), await gate.login('b')];
    clients = [a, b];
    expect(errorOf(await b.query('USE tenant_b'))).toBeNull();
    expect(await a.query('USE tenant_a')).not.toBeNull();
    expect(errorOf(await b.query('GRANT SELECT ON b TO r'))).toBeNull();
    expect(errorOf(await a.query('USE tenant_a'))).toBeNull();
    expect(errorOf(await a.query('GRANT SELECT ON a TO r'))).toBeNull();
    expect(carriedOut).toEqual([
      'GRANT SELECT ON b TO r in tenant_b',
      'GRANT SELECT ON a TO r in tenant_a',
    ]);
  },
);
