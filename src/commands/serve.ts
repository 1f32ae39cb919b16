// `cqlgate serve` runs the gate as one process, or as several (`workers:`), until it is told to stop.
import cluster from 'node:cluster';
import { pino } from 'pino';
import { prometheusRegistry } from '../admin/prometheus.ts';
import { configOf, loadConfig, type LoadedConfig } from '../config/load.ts';
import { guarded, unattended } from '../guard.ts';
import { EXIT } from '../limits/process.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { Port } from '../workers/channel.ts';
import { STOP_SIGNALS, type StopSignal } from '../workers/messages.ts';
import { Primary } from '../workers/primary.ts';
import { WORKER_VARIABLE, Worker } from '../workers/worker.ts';
import { setV8Flags } from './v8-flags.ts';
import { LastResort } from './last-resort.ts';
import { processTelemetry } from './process-telemetry.ts';
import { CONFIG_OPTION, type CommandDefinition } from './command.ts';
import { startGate, type RunningGate } from './start-gate.ts';

export const command: CommandDefinition<{ readonly config: string }> = {
  summary: 'run the gate until SIGTERM',
  options: [CONFIG_OPTION],
  run: async ({ config }) => serve(config),
};

/**
 * Runs until SIGTERM, which drains, or SIGINT, which waits only for requests in flight; a second signal ends what is
 * left. Resolves with the exit code. Rejects with ConfigFault, or with what else keeps the gate from starting.
 */
async function serve(configFile: string): Promise<number> {
  setV8Flags();
  const lastResort = new LastResort();
  lastResort.install();
  try {
    return await served(configFile, lastResort);
  } finally {
    endSoon();
  }
}

/** Ends the process even if something still keeps it running: all that matters was closed and waited for. */
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
  // JSON would lose maps, and numbers such as Infinity.
  cluster.setupPrimary({ serialization: 'advanced' });
  const metrics = new Metrics();
  const { log, running } = await processTelemetry(metrics, ownLog);
  const primary = new Primary({
    workers,
    config: text,
    fork: (number) => cluster.fork({ [WORKER_VARIABLE]: number }),
    log,
    metrics,
    registry: prometheusRegistry(metrics),
  });
  // If the primary just ended, its workers would end too, without sealing their ledgers.
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
  await running?.close();
  return exitedWith;
}

async function serveAsWorker(
  worker: NonNullable<typeof cluster.worker>,
  lastResort: LastResort,
): Promise<number> {
  // A terminal signals the whole process group; a worker waits for the primary to tell it.
  for (const name of STOP_SIGNALS) process.on(name, () => undefined);
  const signals = new Signals();
  const number = Number(process.env[WORKER_VARIABLE]);
  const own = new Worker(number, process as Port, (signal) => signals.take(signal));
  try {
    // The text comes from the primary, so that workers which start at different times have the same configuration.
    const loaded = await configOf(await own.config());
    const gate = await startGate(loaded, logOf({ worker: number }), own);
    lastResort.seal = async () => gate.seal();
    await stop(gate, await signals.next(), signals);
    return 0;
  } finally {
    // An open channel to the primary would keep the process running.
    worker.disconnect();
  }
}

async function stop(gate: RunningGate, signal: StopSignal, signals: Signals): Promise<void> {
  const timeoutMs = signal === 'SIGTERM' ? gate.drainTimeoutMs : 0;
  await Promise.race([gate.drain(timeoutMs), signals.next()]);
  await gate.close();
}

/** The signals to stop, one after the other. */
class Signals {
  #waiting: ((signal: StopSignal) => void) | null = null;
  readonly #taken: StopSignal[] = [];

  /** Takes the signals that this process gets; before that, one ends the process at once. */
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
