// OpenTelemetry for this process, if its environment asks for that, and the log that goes with it.
import type { Metrics } from '../metrics/metrics.ts';
import type { Log } from '../session/gate.ts';
import type { RunningTelemetry } from '../telemetry/start.ts';
import { isTelemetryEnabled } from '../telemetry/enabled.ts';
import { reportFaults } from './fault-report.ts';

export interface ProcessTelemetry {
  /** null where the environment asks for none. */
  readonly running: RunningTelemetry | null;
  /** Writes what the process's own log writes, and exports it too where that is asked for. */
  readonly log: Log;
}

/** Errors of the gate itself go to this log from here on. */
export async function processTelemetry(metrics: Metrics, ownLog: Log): Promise<ProcessTelemetry> {
  const running = isTelemetryEnabled(process.env)
    ? (await import('../telemetry/start.ts')).startTelemetry(metrics, ownLog)
    : null;
  const log = running?.withLog(ownLog) ?? ownLog;
  reportFaults(log, metrics);
  return { running, log };
}
