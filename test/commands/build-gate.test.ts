// A gate as it is built from its configuration: nothing is connected yet, and what it is not ready for is known.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { buildGate, type GateParts } from '../../src/commands/build-gate.ts';
import { closeGate } from '../../src/commands/stop-gate.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ConfigFault } from '../../src/errors.ts';
import { reportFaultsTo } from '../../src/guard.ts';
import { MemoryBudget } from '../../src/memory/budget.ts';
import { SINGLE_PROCESS } from '../../src/workers/worker-group.ts';
import { Files, POLICY } from '../config/files.ts';
import { LogLines } from '../support/log-lines.ts';

let files: Files;
let log: LogLines;
let parts: GateParts | null = null;
beforeEach(async () => {
  files = await Files.create();
  log = new LogLines();
});
afterEach(async () => {
  if (parts !== null) await closeGate(parts);
  parts = null;
  await files.remove();
});
afterAll(() => reportFaultsTo(() => undefined));

const build = async (): Promise<GateParts> =>
  (parts = await buildGate(await loadConfig(files.config), log, SINGLE_PROCESS));

describe('a gate that was built', () => {
  it('is not ready, and says why', async () => {
    const { readiness, ports } = await build();
    expect(readiness.report()).toMatchObject({
      isStarting: true,
      reasons: ['the gate is starting', 'the control connection to the cluster is down'],
    });
    expect(ports).toEqual({ listener: null, admin: null });
  });

  it('has its policy in force and its start on record', async () => {
    const { gate, logs } = await build();
    expect(gate.policy.roleNames).toEqual(['migrator']);
    expect(gate.policy.version).toMatch(/^[0-9a-f]{12}$/);
    await logs.ledger.durable(5_000);
    const dir = path.join(files.dir, 'audit');
    expect((await readdir(dir)).some((name) => name.endsWith('.jsonl'))).toBe(true);
  });

  it('reads every gauge, before anything is connected', async () => {
    const { gate, whole } = await build();
    expect(gate.metrics.values('sessions')).toEqual([[[], 0]]);
    expect(gate.metrics.values('control_connected')).toEqual([[[], 0]]);
    expect(gate.metrics.values('policy_info')).toEqual([[[gate.policy.version], 1]]);
    expect(await whole.metrics()).toContain('cqlgate_ready 0');
    expect(await whole.sessions()).toEqual([]);
  });

  it('passes revocations and tokens on to what is to know them', async () => {
    const { gate, whole } = await build();
    const revocation = { id: 'r' } as Parameters<typeof whole.revoked>[0];
    // Alone there is nobody else to tell.
    whole.revoked(revocation);
    whole.tokenSeen('hash');
    expect(gate.revocations.all).toEqual([]);
  });

  it('gives memory back from what can be analysed again first, and from records last', async () => {
    const register = vi.spyOn(MemoryBudget.prototype, 'register');
    await build();
    const caches = register.mock.calls.map(([cache]) => cache);
    register.mockRestore();
    expect(caches.map(({ name }) => name)).toEqual([
      'statements',
      'prepared',
      'tokens',
      'activity',
      'refusals',
    ]);
    for (const cache of caches) expect(() => cache.evict()).not.toThrow();
  });

  it('is refused for a policy that is not valid, before a ledger is begun', async () => {
    await files.write('policy.yaml', POLICY.replace('SELECT ON', 'SELEC ON'));
    await expect(build()).rejects.toThrow(ConfigFault);
    await mkdir(path.join(files.dir, 'audit'), { recursive: true });
    expect(await readdir(path.join(files.dir, 'audit'))).toEqual([]);
  });
});
