// The wall clock is set while clients wait for a gate in each way that they can: what they wait for comes when it
// would have come. Only tokens end by that clock. The waits within the gate are in clock.test.ts.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { stepWallClock } from '../support/moments.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const HOUR = 3_600_000;
const STEPS: readonly (readonly [string, number])[] = [
  ['an hour back', -HOUR],
  ['a minute back', -60_000],
  ['a minute forward', 60_000],
  ['an hour forward', HOUR],
];
const WAIT_MS = 1_200;
const GRANTS = ['SELECT, MODIFY, ALTER ON KEYSPACE orders'];

let gate: ScriptedGate;
const clients: RawClient[] = [];

beforeAll(async () => {
  const cluster = await ScriptedCluster.start(['dc1']);
  // Nobody is ever answered.
  cluster.script = ({ text }) => text.includes('orders');
  gate = await ScriptedGate.start(
    { job: { grants: GRANTS }, brief: { grants: GRANTS, session: { max: `${WAIT_MS}ms` } } },
    {
      limits: {
        readTimeoutMs: WAIT_MS,
        writeTimeoutMs: WAIT_MS,
        handshakeTimeoutMs: WAIT_MS,
        ddlLaneWaitMs: WAIT_MS,
        schemaTimeoutMs: 2 * WAIT_MS,
        schemaAgreementMs: 500,
      },
    },
    cluster,
  );
});
afterAll(async () => gate.close());
afterEach(() => {
  vi.restoreAllMocks();
  for (const client of clients.splice(0)) client.close();
});

async function login(role = 'job', lifeMs = 24 * HOUR): Promise<RawClient> {
  const token = gate.files.issuer.mint({ exp: Math.floor((Date.now() + lifeMs) / 1000) });
  const client = await RawClient.login(gate.port, role, token);
  clients.push(client);
  return client;
}

async function ask(text: string): Promise<string> {
  const answer = errorOf(await (await login()).query(text));
  return answer === null ? 'no error' : `${answer.code} ${answer.message}`;
}

async function silent(): Promise<string> {
  const client = await RawClient.connect(gate.port);
  clients.push(client);
  return errorOf(await client.next())?.message ?? 'closed';
}

/** How a session ends whose role bounds its length. */
async function brief(): Promise<string> {
  const client = await login('brief');
  return (await client.next()) === null ? 'closed' : 'a frame';
}

type Wait = readonly [name: string, how: () => Promise<string>, end: RegExp];

/** Alone: a connection whose USE goes unanswered ends, and with it what else is in flight there. */
const USE: Wait = [
  'a USE',
  async () => ask('USE orders'),
  new RegExp(`^${CqlErrorCode.READ_TIMEOUT} Cassandra did not answer within 1 s;`),
];

const WAITS: readonly Wait[] = [
  [
    'a read',
    async () => ask('SELECT * FROM orders.t'),
    new RegExp(`^${CqlErrorCode.READ_TIMEOUT} Cassandra did not answer within 1 s;`),
  ],
  [
    'a write',
    async () => ask('INSERT INTO orders.t (k) VALUES (1)'),
    new RegExp(`^${CqlErrorCode.WRITE_TIMEOUT} Cassandra did not answer within 1 s;`),
  ],
  [
    'a schema change behind another',
    async () => {
      void ask('ALTER TABLE orders.t ADD c int');
      await delay(100);
      return ask('ALTER TABLE orders.t ADD d int');
    },
    new RegExp(`^${CqlErrorCode.OVERLOADED} `),
  ],
  ['a login that does not come', silent, /the login took too long/],
  ['the end of a session that its role bounds', brief, /closed/],
];

describe.each(STEPS)('while the wall clock is set %s', (_step, stepMs) => {
  it.each([
    ['clients wait as long as before', WAITS],
    ['a USE waits as long as before', [USE]],
  ])('%s', async (_name, of) => {
    const waits = of.map(async ([name, how, end]) => {
      const sinceMs = performance.now();
      const came = await Promise.race([how(), delay(10_000, 'nothing came', { ref: false })]);
      const isEarly = performance.now() - sinceMs < WAIT_MS;
      return { name, isEarly, came: end.test(came) ? 'as it should' : came };
    });
    await delay(WAIT_MS / 2);
    stepWallClock(stepMs);
    expect(await Promise.all(waits)).toEqual(
      of.map(([name]) => ({ name, isEarly: false, came: 'as it should' })),
    );
  });

  it('only a token ends by it', async () => {
    const client = await login('job', HOUR / 2);
    stepWallClock(stepMs);
    const answer = await client.query('SELECT * FROM system.local');
    if (stepMs < HOUR) expect(errorOf(answer)).toBeNull();
    else expect(errorOf(answer)?.message).toContain('has expired');
  });
});
