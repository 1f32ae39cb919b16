// What clients see when nodes refuse, vanish or hang, before scripted nodes: what a node has not done goes
// elsewhere, a write that it may have done is never repeated.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { rowOf, ScriptedCluster } from '../support/scripted-cluster.ts';
import type { ScriptedRequest } from '../support/scripted-node.ts';

let cluster: ScriptedCluster;
let gate: TestGate;
let client: RawClient;
/** Texts of ks.t in the order in which they came, each behind its node. */
let came: { node: number; text: string }[];
/** What the first node that is asked does with it; the others answer. */
let first: (request: ScriptedRequest, node: number) => void;

beforeAll(async () => {
  cluster = await ScriptedCluster.start(['dc1', 'dc1', 'dc1']);
  gate = await TestGate.start({
    contactPoint: cluster.name(0),
    roles: {
      job: {
        grants: [
          'SELECT, MODIFY, CREATE, DROP ON KEYSPACE ks',
          'SELECT ON TABLE system.compaction_history',
        ],
      },
    },
    config: {
      cluster: { contactPoints: [0, 1].map((node) => cluster.name(node)) },
      admin: { port: 0 },
    },
  });
});

afterAll(async () => {
  await gate.close();
  await cluster.close();
});

beforeEach(async () => {
  came = [];
  cluster.script = (request, node) => {
    if (!/ks\.t|compaction_history/.test(request.text)) return false;
    came.push({ node, text: request.text });
    if (came.length === 1) first(request, node);
    else request.answer(Opcode.RESULT, rowOf({ value: String(node) }));
    return true;
  };
  client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
  // All nodes are reached.
  await expect.poll(() => cluster.nodes.every(({ sockets }) => sockets.size >= 2)).toBe(true);
});

afterEach(() => client.close());

const errorBody = (code: number, rest?: Buffer): Buffer =>
  new Writer()
    .writeInt(code)
    .writeString('no')
    .writeRaw(rest ?? Buffer.alloc(0))
    .toBuffer();
/** Consistency ONE, one required, none alive. */
const UNAVAILABLE = errorBody(
  CqlErrorCode.UNAVAILABLE,
  Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0]),
);
const OVERLOADED = errorBody(CqlErrorCode.OVERLOADED);
const IS_BOOTSTRAPPING = errorBody(CqlErrorCode.IS_BOOTSTRAPPING);
const READ_TIMEOUT = errorBody(
  CqlErrorCode.READ_TIMEOUT,
  Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
);

const SELECT = 'SELECT * FROM ks.t WHERE k = 1';
const INSERT = 'INSERT INTO ks.t (k) VALUES (1)';
const LWT = 'INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS';
const BATCH = `BEGIN UNLOGGED BATCH ${INSERT}; ${INSERT}; APPLY BATCH`;

describe('an error of a node that did nothing', () => {
  it.each([
    ['IS_BOOTSTRAPPING', SELECT, IS_BOOTSTRAPPING],
    ['IS_BOOTSTRAPPING', INSERT, IS_BOOTSTRAPPING],
    ['IS_BOOTSTRAPPING', LWT, IS_BOOTSTRAPPING],
    ['OVERLOADED', SELECT, OVERLOADED],
    ['OVERLOADED', INSERT, OVERLOADED],
    ['OVERLOADED', LWT, OVERLOADED],
    ['UNAVAILABLE', SELECT, UNAVAILABLE],
    ['UNAVAILABLE', INSERT, UNAVAILABLE],
  ])('%s sends %s to another node', async (_name, text, body) => {
    first = ({ answer }) => answer(Opcode.ERROR, body);
    const answer = await client.query(text);
    expect(answer?.opcode).toBe(Opcode.RESULT);
    expect(came).toHaveLength(2);
    expect(came[1]!.node).not.toBe(came[0]!.node);
  });

  it.each([
    // it may have been proposed
    ['UNAVAILABLE', LWT, UNAVAILABLE],
    // part of it may be done
    ['UNAVAILABLE', BATCH, UNAVAILABLE],
    // part of it may be done
    ['OVERLOADED', BATCH, OVERLOADED],
    // it is for the driver to decide
    ['READ_TIMEOUT', SELECT, READ_TIMEOUT],
    // it is no row
    ['OVERLOADED', 'CREATE TABLE ks.t (k int PRIMARY KEY)', OVERLOADED],
  ])('%s of %s is passed on', async (_name, text, body) => {
    first = ({ answer }) => answer(Opcode.ERROR, body);
    const answer = await client.query(text);
    expect(answer?.opcode).toBe(Opcode.ERROR);
    expect(came).toHaveLength(1);
  });

  it('moves a request on once', async () => {
    cluster.script = (request, node) => {
      if (!request.text.includes('ks.t')) return false;
      came.push({ node, text: request.text });
      request.answer(Opcode.ERROR, OVERLOADED);
      return true;
    };
    expect(errorOf(await client.query(SELECT))?.code).toBe(CqlErrorCode.OVERLOADED);
    expect(came).toHaveLength(2);
  });
});

describe('a connection that ends', () => {
  const end = ({ close }: ScriptedRequest): void => close();

  it('has its read repeated at another node', async () => {
    first = end;
    expect((await client.query(SELECT))?.opcode).toBe(Opcode.RESULT);
    expect(came.map(({ text }) => text)).toEqual([SELECT, SELECT]);
    expect(came[1]!.node).not.toBe(came[0]!.node);
  });

  it('has its read repeated once', async () => {
    cluster.script = (request, node) => {
      if (!request.text.includes('ks.t')) return false;
      came.push({ node, text: request.text });
      request.close();
      return true;
    };
    expect(errorOf(await client.query(SELECT))?.code).toBe(CqlErrorCode.UNAVAILABLE);
    expect(came).toHaveLength(2);
  });

  it.each([INSERT, LWT, BATCH, 'DROP TABLE ks.t', 'TRUNCATE ks.t'])(
    'leaves the fate of %s unknown, and it is not repeated',
    async (text) => {
      first = end;
      expect(errorOf(await client.query(text))?.code).toBe(CqlErrorCode.WRITE_TIMEOUT);
      await delay(300);
      expect(came).toHaveLength(1);
    },
  );
});

describe('a node that hangs', () => {
  it('has its reads repeated elsewhere within seconds, and its writes answered', async () => {
    first = (_request, node) => {
      cluster.nodes[node]!.hangs = true;
    };
    const startedAtMs = Date.now();
    expect((await client.query(SELECT))?.opcode).toBe(Opcode.RESULT);
    expect(Date.now() - startedAtMs).toBeLessThan(9_000);
    expect(came[1]!.node).not.toBe(came[0]!.node);
    // Nothing more goes there.
    for (let i = 0; i < 20; i++) await client.query(INSERT);
    expect(came.slice(1).map(({ node }) => node)).not.toContain(came[0]!.node);
    expect(Date.now() - startedAtMs).toBeLessThan(12_000);
    cluster.nodes[came[0]!.node]!.hangs = false;
  });
});

describe('system tables of a node', () => {
  const text = 'SELECT * FROM system.compaction_history';

  it('come from one node for a session, until that is lost', async () => {
    first = ({ answer }, node) => answer(Opcode.RESULT, rowOf({ value: String(node) }));
    for (let i = 0; i < 20; i++) await client.query(text);
    const [{ node } = { node: -1 }] = came;
    expect(came.every((one) => one.node === node)).toBe(true);
    await cluster.kill(node);
    came = [];
    for (let i = 0; i < 20; i++) {
      expect((await client.query(text))?.opcode).toBe(Opcode.RESULT);
    }
    expect(new Set(came.map((one) => one.node)).size).toBe(1);
    expect(came[0]!.node).not.toBe(node);
    await cluster.again(node);
  });
});

it('counts what went elsewhere, by why', async () => {
  first = ({ answer }) => answer(Opcode.ERROR, OVERLOADED);
  await client.query(SELECT);
  const metrics = await (await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`)).text();
  expect(metrics).toMatch(/cqlgate_requests_repeated_total\{reason="overloaded"\} [1-9]/);
  expect(metrics).toMatch(/cqlgate_requests_repeated_total\{reason="lost_read"\} [1-9]/);
  expect(metrics).toMatch(/cqlgate_upstream_nodes\{datacenter="dc1",reached="yes"\} [123]/);
});
