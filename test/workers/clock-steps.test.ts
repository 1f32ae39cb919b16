// The wall clock is set under a gate of several processes, as it is shipped, and under a sidecar before it: what waits is
// answered when it would have been, no process ends, and one that died is replaced. The waits within one process are
// in clock.test.ts and session/clock-steps.test.ts.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { Sidecar } from '../support/sidecar.ts';

const HOUR = 3_600_000;
/** One after the other; the last one sets the clock right again. */
const STEPS = [60_000, HOUR, -2 * HOUR, -60_000, HOUR];
const WORKERS = 2;
const WAIT_MS = 1_200;
const HOOK = pathToFileURL(path.resolve(import.meta.dirname, '../support/step-wall-clock.js'));
/** Set while a worker is gone. */
const LAST_STEP = -HOUR;
const env = {
  NODE_OPTIONS: `--import ${HOOK.href}`,
  CLOCK_STEPS: JSON.stringify([...STEPS, LAST_STEP]),
};

let scripted: ScriptedCluster;
let gate: TestGate;
let sidecar: Sidecar;
let processes: number[];
let token: string;

/** Of the gate; the sidecar has none. */
async function workers(): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(gate.pid)]);
  return stdout.trim().split(/\s+/).map(Number);
}

const said = (pattern: RegExp): boolean =>
  pattern.test(`${gate.output.join('\n')}\n${sidecar.text}`);

async function setClocks(step: number): Promise<void> {
  for (const pid of processes) process.kill(pid, 'SIGUSR2');
  for (const pid of processes) {
    await expect.poll(() => said(new RegExp(`clock ${pid} was set ${step + 1}`))).toBe(true);
  }
}

async function bySidecar(): Promise<RawClient> {
  const client = await RawClient.connect(sidecar.port);
  await client.startup();
  return client;
}

async function open(): Promise<RawClient[]> {
  const clients = [await bySidecar()];
  // So many that each worker has some.
  for (let i = 0; i < 4 * WORKERS; i++) {
    clients.push(await RawClient.login(gate.port, 'job', token));
  }
  return clients;
}

beforeAll(async () => {
  scripted = await ScriptedCluster.start(['dc1']);
  // Nobody who asks for an order is ever answered.
  scripted.script = ({ text }) => text.includes('orders.t');
  const contactPoint = scripted.name(0);
  gate = await TestGate.start({
    contactPoint,
    roles: { job: { grants: ['SELECT ON KEYSPACE orders'] } },
    config: {
      workers: WORKERS,
      cluster: { contactPoints: [contactPoint], allowUntested: true },
      limits: { readTimeoutMs: WAIT_MS },
    },
    env,
  });
  for (let n = 1; n <= WORKERS; n++) await gate.logged(new RegExp(`"worker":${n},.*listening on`));
  // Good at any time that the clock is set to.
  const nowSeconds = Math.floor(Date.now() / 1000);
  const [from, to] = [nowSeconds - 6 * 3600, nowSeconds + 6 * 3600];
  token = gate.issuer.mint({ iat: from, nbf: from, exp: to });
  sidecar = await Sidecar.start(
    ['--gate', `127.0.0.1:${gate.port}`, '--plaintext', '--role', 'job'],
    { ...env, BITBUCKET_STEP_OIDC_TOKEN: token },
  );
  processes = [gate.pid, ...(await workers()), sidecar.pid];
});

afterAll(async () => {
  await sidecar?.stop();
  await gate?.close();
  await scripted?.close();
});

describe('while the wall clock is set', () => {
  let clients: RawClient[];

  beforeAll(async () => {
    expect(processes.length).toBe(WORKERS + 2);
    clients = await open();
  });
  afterAll(() => {
    for (const client of clients) client.close();
  });

  it.each(STEPS.map((ms, step) => [ms / 60_000, step]))(
    'by %i minutes, reads wait as long as before, and logins go on',
    async (_minutes, step) => {
      const sinceMs = performance.now();
      const ends = clients.map(async (client) => {
        const answer = await client.query('SELECT * FROM orders.t');
        return [errorOf(answer)?.code, performance.now() - sinceMs > WAIT_MS - 10];
      });
      await delay(WAIT_MS / 3);
      await setClocks(step);
      const came = await Promise.race([Promise.all(ends), delay(10_000, 'nothing came')]);
      expect(came).toEqual(clients.map(() => [CqlErrorCode.READ_TIMEOUT, true]));
      for (const client of await open()) {
        expect(errorOf(await client.query('SELECT * FROM system.local'))).toBeNull();
        client.close();
      }
      expect(gate.exitCode).toBeNull();
      expect([gate.pid, ...(await workers()), sidecar.pid]).toEqual(processes);
    },
  );
});

it('a worker that died is replaced though the wall clock goes back meanwhile', async () => {
  const [first] = await workers();
  const listening = (): number => gate.output.filter((line) => /listening on/.test(line)).length;
  const before = listening();
  process.kill(first!, 'SIGKILL');
  process.kill(gate.pid, 'SIGUSR2');
  await expect.poll(listening, { timeout: 10_000 }).toBeGreaterThan(before);
  expect(await workers()).not.toContain(first);
});
