// Stops a running gate: its sessions are served to their end, or end now, or the ledger is all that is saved.
import { setTimeout as delay } from 'node:timers/promises';
import { LAST_RESORT } from '../limits/process.ts';
import type { GateParts } from './build-gate.ts';

/** The gate is not ready and takes no new connections; sessions are served until they end, or for `timeoutMs`. */
export async function drainGate(parts: GateParts, timeoutMs: number): Promise<void> {
  const { gate, loaded, ports, readiness } = parts;
  const { log } = gate;
  readiness.drain();
  log.info({ sessions: ports.listener?.sessions ?? 0, timeout_ms: timeoutMs }, 'draining');
  // Whoever routes to this gate reads /readyz before the port is closed.
  if (ports.admin !== null && timeoutMs > 0) {
    await delay(Math.min(loaded.limits.drainNoticeMs, timeoutMs));
  }
  await ports.listener?.drain(timeoutMs);
  log.info({}, 'drained');
}

/** Ends all parts, in the order in which they depend on each other. */
export async function closeGate(parts: GateParts): Promise<void> {
  const { gate, ports, certificates, feed, logins, logs, telemetry, watcher } = parts;
  watcher.close();
  gate.verifier.close();
  await ports.listener?.close();
  feed.close();
  await gate.lane.close();
  gate.cluster.close();
  await logins.close();
  await gate.analyst.close();
  certificates.close();
  await logs.close();
  ports.admin?.close();
  await telemetry.running?.close();
}

/** Ends all sessions and writes what the ledger holds, since the process is about to end whatever else there is. */
export async function sealGate({ ports, logs, telemetry }: GateParts): Promise<void> {
  await Promise.race([ports.listener?.close(), delay(LAST_RESORT.sessionsMs)]);
  await logs.ledger.close();
  await telemetry.running?.close();
}
