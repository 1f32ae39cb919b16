// Stopping a gate: the order in which its parts end, the time that a drain gives, and what a seal is content with.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Readiness } from '../../src/admin/readiness.ts';
import type { GateParts } from '../../src/commands/build-gate.ts';
import { closeGate, drainGate, sealGate } from '../../src/commands/stop-gate.ts';
import { LAST_RESORT } from '../../src/limits/process.ts';
import { LogLines } from '../support/log-lines.ts';

const slept: number[] = [];
let sleep: () => Promise<void>;
vi.mock('node:timers/promises', () => ({
  setTimeout: async (ms: number) => {
    slept.push(ms);
    return sleep();
  },
}));

let ended: string[];
let parts: GateParts;
let log: LogLines;

function ending(name: string) {
  return { close: async () => Promise.resolve(void ended.push(name)) };
}

beforeEach(() => {
  slept.length = 0;
  sleep = async () => Promise.resolve();
  ended = [];
  log = new LogLines();
  const listener = {
    ...ending('listener'),
    sessions: 3,
    drain: async (timeoutMs: number) => Promise.resolve(void ended.push(`drained ${timeoutMs}`)),
  };
  parts = {
    loaded: { limits: { drainNoticeMs: 1_000 } },
    readiness: new Readiness(),
    gate: {
      log,
      verifier: ending('verifier'),
      lane: ending('lane'),
      cluster: ending('cluster'),
      analyst: ending('analyst'),
    },
    ports: { listener, admin: ending('admin port') },
    certificates: ending('certificates'),
    feed: ending('feed'),
    logins: ending('logins'),
    logs: { ...ending('logs'), ledger: ending('ledger') },
    telemetry: { running: ending('telemetry'), log },
    watcher: ending('watcher'),
  } as unknown as GateParts;
});

describe('a drain', () => {
  it('makes the gate not ready, gives notice of that, and then serves sessions to their end', async () => {
    await drainGate(parts, 30_000);
    expect(parts.readiness.reasons()).toContain('the gate is draining');
    expect(slept).toEqual([1_000]);
    expect(ended).toEqual(['drained 30000']);
    expect(log.lines.map(({ message }) => message)).toEqual(['draining', 'drained']);
    expect(log.lines[0]!.fields).toEqual({ sessions: 3, timeout_ms: 30_000 });
  });

  it('gives no notice for longer than it may take, and none where nobody can read it', async () => {
    await drainGate(parts, 200);
    await drainGate(parts, 0);
    parts.ports.admin = null;
    await drainGate(parts, 30_000);
    expect(slept).toEqual([200]);
  });

  it('of a gate that never opened its port is over at once', async () => {
    parts.ports.listener = null;
    parts.ports.admin = null;
    await drainGate(parts, 30_000);
    expect(ended).toEqual([]);
  });
});

describe('a close', () => {
  it('ends sessions first, then what they use, and the ledger when nothing writes into it any more', async () => {
    await closeGate(parts);
    expect(ended).toEqual([
      'watcher',
      'verifier',
      'listener',
      'feed',
      'lane',
      'cluster',
      'logins',
      'analyst',
      'certificates',
      'logs',
      'admin port',
      'telemetry',
    ]);
  });

  it('of a gate that never ran ends what was built', async () => {
    const { telemetry } = parts;
    parts = { ...parts, telemetry: { ...telemetry, running: null } };
    parts.ports.listener = null;
    parts.ports.admin = null;
    await closeGate(parts);
    expect(ended).toContain('logs');
  });
});

describe('a seal', () => {
  it('writes the ledger when the sessions ended', async () => {
    sleep = async () => new Promise(() => undefined);
    await sealGate(parts);
    expect(ended).toEqual(['listener', 'ledger', 'telemetry']);
  });

  it('writes the ledger even if the sessions do not end in time', async () => {
    parts.ports.listener!.close = async () => new Promise(() => undefined);
    await sealGate(parts);
    expect(slept).toEqual([LAST_RESORT.sessionsMs]);
    expect(ended).toEqual(['ledger', 'telemetry']);
  });
});
