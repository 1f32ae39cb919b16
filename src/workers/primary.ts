// The process that has the workers: it starts them, replaces one that crashed, and passes on what they share.
// It serves nothing itself; Node's cluster module accepts connections here and hands them out in turn.
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { backoffMs } from '../backoff.ts';
import { monotonicMs, msSince, type MonotonicMs } from '../clock.ts';
import type { ReadinessReport } from '../admin/readiness.ts';
import { guarded } from '../guard.ts';
import { WORKERS } from '../limits/process.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Revocation } from '../revocation/revocations.ts';
import type { Log } from '../session/gate.ts';
import { Channel, type Port } from './channel.ts';
import { LockBroker } from './lock-broker.ts';
import type { ConfigText, PrimaryHandlers, StopSignal, WorkerHandlers } from './messages.ts';

/** A child process with a channel. */
export interface WorkerProcess extends Port {
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
}

export interface PrimaryOptions {
  readonly workers: number;
  /** What each worker is built from, a replacement too. */
  readonly config: ConfigText;
  /** Starts the worker of this number, from 1. */
  readonly fork: (number: number) => WorkerProcess;
  readonly log: Log;
  readonly metrics: Metrics;
  /** The primary's own metrics. */
  readonly registry: Registry;
}

type MetricObjects = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** One process. Its replacement has the same number, and is another member. */
interface Member {
  readonly number: number;
  readonly channel: Channel<WorkerHandlers>;
  readonly startedAtMs: MonotonicMs;
  /** Resolves with its exit code, which is 1 if a signal ended it. */
  readonly ended: Promise<number>;
  /** Whether it accepts clients. */
  isUp: boolean;
  /** Its last report. */
  metrics: MetricObjects;
}

/** The types of metrics whose values outlive the process; all others describe the present. */
const KEPT_TYPES: ReadonlySet<string> = new Set(['counter', 'histogram']);

export class Primary {
  readonly #options: PrimaryOptions;
  /** By number. */
  readonly #members = new Map<number, Member>();
  /** By number: how many times in a row the worker ended soon after its start. */
  readonly #failures = new Map<number, number>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #locks = new LockBroker();
  readonly #revoked: Revocation[] = [];
  /** Sums over the processes that have ended. */
  #kept: MetricObjects = [];
  #firstUp: () => void = () => undefined;
  #isStarted = false;
  /** Set once the gate is to stop. */
  #stopSignal: StopSignal | null = null;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    options.metrics.gauge('workers', () => this.#up.length);
  }

  /**
   * Starts the first worker alone, so that what keeps a gate from starting is logged once. Resolves with null when
   * it accepts clients and the others have been started, or with its exit code.
   */
  async start(): Promise<number | null> {
    const up = new Promise<null>((resolve) => {
      this.#firstUp = () => resolve(null);
    });
    const exitCode = await Promise.race([up, this.#start(1).ended]);
    if (exitCode !== null) return exitCode;
    this.#isStarted = true;
    for (let number = 2; number <= this.#options.workers; number++) this.#start(number);
    return null;
  }

  /** Passes the signal on to all workers. Resolves with the exit code when the last of them has ended. */
  async stop(signal: StopSignal): Promise<number> {
    this.#stopSignal = signal;
    for (const timer of this.#restarts) clearTimeout(timer);
    const members = [...this.#members.values()];
    // One that is starting may not listen yet; it gets the signal when it is up.
    for (const { isUp, channel } of members) if (isUp) channel.tell('stop', signal);
    const exitCodes = await Promise.all(members.map(async ({ ended }) => ended));
    return Math.max(0, ...exitCodes);
  }

  get #up(): readonly Member[] {
    return [...this.#members.values()].filter(({ isUp }) => isUp);
  }

  #start(number: number): Member {
    const child = this.#options.fork(number);
    const handlers: PrimaryHandlers = {
      config: () => this.#options.config,
      join: () => this.#revoked,
      up: () => {
        member.isUp = true;
        this.#firstUp();
        if (this.#stopSignal !== null) member.channel.tell('stop', this.#stopSignal);
      },
      // The question of a dying process may arrive after its end, and nobody would release that lock.
      lock: async ({ name, waitMs }) =>
        this.#members.get(number) === member && this.#locks.acquire(member, name, waitMs),
      unlock: (name) => this.#locks.release(member, name),
      metrics: async () => this.#metrics(),
      readiness: async () => this.#readiness(),
      sessions: async () => (await this.#ask('sessions')).flatMap((answer) => answer ?? []),
      tokenSeen: (sha256) => this.#tellOthers(member, 'tokenSeen', sha256),
      revoked: (revocation) => {
        this.#revoked.push(revocation);
        this.#tellOthers(member, 'revoked', revocation);
      },
    };
    const member: Member = {
      number,
      channel: new Channel(child, handlers),
      startedAtMs: monotonicMs(),
      ended: new Promise((resolve) => {
        const exited = (code: number | null, signal: string | null): void => {
          resolve(code ?? 1);
          this.#end(member, code, signal);
        };
        child.once('exit', guarded('workers', exited));
      }),
      isUp: false,
      metrics: [],
    };
    this.#members.set(number, member);
    return member;
  }

  #end(member: Member, exitCode: number | null, signal: string | null): void {
    const { number, channel, startedAtMs } = member;
    this.#members.delete(number);
    channel.close();
    this.#locks.releaseAll(member);
    const last = member.metrics.filter(({ type }) => KEPT_TYPES.has(String(type)));
    this.#kept = summed([this.#kept, last]);
    if (this.#stopSignal !== null || !this.#isStarted) return;
    const livedMs = msSince(startedAtMs);
    const failures = livedMs > WORKERS.steadyMs ? 0 : (this.#failures.get(number) ?? 0);
    this.#failures.set(number, failures + 1);
    const waitMs = backoffMs(failures + 1, WORKERS.restartMinMs, WORKERS.restartMaxMs);
    const { log, metrics } = this.#options;
    log.error(
      { worker: number, exit_code: exitCode, signal, restart_in_ms: waitMs },
      'a worker ended; its sessions are lost, and it is replaced',
    );
    metrics.counter('worker_restarts_total').value++;
    const restart = (): void => {
      this.#restarts.delete(timer);
      this.#start(number);
    };
    const timer = setTimeout(guarded('workers', restart), waitMs);
    this.#restarts.add(timer);
  }

  #tellOthers<What extends 'tokenSeen' | 'revoked'>(
    but: Member,
    what: What,
    value: Parameters<WorkerHandlers[What]>[0],
  ): void {
    for (const member of this.#members.values()) {
      if (member !== but) member.channel.tell(what, value);
    }
  }

  /** The answer of each worker; null where it does not answer in time. */
  async #ask<What extends 'metrics' | 'readiness' | 'sessions'>(what: What) {
    const members = [...this.#members.values()];
    return Promise.all(members.map(async (member) => this.#askOne(member, what)));
  }

  async #askOne<What extends 'metrics' | 'readiness' | 'sessions'>(
    { channel }: Member,
    what: What,
  ) {
    const answer = channel.ask(what, undefined as never).catch(() => null);
    return Promise.race([answer, delay(WORKERS.answerMs, null, { ref: false })]);
  }

  /** A worker that does not answer counts with its last report, because a sum must not fall. */
  async #metrics(): Promise<string> {
    const members = [...this.#members.values()];
    await Promise.all(
      members.map(async (member) => {
        member.metrics = (await this.#askOne(member, 'metrics')) ?? member.metrics;
      }),
    );
    const own = await this.#options.registry.getMetricsAsJSON();
    const parts = members.map(({ metrics }) => metrics);
    return AggregatorRegistry.aggregate([own, ...parts, this.#kept]).metrics();
  }

  /** Workers that still start get no clients, so they do not count unless there are no others. */
  async #readiness(): Promise<ReadinessReport> {
    const all = (await this.#ask('readiness')).filter((answer) => answer !== null);
    const started = all.filter(({ isStarting }) => !isStarting);
    const counted = started.length > 0 ? started : all;
    const missing = this.#options.workers - started.length;
    return {
      isStarting: started.length === 0,
      reasons: distinct(counted.flatMap(({ reasons }) => reasons)),
      warnings: [
        ...distinct(counted.flatMap(({ warnings }) => warnings)),
        ...(missing > 0 ? [`${missing} of ${this.#options.workers} workers are not up`] : []),
      ],
    };
  }
}

function summed(parts: readonly MetricObjects[]): MetricObjects {
  // The registry of sums has them with their values, which its types do not say.
  return AggregatorRegistry.aggregate([...parts]).getMetricsAsArray() as MetricObjects;
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
