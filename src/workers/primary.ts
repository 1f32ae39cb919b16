// The process that has the workers: starts them, replaces one that crashed, and is where they meet. It
// serves nothing itself; Node's cluster module accepts connections here and deals them out in turn.
import { setTimeout as delay } from 'node:timers/promises';
import { AggregatorRegistry, type Registry } from 'prom-client';
import { monotonicMs, msSince, type MonotonicMs } from '../clock.ts';
import type { ReadinessReport } from '../admin/readiness.ts';
import { guarded } from '../guard.ts';
import { WORKERS } from '../limits/process.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Revocation } from '../revocation/revocations.ts';
import type { Log } from '../session/gate.ts';
import type { SessionInfo } from '../session/standing.ts';
import { Channel, type Port } from './channel.ts';
import { LockDesk } from './lock-desk.ts';
import type { StopSignal, WorkerHandlers } from './worker.ts';

/** The configuration as it was read: once, for all workers. */
export interface ConfigText {
  readonly file: string;
  readonly content: string;
}

/** What a worker asks of its primary. */
export type PrimaryHandlers = {
  /** The configuration's text, as it was when the gate started. */
  readonly config: (nothing: null) => ConfigText;
  /** Answered with what was revoked before. */
  readonly join: (nothing: null) => readonly Revocation[];
  readonly up: (nothing: null) => void;
  readonly lock: (asked: { readonly name: string; readonly waitMs: number }) => Promise<boolean>;
  readonly unlock: (name: string) => void;
  readonly metrics: (nothing: null) => Promise<string>;
  readonly readiness: (nothing: null) => Promise<ReadinessReport>;
  readonly sessions: (nothing: null) => Promise<readonly SessionInfo[]>;
  readonly tokenSeen: (sha256: string) => void;
  readonly revoked: (revocation: Revocation) => void;
};

/** A child process with a channel. */
export interface WorkerProcess extends Port {
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown;
}

export interface PrimaryOptions {
  readonly workers: number;
  /** What each worker is put together from, a replacement too. */
  readonly config: ConfigText;
  /** Starts the worker of this number, from 1. */
  readonly fork: (number: number) => WorkerProcess;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Of the primary's own. */
  readonly registry: Registry;
}

type MetricObjects = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** One process; the next of the same number is another. */
interface Member {
  readonly number: number;
  readonly channel: Channel<WorkerHandlers>;
  readonly startedAtMs: MonotonicMs;
  /** Resolves with its exit code; 1 where a signal ended it. */
  readonly ended: Promise<number>;
  /** Accepts clients. */
  isUp: boolean;
  /** As last told. */
  metrics: MetricObjects;
}

/** What goes on counting where a process ended; all else is of the present. */
const KEPT_TYPES: ReadonlySet<string> = new Set(['counter', 'histogram']);

export class Primary {
  readonly #options: PrimaryOptions;
  /** By number. */
  readonly #members = new Map<number, Member>();
  /** Times in a row that the worker of a number ended soon. */
  readonly #failures = new Map<number, number>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #desk = new LockDesk();
  readonly #revoked: Revocation[] = [];
  /** Sums over the processes that ended. */
  #kept: MetricObjects = [];
  #firstUp: () => void = () => undefined;
  #isStarted = false;
  /** Set from when it is to stop. */
  #stopSignal: StopSignal | null = null;

  constructor(options: PrimaryOptions) {
    this.#options = options;
    options.metrics.gauge('workers', () => this.#up.length);
  }

  /**
   * The first worker alone: what keeps a gate from starting is said once. Resolves with null when it
   * accepts clients and the others are on their way, or with its exit code.
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

  /** Passes the signal on, each time; resolves with the exit code when no worker is left. */
  async stop(signal: StopSignal): Promise<number> {
    this.#stopSignal = signal;
    for (const timer of this.#restarts) clearTimeout(timer);
    const members = [...this.#members.values()];
    // One that is starting may not hear it yet, and is told when it is up.
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
      // What a dying process said may be heard after its end: nobody would give that lock back.
      lock: async ({ name, waitMs }) =>
        this.#members.get(number) === member && this.#desk.acquire(member, name, waitMs),
      unlock: (name) => this.#desk.release(member, name),
      metrics: async () => this.#metrics(),
      readiness: async () => this.#readiness(),
      sessions: async () => (await this.#ask('sessions')).flatMap((told) => told ?? []),
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
    this.#desk.releaseAll(member);
    const last = member.metrics.filter(({ type }) => KEPT_TYPES.has(String(type)));
    this.#kept = summed([this.#kept, last]);
    if (this.#stopSignal !== null || !this.#isStarted) return;
    const livedMs = msSince(startedAtMs);
    const failures = livedMs > WORKERS.steadyMs ? 0 : (this.#failures.get(number) ?? 0);
    this.#failures.set(number, failures + 1);
    const waitMs = Math.min(WORKERS.restartMaxMs, WORKERS.restartMinMs * 2 ** failures);
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

  /** What each that is there answers; null where it does not, or not in time. */
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

  /** Of one that does not answer, what it told last: a sum must not go back. */
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

  /** Those that still start get no clients, so they do not count, unless there are no others. */
  async #readiness(): Promise<ReadinessReport> {
    const all = (await this.#ask('readiness')).filter((told) => told !== null);
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
  // The registry of sums holds them with their values; its types do not say so.
  return AggregatorRegistry.aggregate([...parts]).getMetricsAsArray() as MetricObjects;
}

function distinct(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)];
}
