// The primary of several workers, before doubles of them: starting, replacing, telling and summing.
import { describe, expect, it, vi } from 'vitest';
import { later, monotonicMs } from '../../src/clock.ts';
import { prometheusRegistry } from '../../src/admin/prometheus.ts';
import { Readiness } from '../../src/admin/readiness.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Revocation } from '../../src/revocation/revocations.ts';
import type { FleetLock, HeldLock } from '../../src/fleet/ddl-lane.ts';
import { Primary } from '../../src/workers/primary.ts';
import { Worker } from '../../src/workers/worker.ts';
import type { WholeGate } from '../../src/workers/worker-group.ts';
import { FakePort } from '../support/ports.ts';

/** One worker, over a channel of the test. */
class FakeWorker {
  readonly number: number;
  readonly process: FakePort;
  readonly worker: Worker;
  readonly metrics = new Metrics();
  readonly readiness = new Readiness();
  readonly heard: unknown[] = [];
  readonly signals: string[] = [];
  whole: WholeGate | null = null;

  constructor(number: number) {
    this.number = number;
    const [process, own] = FakePort.pair();
    this.process = process;
    this.worker = new Worker(number, own, (signal) => this.signals.push(signal));
  }

  async join(): Promise<WholeGate> {
    this.metrics.gauge('sessions', () => this.number);
    this.metrics.gauge('policy_info', () => [[['v1'], 1]]);
    this.whole = await this.worker.join({
      registry: prometheusRegistry(this.metrics),
      readiness: () => this.readiness.report(),
      sessions: () => [
        {
          id: `of ${this.number}`,
          client: '',
          issuer: '',
          subject: '',
          role: '',
          since: '',
          expires: '',
        },
      ],
      tokenSeen: (sha256) => this.heard.push(sha256),
      revoked: ({ id }) => this.heard.push(id),
    });
    return this.whole;
  }

  async start(): Promise<WholeGate> {
    const whole = await this.join();
    this.readiness.started();
    this.worker.up();
    return whole;
  }
}

function primaryOf(workers: number) {
  const forked: FakeWorker[] = [];
  const errors: Readonly<Record<string, unknown>>[] = [];
  const metrics = new Metrics();
  const primary = new Primary({
    config: { file: 'cqlgate.yaml', content: '' },
    workers,
    fork: (number) => {
      const worker = new FakeWorker(number);
      forked.push(worker);
      return worker.process;
    },
    log: {
      info: () => undefined,
      warn: () => undefined,
      error: (fields) => errors.push(fields),
    },
    metrics,
    registry: prometheusRegistry(metrics),
  });
  return { primary, forked, errors };
}

/** All up. */
async function running(workers: number) {
  const made = primaryOf(workers);
  const started = made.primary.start();
  const first = await made.forked[0]!.start();
  expect(await started).toBeNull();
  await Promise.all(made.forked.slice(1).map(async (worker) => worker.start()));
  return { ...made, first };
}

const valueOf = (text: string, series: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1] ?? NaN,
  );

const revocation = (id: string) => ({ id }) as Revocation;

describe('the primary', () => {
  it('starts the first worker alone, and the others once it is up', async () => {
    const { primary, forked } = primaryOf(3);
    const started = primary.start();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(forked.map(({ number }) => number)).toEqual([1]);
    await forked[0]!.start();
    expect(await started).toBeNull();
    expect(forked.map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  it('ends as the first worker does that could not start', async () => {
    const { primary, forked, errors } = primaryOf(3);
    const started = primary.start();
    forked[0]!.process.end(1);
    expect(await started).toBe(1);
    expect(forked).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  it('replaces a worker that ended, later each time that it ended soon', async () => {
    const { forked, errors, first } = await running(2);
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    forked[1]!.process.end(null, 'SIGKILL');
    expect(errors).toMatchObject([{ worker: 2, signal: 'SIGKILL', restart_in_ms: 250 }]);
    expect(forked).toHaveLength(2);
    vi.advanceTimersByTime(250);
    expect(forked.map(({ number }) => number)).toEqual([1, 2, 2]);
    forked[2]!.process.end(1);
    expect(errors.at(-1)).toMatchObject({ worker: 2, exit_code: 1, restart_in_ms: 500 });
    vi.advanceTimersByTime(499);
    expect(forked).toHaveLength(3);
    vi.advanceTimersByTime(1);
    expect(forked).toHaveLength(4);
    vi.useRealTimers();
    expect(valueOf(await first.metrics(), 'cqlgate_worker_restarts_total')).toBe(2);
  });

  it('sums metrics, and keeps the counts of the dead', async () => {
    const { forked, first } = await running(2);
    const [one, two] = [forked[0]!, forked[1]!];
    one.metrics.counter('logins_total', 'pipelines').value = 3;
    two.metrics.counter('logins_total', 'pipelines').value = 4;
    two.metrics.counter('logins_total', 'people').value = 1;
    two.metrics.histogram('ddl_lane_wait_seconds').observe(0.05);
    one.metrics.histogram('ddl_lane_wait_seconds').observe(0.05);
    const before = await first.metrics();
    expect(valueOf(before, 'cqlgate_logins_total{issuer="pipelines"}')).toBe(7);
    expect(valueOf(before, 'cqlgate_ddl_lane_wait_seconds_count')).toBe(2);
    expect(valueOf(before, 'cqlgate_ddl_lane_wait_seconds_bucket{le="0.1"}')).toBe(2);
    expect(valueOf(before, 'cqlgate_sessions')).toBe(3);
    expect(valueOf(before, 'cqlgate_workers')).toBe(2);
    // Of one policy, not two.
    expect(valueOf(before, 'cqlgate_policy_info{version="v1"}')).toBe(1);
    expect(valueOf(before, 'cqlgate_process_resident_memory_bytes')).toBeGreaterThan(0);

    two.process.end(1);
    const after = await first.metrics();
    expect(valueOf(after, 'cqlgate_logins_total{issuer="pipelines"}')).toBe(7);
    expect(valueOf(after, 'cqlgate_logins_total{issuer="people"}')).toBe(1);
    expect(valueOf(after, 'cqlgate_ddl_lane_wait_seconds_count')).toBe(2);
    expect(valueOf(after, 'cqlgate_sessions')).toBe(1);
    expect(valueOf(after, 'cqlgate_workers')).toBe(1);
  });

  it('is ready as the workers are that got clients, and says how many are missing', async () => {
    const { forked, first } = await running(2);
    expect(await first.readiness()).toEqual({ isStarting: false, reasons: [], warnings: [] });
    let isWritable = false;
    forked[1]!.readiness.watch('the audit ledger cannot be written', () => isWritable);
    expect((await first.readiness()).reasons).toEqual(['the audit ledger cannot be written']);
    isWritable = true;
    forked[1]!.process.end(1);
    expect(await first.readiness()).toEqual({
      isStarting: false,
      reasons: [],
      warnings: ['1 of 2 workers are not up'],
    });
    forked[0]!.readiness.drain();
    expect((await first.readiness()).reasons).toEqual(['the gate is draining']);
  });

  it('is not ready while the only worker starts', async () => {
    const { primary, forked } = primaryOf(2);
    void primary.start();
    const whole = await forked[0]!.join();
    expect(await whole.readiness()).toMatchObject({
      isStarting: true,
      reasons: ['the gate is starting'],
    });
  });

  it('passes on what was revoked and seen, and tells it to who comes later', async () => {
    const { primary, forked } = primaryOf(2);
    const started = primary.start();
    const first = await forked[0]!.start();
    await started;
    first.revoked(revocation('early'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await forked[1]!.start();
    first.revoked(revocation('late'));
    first.tokenSeen('a hash');
    await vi.waitFor(() => expect(forked[1]!.heard).toEqual(['early', 'late', 'a hash']));
    expect(forked[0]!.heard).toEqual([]);
  });

  it('lists the sessions of all, of who hangs without', async () => {
    const { forked, first } = await running(3);
    expect((await first.sessions()).map(({ id }) => id)).toEqual(['of 1', 'of 2', 'of 3']);
    forked[2]!.process.removeAllListeners('message');
    expect((await first.sessions()).map(({ id }) => id)).toEqual(['of 1', 'of 2']);
  });

  it('lets one worker at a time ask for the lock of the fleet', async () => {
    const { forked } = await running(2);
    const taken: string[] = [];
    const fleet = (of: string): FleetLock => ({
      acquire: async (name) => {
        taken.push(`${of} ${name}`);
        const held: HeldLock = { isHeld: true, release: async () => Promise.resolve() };
        return Promise.resolve(held);
      },
    });
    const [one, two] = forked.map(({ worker, number }) => worker.lock(fleet(`worker ${number}`)));
    const held = await one!.acquire('ddl ks', later(monotonicMs(), 5_000));
    const waiting = two!.acquire('ddl ks', later(monotonicMs(), 5_000));
    await expect(two!.acquire('ddl ks', later(monotonicMs(), 50))).rejects.toThrow(
      /another worker/,
    );
    expect(taken).toEqual(['worker 1 ddl ks']);
    await held!.release();
    expect((await waiting)!.isHeld).toBe(true);
    expect(taken).toEqual(['worker 1 ddl ks', 'worker 2 ddl ks']);
    // The dead hold nothing.
    forked[1]!.process.end(1);
    expect(await one!.acquire('ddl ks', later(monotonicMs(), 1_000))).not.toBeNull();
  });

  it('gives no lock to a worker whose question is heard after its end', async () => {
    const { forked } = await running(2);
    const deadline = later(monotonicMs(), 60_000);
    const none: FleetLock = { acquire: async () => Promise.resolve(null) };
    forked[0]!.process.emit('exit', null, 'SIGKILL');
    await expect(forked[0]!.worker.lock(none).acquire('a', deadline)).rejects.toThrow(
      'another worker',
    );
    const held = await forked[1]!.worker.lock(none).acquire('a', deadline);
    expect(held?.isHeld).toBe(true);
  });

  it('gives a lock back that the fleet did not grant', async () => {
    const { forked } = await running(2);
    const refusing: FleetLock = { acquire: async () => Promise.reject(new Error('not now')) };
    const none: FleetLock = { acquire: async () => Promise.resolve(null) };
    const deadline = later(monotonicMs(), 5_000);
    await expect(forked[0]!.worker.lock(refusing).acquire('a', deadline)).rejects.toThrow(
      'not now',
    );
    const held = await forked[1]!.worker.lock(none).acquire('a', deadline);
    expect(held?.isHeld).toBe(true);
  });

  it('passes signals on and waits for all, replacing nobody any more', async () => {
    const { primary, forked, errors } = await running(2);
    const stopped = primary.stop('SIGTERM');
    await vi.waitFor(() =>
      expect(forked.map(({ signals }) => signals)).toEqual([['SIGTERM'], ['SIGTERM']]),
    );
    forked[0]!.process.end(0);
    void primary.stop('SIGINT');
    await vi.waitFor(() => expect(forked[1]!.signals).toEqual(['SIGTERM', 'SIGINT']));
    forked[1]!.process.end(0);
    expect(await stopped).toBe(0);
    expect(errors).toEqual([]);
    expect(forked).toHaveLength(2);
  });

  it('starts nobody after it was told to stop, though one was due', async () => {
    const { primary, forked } = await running(2);
    forked[1]!.process.end(1);
    const stopped = primary.stop('SIGTERM');
    forked[0]!.process.end(0);
    expect(await stopped).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(forked).toHaveLength(2);
  });
});
