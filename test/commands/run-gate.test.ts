// Running a gate: in which order it opens what it is made of, and when it says that it is ready.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Readiness } from '../../src/admin/readiness.ts';
import { startAdmin } from '../../src/admin/server.ts';
import type { GateParts } from '../../src/commands/build-gate.ts';
import { runGate } from '../../src/commands/run-gate.ts';
import { Listener } from '../../src/session/listener.ts';
import { SINGLE_PROCESS } from '../../src/workers/worker-group.ts';
import { LogLines } from '../support/log-lines.ts';

vi.mock('../../src/admin/server.ts');

let done: string[];
let log: LogLines;
let parts: GateParts;
let startCluster: () => Promise<void>;

const step = (name: string) => async (): Promise<void> => Promise.resolve(void done.push(name));

beforeEach(() => {
  done = [];
  log = new LogLines();
  startCluster = step('cluster');
  vi.resetAllMocks();
  vi.mocked(startAdmin).mockImplementation(async () => {
    done.push('admin port');
    return Promise.resolve({ port: 9180, close: () => undefined } as Awaited<
      ReturnType<typeof startAdmin>
    >);
  });
  vi.spyOn(Listener.prototype, 'listen').mockImplementation(async () => {
    done.push('listener');
    return Promise.resolve(9042);
  });
  parts = {
    loaded: {
      config: {
        listen: { host: '127.0.0.1', port: 0 },
        admin: { host: '127.0.0.1', port: 0, hosts: [] },
      },
      limits: { keepAliveMs: 1_000 },
    },
    gate: {
      log,
      policy: { version: 'v1' },
      limits: {},
      verifier: { prefetchKeys: step('keys'), keepKeysFresh: () => undefined, issuers: [] },
      cluster: {
        start: async () => startCluster(),
        warmed: step('connections'),
        control: { target: { clusterName: 'c', releaseVersion: '5.0.9' } },
      },
    },
    readiness: new Readiness(),
    certificates: { detector: null },
    feed: { start: step('revocations') },
    logins: { start: step('logins') },
    ports: { listener: null, admin: null },
    whole: {},
  } as unknown as GateParts;
});
afterEach(() => {
  vi.restoreAllMocks();
});

const workers = { ...SINGLE_PROCESS, up: () => void done.push('up') };

describe('a gate that runs', () => {
  it('answers on its admin port first, and lets clients in when everything else is there', async () => {
    expect(await runGate(parts, workers)).toBe(9042);
    expect(done).toEqual([
      'admin port',
      'keys',
      'logins',
      'cluster',
      'revocations',
      'connections',
      'listener',
      'up',
    ]);
    expect(parts.readiness.report().isStarting).toBe(false);
    expect(parts.ports.listener).toBeInstanceOf(Listener);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'admin port on 127.0.0.1:9180',
      'listening on 127.0.0.1:9042',
    ]);
  });

  it('has no admin port where none is configured', async () => {
    (parts.loaded.config as { admin?: unknown }).admin = undefined;
    await runGate(parts, workers);
    expect(startAdmin).not.toHaveBeenCalled();
    expect(parts.ports.admin).toBeNull();
  });

  it('lets nobody in where the cluster is not what it was told, and its admin port says so', async () => {
    startCluster = async () => Promise.reject(new Error('the cluster runs something else'));
    await expect(runGate(parts, workers)).rejects.toThrow('the cluster runs something else');
    expect(done).toEqual(['admin port', 'keys', 'logins']);
    expect(parts.readiness.report().isStarting).toBe(true);
    expect(parts.ports.listener).toBeNull();
  });
});
