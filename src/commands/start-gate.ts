// Starts a gate from its configuration, and hands out what its process may do with it.
import type { LoadedConfig } from '../config/load.ts';
import type { Log } from '../session/gate.ts';
import { SINGLE_PROCESS, type WorkerGroup } from '../workers/worker-group.ts';
import { buildGate } from './build-gate.ts';
import { runGate } from './run-gate.ts';
import { closeGate, drainGate, sealGate } from './stop-gate.ts';

export interface RunningGate {
  readonly port: number;
  readonly drainTimeoutMs: number;
  drain(timeoutMs: number): Promise<void>;
  close(): Promise<void>;
  seal(): Promise<void>;
}

/** Starts the gate, or one of its workers. Rejects with ConfigFault, or with what else keeps it from starting. */
export async function startGate(
  loaded: LoadedConfig,
  ownLog: Log,
  workers: WorkerGroup = SINGLE_PROCESS,
): Promise<RunningGate> {
  const parts = await buildGate(loaded, ownLog, workers);
  try {
    const port = await runGate(parts, workers);
    return {
      port,
      drainTimeoutMs: loaded.limits.drainTimeoutMs,
      drain: async (timeoutMs) => drainGate(parts, timeoutMs),
      close: async () => closeGate(parts),
      seal: async () => sealGate(parts),
    };
  } catch (error) {
    await closeGate(parts);
    throw error;
  }
}
