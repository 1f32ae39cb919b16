// An error of the gate's own that met no guard, in a real process: it is logged, the ledger is whole, and the
// process ends with a code that its supervisor understands.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { verifyLedgers } from '../../src/audit/verify.ts';
import { INTERNAL_EXIT } from '../../src/commands/last-resort.ts';
import { TestGate } from '../support/gate.ts';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const FAULTS = pathToFileURL(path.resolve(import.meta.dirname, '../support/inject-fault.js'));

let cluster: ScriptedCluster;
let gate: TestGate | null = null;

beforeAll(async () => {
  cluster = await ScriptedCluster.start(['dc1']);
});

afterEach(async () => {
  await gate?.close();
  gate = null;
}, 30_000);

afterAll(async () => cluster.close());

async function start(fault: string, config: object = {}): Promise<TestGate> {
  gate = await TestGate.start({
    contactPoint: cluster.name(0),
    roles: { job: { grants: ['SELECT ON KEYSPACE shop'] } },
    config: {
      cluster: { contactPoints: [cluster.name(0)], allowUntested: true },
      ...config,
    },
    env: { NODE_OPTIONS: `--import ${FAULTS.href}`, INJECTED_FAULT: fault },
  });
  return gate;
}

describe('an error that met no guard', () => {
  it.each(['throw', 'timer', 'rejection'])('by a %s ends the process in order', async (fault) => {
    const { port, issuer, pid } = await start(fault);
    const client = await RawClient.login(port, 'job', issuer.mint());
    const closed = once(client.socket, 'close');
    process.kill(pid, 'SIGUSR2');
    await closed;
    await expect.poll(() => gate!.exitCode, { timeout: 15_000 }).toBe(INTERNAL_EXIT);
    const line = JSON.parse(await gate!.logged(/"place":"process"/));
    expect(line).toMatchObject({ error: 'TypeError' });
    expect(JSON.stringify(gate!.output)).not.toContain('secret-canary');
    // The end of the session is the last thing that it holds.
    const kinds = (await gate!.records()).map(({ kind }) => kind);
    expect(kinds).toContain('session_end');
    const { result } = await verifyLedgers(path.join(gate!.dir, 'audit'));
    expect(result).toBe('intact');
  });

  it('ends a worker alone, and its primary starts another', async () => {
    // A worker that is killed by its fault: the signal goes to it, not to the primary.
    await start('throw', { workers: 2 });
    const client = await RawClient.login(gate!.port, 'job', gate!.issuer.mint());
    const pids = await workersOf(gate!.pid);
    process.kill(pids[0]!, 'SIGUSR2');
    const line = JSON.parse(await gate!.logged(/a worker ended/));
    expect(line).toMatchObject({ exit_code: INTERNAL_EXIT, signal: null });
    expect(gate!.exitCode).toBeNull();
    client.close();
  });
});

async function workersOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').map(Number);
}
