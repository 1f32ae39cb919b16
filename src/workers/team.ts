// What a gate knows of the processes that it is made of. One process is all of the gate; of several
// (`workers:`) each is a gate of its own on the same port (worker.ts), and what has to be of one piece goes
// through their primary (primary.ts).
import type { Registry } from 'prom-client';
import type { ReadinessReport } from '../admin/readiness.ts';
import type { Revocation } from '../revocation/revocations.ts';
import type { SessionInfo } from '../session/standing.ts';
import type { FleetLock } from '../upstream/ddl-lane.ts';

/** What one process tells of itself, and what it is told of the others. */
export interface Part {
  readonly registry: Registry;
  readonly readiness: () => ReadinessReport;
  readonly sessions: () => readonly SessionInfo[];
  readonly tokenSeen: (sha256: string) => void;
  readonly revoked: (revocation: Revocation) => void;
}

/** What all processes tell together, and what is told to the others. */
export interface Whole {
  /** In Prometheus' text format. */
  metrics(): Promise<string>;
  readiness(): Promise<ReadinessReport>;
  sessions(): Promise<readonly SessionInfo[]>;
  tokenSeen(sha256: string): void;
  revoked(revocation: Revocation): void;
}

export interface Team {
  /** Where this process keeps its ledger: a chain has one writer. */
  ledgerDir(auditDir: string): string;
  /** The fleet's lock behind the one between the processes of this gate. */
  lock(fleet: FleetLock): FleetLock;
  /** Resolves once the part was told what it was not there to hear. */
  join(part: Part): Promise<Whole>;
  /** This process accepts clients. */
  up(): void;
}

/** Of a gate with one process. */
export const ALONE: Team = {
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
