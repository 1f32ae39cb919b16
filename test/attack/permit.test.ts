// A permit is spent on what it was made for: not by the login of a role that the policy gave up while the request
// waited for a connection.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { answerAsCluster } from '../support/scripted-cluster.ts';
import { ScriptedNode, type ScriptedRequest } from '../support/scripted-node.ts';

const VOID = new Writer().writeInt(1).toBuffer();

let node: ScriptedNode;
let gate: TestGate;
/** Requests that the node has not answered yet. */
let held: ScriptedRequest[];

const roles = (cassandraRole: string) => ({
  job: {
    grants: ['SELECT ON KEYSPACE shop', 'AUTHORIZE ON KEYSPACE shop', 'SELECT ON KEYSPACE other'],
    cassandraRole,
  },
});

beforeAll(async () => {
  held = [];
  node = await ScriptedNode.start();
  node.script = (request) => {
    // A GRANT reads the keyspace of its connection, so no USE goes beside it.
    if (request.text.startsWith('GRANT')) return held.push(request) > 0;
    return answerAsCluster(request);
  };
  const contactPoint = `127.0.0.1:${node.port}`;
  const login = (username: string) => ({ username, password: { env: 'GATE_PASSWORD' } });
  gate = await TestGate.start({
    contactPoint,
    roles: roles('before'),
    config: {
      cluster: { contactPoints: [contactPoint], allowUntested: true, connectionsPerPool: 1 },
      cassandraRoles: { before: login('before'), after: login('after') },
      // One for each login: who finds it busy waits.
      limits: { poolConnections: 2 },
    },
  });
});

afterAll(async () => {
  await gate?.close();
  await node?.close();
});

it('sends a USE that waited while the policy changed the login by the login of the new policy', async () => {
  const [busy, waiting] = await Promise.all(
    [1, 2].map(async () => RawClient.login(gate.port, 'job', gate.issuer.mint())),
  );
  expect(errorOf(await busy!.query('USE other'))).toBeNull();
  expect(errorOf(await busy!.query('USE shop'))).toBeNull();
  const slow = busy!.query('GRANT SELECT ON slow TO guest');
  await expect.poll(() => held.length).toBe(1);
  expect(held[0]!.connection.username).toBe('before');

  const use = waiting!.query('USE other');
  await gate.writePolicy(roles('after'));
  await gate.logged(/policy taken/);
  held[0]!.answer(Opcode.RESULT, VOID);
  expect(errorOf(await slow)).toBeNull();
  expect(errorOf(await use)).toBeNull();

  const uses = node.requests.filter(({ text }) => /^USE "?other"?$/.test(text));
  expect(uses.at(-1)?.connection.username).toBe('after');
  // What follows it goes by the same login, and nothing went wrong on the way.
  const next = waiting!.query('SELECT v FROM slow');
  await expect.poll(() => node.requests.at(-1)?.text).toBe('SELECT v FROM slow');
  expect(node.requests.at(-1)?.connection).toMatchObject({ username: 'after', keyspace: 'other' });
  expect(errorOf(await next)).toBeNull();
  expect(gate.output.filter((line) => line.includes('internal error'))).toEqual([]);
  busy!.close();
  waiting!.close();
});
