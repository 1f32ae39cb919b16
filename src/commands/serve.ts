// `cqlgate serve`: the gate as a process, or as several (`workers:`), until it is told to stop.
import cluster from 'node:cluster';
import { pino } from 'pino';
import { prometheusRegistry } from '../admin/prometheus.ts';
import { configOf, loadConfig, type LoadedConfig } from '../config/load.ts';
import { guarded, unattended } from '../guard.ts';
import { EXIT } from '../limits/process.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { Port } from '../workers/channel.ts';
import { isTelemetryEnabled } from '../telemetry/enabled.ts';
import { STOP_SIGNALS, type StopSignal } from '../workers/messages.ts';
import { Primary } from '../workers/primary.ts';
import { WORKER_VARIABLE, Worker } from '../workers/worker.ts';
import { letHeapGrow } from './heap.ts';
import { reportFaults } from './fault-report.ts';
import { LastResort } from './last-resort.ts';
import { startGate, type RunningGate } from './start-gate.ts';

/**
 * Runs until SIGTERM, which drains, or SIGINT, which waits for requests in flight only; a second signal
 * ends what is left. Resolves with the exit code. Rejects with ConfigFault, or with what keeps the gate
 * from starting.
 */
export async function serve(configFile: string): Promise<number> {
  letHeapGrow();
  const lastResort = new LastResort();
  lastResort.install();
  try {
    return await served(configFile, lastResort);
  } finally {
    endSoon();
  }
}

/** Ends the process by its exit code though something still holds it; what matters was closed and waited for. */
function endSoon(): void {
  const exit = (): never => process.exit();
  setTimeout(guarded('process', exit), EXIT.graceMs).unref();
}

async function served(configFile: string, lastResort: LastResort): Promise<number> {
  if (cluster.worker !== undefined) return serveAsWorker(cluster.worker, lastResort);
  const loaded = await loadConfig(configFile);
  const log = logOf(null);
  if (loaded.workers > 1) return serveAsPrimary(loaded, log, lastResort);
  const signals = new Signals();
  const gate = await startGate(loaded, log);
  lastResort.seal = async () => gate.seal();
  signals.listen();
  const signal = await signals.next();
  log.info({ signal }, 'stopping');
  await stop(gate, signal, signals);
  return 0;
}

async function serveAsPrimary(
  { workers, text }: LoadedConfig,
  ownLog: pino.Logger,
  lastResort: LastResort,
): Promise<number> {
  // Maps and numbers that JSON does not know arrive as they were.
  cluster.setupPrimary({ serialization: 'advanced' });
  const metrics = new Metrics();
  const telemetry = isTelemetryEnabled(process.env)
    ? (await import('../telemetry/start.ts')).startTelemetry(metrics, ownLog)
    : null;
  const log = telemetry?.withLog(ownLog) ?? ownLog;
  reportFaults(log, metrics);
  const primary = new Primary({
    workers,
    config: text,
    fork: (number) => cluster.fork({ [WORKER_VARIABLE]: number }),
    log,
    metrics,
    registry: prometheusRegistry(metrics),
  });
  // Its workers would end with it, and not seal what they hold.
  lastResort.seal = async () => primary.stop('SIGINT');
  const exitCode = await primary.start();
  if (exitCode !== null) return exitCode;
  const signals = new Signals();
  signals.listen();
  const signal = await signals.next();
  log.info({ signal, workers }, 'stopping');
  const stoppedAgain = signals.next().then(async (again) => primary.stop(again));
  unattended('workers', stoppedAgain);
  const exitedWith = await primary.stop(signal);
  await telemetry?.close();
  return exitedWith;
}

async function serveAsWorker(
  worker: NonNullable<typeof cluster.worker>,
  lastResort: LastResort,
): Promise<number> {
  // A terminal signals the whole group: the primary says when it is time.
  for (const name of STOP_SIGNALS) process.on(name, () => undefined);
  const signals = new Signals();
  const number = Number(process.env[WORKER_VARIABLE]);
  const own = new Worker(number, process as Port, (signal) => signals.take(signal));
  try {
    // The primary's own text: workers that were started at different times must not differ.
    const loaded = await configOf(await own.config());
    const gate = await startGate(loaded, logOf({ worker: number }), own);
    lastResort.seal = async () => gate.seal();
    await stop(gate, await signals.next(), signals);
    return 0;
  } finally {
    // The channel to the primary would keep the process running.
    worker.disconnect();
  }
}

async function stop(gate: RunningGate, signal: StopSignal, signals: Signals): Promise<void> {
  const timeoutMs = signal === 'SIGTERM' ? gate.drainTimeoutMs : 0;
  await Promise.race([gate.drain(timeoutMs), signals.next()]);
  await gate.close();
}

/** Signals to stop, one after the other. */
class Signals {
  #waiting: ((signal: StopSignal) => void) | null = null;
  readonly #taken: StopSignal[] = [];

  /** To those that this process gets. Until then it ends by them at once. */
  listen(): void {
    for (const name of STOP_SIGNALS) {
      process.on(
        name,
        guarded('process', () => this.take(name)),
      );
    }
  }

  take(signal: StopSignal): void {
    if (this.#waiting === null) this.#taken.push(signal);
    else this.#waiting(signal);
    this.#waiting = null;
  }

  async next(): Promise<StopSignal> {
    const taken = this.#taken.shift();
    if (taken !== undefined) return taken;
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }
}

function logOf(base: Record<string, unknown> | null): pino.Logger {
  return pino({ base, timestamp: pino.stdTimeFunctions.isoTime });
}
