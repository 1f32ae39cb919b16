// What a gate knows of the processes that it consists of. A gate with one process is the whole gate. With
// several (`workers:`) each process is a gate of its own on the same port (worker.ts), and what they must
// share goes through their primary (primary.ts).
import type { Registry } from 'prom-client';
import type { ReadinessReport } from '../admin/readiness.ts';
import type { Revocation } from '../revocation/revocations.ts';
import type { SessionInfo } from '../session/session-identity.ts';
import type { FleetLock } from '../fleet/ddl-lane.ts';

/** One process: what it reports of itself, and how it receives what the others report. */
export interface GateProcess {
  readonly registry: Registry;
  readonly readiness: () => ReadinessReport;
  readonly sessions: () => readonly SessionInfo[];
  readonly tokenSeen: (sha256: string) => void;
  readonly revoked: (revocation: Revocation) => void;
}

/** All processes together: what they report, and how the other processes are notified. */
export interface WholeGate {
  /** In Prometheus' text format. */
  metrics(): Promise<string>;
  readiness(): Promise<ReadinessReport>;
  sessions(): Promise<readonly SessionInfo[]>;
  tokenSeen(sha256: string): void;
  revoked(revocation: Revocation): void;
}

export interface WorkerGroup {
  /** Where this process keeps its ledger, because a chain has one writer. */
  ledgerDir(auditDir: string): string;
  /** The fleet's lock, taken after the one between the processes of this gate. */
  lock(fleet: FleetLock): FleetLock;
  /** Resolves once this process has received the state that was announced before it joined. */
  join(own: GateProcess): Promise<WholeGate>;
  /** Reports that this process accepts clients. */
  up(): void;
}

/** The group of a gate with one process. */
export const SINGLE_PROCESS: WorkerGroup = {
  ledgerDir: (auditDir) => auditDir,
  lock: (fleet) => fleet,
  join: async ({ registry, readiness, sessions }) =>
    Promise.resolve({
      metrics: async () => registry.metrics(),
      readiness: async () => Promise.resolve(readiness()),
      sessions: async () => Promise.resolve(sessions()),
      tokenSeen: () => undefined,
      revoked: () => undefined,
    }),
  up: () => undefined,
};
