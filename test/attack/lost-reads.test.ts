// A read whose connection was lost is repeated. Where it cannot be, for whatever reason, the ledger still has that it
// was sent once: a node may have given the rows.
import { afterEach, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { errorOf, type RawClient } from '../support/raw-client.ts';
import { rowOf, ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const READ = 'SELECT v FROM orders.t';
const LONG_MS = 15_000;

let gate: ScriptedGate;
let client: RawClient;
/** Reads that came to the node. */
let reads = 0;

afterEach(async () => {
  client.close();
  await gate.close();
});

interface Way {
  /** What the client reads; null: it is gone. */
  readonly code: number | null;
  readonly readTimeoutMs?: number;
  /** Runs once the read waits for another connection. */
  readonly meanwhile?: () => Promise<void> | void;
}

const WAYS: Readonly<Record<string, Way>> = {
  'no connection comes in time': { code: CqlErrorCode.UNAVAILABLE, readTimeoutMs: 500 },
  'a new policy denies it': {
    code: CqlErrorCode.UNAUTHORIZED,
    meanwhile: async () => {
      await gate.files.writePolicy({ one: { grants: ['SELECT ON KEYSPACE others'] } });
      await gate.logged(/policy taken/);
      await gate.cluster.again(0);
    },
  },
  'its session has no authority any more': {
    code: CqlErrorCode.UNAUTHORIZED,
    meanwhile: async () => {
      await gate.files.writePolicy({ two: { grants: ['SELECT ON KEYSPACE orders'] } });
      await gate.logged(/policy taken/);
      await gate.cluster.again(0);
    },
  },
  'its client is gone': {
    code: null,
    meanwhile: async () => {
      client.close();
      await gate.cluster.again(0);
    },
  },
};

it.each(Object.keys(WAYS))('a read that was lost is recorded, though %s', async (name) => {
  const { code, readTimeoutMs = LONG_MS, meanwhile } = WAYS[name]!;
  reads = 0;
  const cluster = await ScriptedCluster.start(['dc1']);
  cluster.script = ({ text, answer }) => {
    if (text !== READ) return false;
    if (reads++ === 0) void cluster.kill(0);
    else answer(Opcode.RESULT, rowOf({ v: 'x' }));
    return true;
  };
  const config = {
    admin: { host: '127.0.0.1', port: 0 },
    audit: { dir: 'audit', dml: 'all' },
    limits: { readTimeoutMs },
  };
  gate = await ScriptedGate.start(
    { one: { grants: ['SELECT ON KEYSPACE orders'] } },
    config,
    cluster,
  );
  client = await gate.login('one');
  const answer = client.query(READ);
  await expect
    .poll(async () => gate.metric('requests_repeated_total', '{reason="lost_read"}'), {
      timeout: LONG_MS,
    })
    .toBe(1);
  await meanwhile?.();
  const frame = await answer;
  if (code !== null) expect(errorOf(frame)?.code).toBe(code);
  const rows = async () =>
    (await gate.files.records()).filter(({ outcome }) => outcome !== undefined);
  await expect.poll(async () => (await rows()).length, { timeout: LONG_MS }).toBe(1);
  expect(reads).toBe(1);
  expect((await rows())[0]).toMatchObject({
    kind: 'decision',
    decision: { result: 'permit' },
    outcome: { status: 'unknown' },
  });
  expect(await gate.metric('requests_total', '{family="read",result="unknown"}')).toBe(1);
});
