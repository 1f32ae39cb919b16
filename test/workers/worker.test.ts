// One worker before a primary of the test: what it asks and reports, when it hears what, and how the lock of the
// fleet stands behind the one of the gate.
import { beforeEach, describe, expect, it } from 'vitest';
import { prometheusRegistry } from '../../src/admin/prometheus.ts';
import { later, monotonicMs, wallMs } from '../../src/clock.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import { newRevocation, type Revocation } from '../../src/revocation/revocations.ts';
import type { FleetLock } from '../../src/fleet/ddl-lane.ts';
import { Channel } from '../../src/workers/channel.ts';
import type { PrimaryHandlers, StopSignal, WorkerHandlers } from '../../src/workers/messages.ts';
import type { GateProcess } from '../../src/workers/worker-group.ts';
import { Worker } from '../../src/workers/worker.ts';
import { FakePort } from '../support/ports.ts';

let worker: Worker;
let primary: Channel<WorkerHandlers>;
let port: FakePort;
let signals: StopSignal[];
/** What the primary was asked and told, in order. */
let asked: string[];
let isGranted: boolean;
let revokedBefore: readonly Revocation[];

function revocation(value: string): Revocation {
  const made = newRevocation(
    { what: 'subject', value, issuer: null, reason: 'x', revokedBy: 'me' },
    wallMs(),
  );
  if ('problem' in made) throw new Error(made.problem);
  return made;
}

beforeEach(() => {
  [signals, asked, isGranted, revokedBefore] = [[], [], true, []];
  const [near, far] = FakePort.pair();
  port = near;
  const handlers: PrimaryHandlers = {
    config: () => ({ file: 'cqlgate.yaml', content: 'limits: {}' }),
    join: () => {
      asked.push('join');
      return revokedBefore;
    },
    up: () => void asked.push('up'),
    lock: async ({ name, waitMs }) => {
      asked.push(`lock ${name} ${Math.ceil(waitMs / 1000)}`);
      return Promise.resolve(isGranted);
    },
    unlock: (name) => void asked.push(`unlock ${name}`),
    metrics: async () => Promise.resolve('all metrics'),
    readiness: async () => Promise.resolve({ isStarting: false, reasons: ['r'], warnings: [] }),
    sessions: async () => Promise.resolve([]),
    tokenSeen: (sha256) => void asked.push(`token ${sha256}`),
    revoked: ({ value }) => void asked.push(`revoked ${value}`),
  };
  primary = new Channel<WorkerHandlers>(far, handlers);
  worker = new Worker(3, near, (signal) => signals.push(signal));
});

/** What this process hears of the others. */
let heard: string[];
function own(): GateProcess {
  heard = [];
  return {
    registry: prometheusRegistry(new Metrics()),
    readiness: () => ({ isStarting: false, reasons: [], warnings: ['of 3'] }),
    sessions: () => [],
    tokenSeen: (sha256) => heard.push(`token ${sha256}`),
    revoked: ({ value }) => heard.push(`revoked ${value}`),
  };
}

describe('a worker', () => {
  it('has the configuration that the gate started with, and a folder of the ledger for itself', async () => {
    expect(await worker.config()).toEqual({ file: 'cqlgate.yaml', content: 'limits: {}' });
    expect(worker.ledgerDir('/audit')).toMatch(/^\/audit\/.*3/);
    expect(new Worker(4, FakePort.pair()[0], () => undefined).ledgerDir('/audit')).not.toBe(
      worker.ledgerDir('/audit'),
    );
  });

  it('stops as it is told, before it has joined too', async () => {
    await primary.ask('stop', 'SIGTERM');
    await worker.join(own());
    await primary.ask('stop', 'SIGINT');
    expect(signals).toEqual(['SIGTERM', 'SIGINT']);
  });

  it('reports nothing while it is starting, and what it is told then is no fault', async () => {
    for (const what of ['metrics', 'readiness', 'sessions'] as const) {
      await expect(primary.ask(what, undefined as never)).rejects.toThrow('worker 3 is starting');
    }
    await primary.ask('tokenSeen', 'abc');
    await primary.ask('revoked', revocation('early'));
  });

  it('has heard, once it has joined, what was revoked before, and hears the rest', async () => {
    revokedBefore = [revocation('one'), revocation('two')];
    await worker.join(own());
    expect(heard).toEqual(['revoked one', 'revoked two']);
    await primary.ask('revoked', revocation('three'));
    await primary.ask('tokenSeen', 'abc');
    expect(heard.slice(2)).toEqual(['revoked three', 'token abc']);
  });

  it('misses nothing that is revoked while it joins', async () => {
    const joined = worker.join(own());
    await primary.ask('revoked', revocation('meanwhile'));
    await joined;
    expect(heard).toEqual(['revoked meanwhile']);
  });

  it('reports of itself to its primary, and gets from it what is of the whole gate', async () => {
    const whole = await worker.join(own());
    expect(await primary.ask('readiness', undefined as never)).toMatchObject({
      warnings: ['of 3'],
    });
    expect(await primary.ask('sessions', undefined as never)).toEqual([]);
    const names = (await primary.ask('metrics', undefined as never)).map(({ name }) => name);
    expect(names).toContain('cqlgate_sessions');
    expect(await whole.metrics()).toBe('all metrics');
    expect((await whole.readiness()).reasons).toEqual(['r']);
    expect(await whole.sessions()).toEqual([]);
  });

  it('tells the others what it learned, and that it is up', async () => {
    const whole = await worker.join(own());
    whole.tokenSeen('abc');
    whole.revoked(revocation('one'));
    worker.up();
    await whole.readiness();
    expect(asked).toEqual(['join', 'token abc', 'revoked one', 'up']);
  });

  it('does not fail where its primary is gone', async () => {
    const whole = await worker.join(own());
    port.isClosed = true;
    whole.tokenSeen('abc');
    worker.up();
    await expect(whole.metrics()).rejects.toThrow('closed');
  });
});

describe('a lock that gates share', () => {
  const IN_5_S = () => later(monotonicMs(), 5_000);
  let releases: number;
  const fleet = (isHeld: boolean | null): FleetLock => ({
    acquire: async (name) => {
      asked.push(`fleet ${name}`);
      const release = async (): Promise<void> => {
        asked.push(`released ${name}`);
        releases++;
        return Promise.resolve();
      };
      return Promise.resolve(isHeld === null ? null : { isHeld, release });
    },
  });

  beforeEach(() => {
    releases = 0;
  });

  it('is asked for once the gate has its own, for the time that is left', async () => {
    const held = await worker.lock(fleet(true)).acquire('ks', IN_5_S());
    expect(asked).toEqual(['lock ks 5', 'fleet ks']);
    expect(held?.isHeld).toBe(true);
  });

  it('is not asked for while another worker has the gate’s own', async () => {
    isGranted = false;
    const acquired = worker.lock(fleet(true)).acquire('ks', IN_5_S());
    await expect(acquired).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringContaining('another worker of this gate'),
    });
    expect(asked).toEqual(['lock ks 5']);
  });

  it('is given back before the gate’s own, so that the next worker finds it free', async () => {
    const held = await worker.lock(fleet(true)).acquire('ks', IN_5_S());
    await held?.release();
    expect(asked.slice(2)).toEqual(['released ks', 'unlock ks']);
  });

  it('that is lost is not held, though the gate’s own is', async () => {
    expect((await worker.lock(fleet(false)).acquire('ks', IN_5_S()))?.isHeld).toBe(false);
  });

  it('is the gate’s own alone where there is no fleet', async () => {
    const held = await worker.lock(fleet(null)).acquire('ks', IN_5_S());
    expect(held?.isHeld).toBe(true);
    await held?.release();
    expect([releases, asked.at(-1)]).toEqual([0, 'unlock ks']);
  });

  it('that can not be had gives the gate’s own back', async () => {
    const none: FleetLock = { acquire: async () => Promise.reject(new Error('not now')) };
    await expect(worker.lock(none).acquire('ks', IN_5_S())).rejects.toThrow('not now');
    expect(asked).toEqual(['lock ks 5', 'unlock ks']);
  });

  it('is given back though the primary is gone', async () => {
    const held = await worker.lock(fleet(true)).acquire('ks', IN_5_S());
    port.isClosed = true;
    await held?.release();
    expect(releases).toBe(1);
  });
});
