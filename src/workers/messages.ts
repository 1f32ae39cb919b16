// What the primary process and its workers ask of each other: one handler for each message, and its answer.
import type { ReadinessReport } from '../admin/readiness.ts';
import type { Revocation } from '../revocation/revocations.ts';
import type { SessionInfo } from '../session/session-identity.ts';
import type { GateProcess } from './worker-group.ts';

export const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** The configuration, which is read once for all workers. */
export interface ConfigText {
  readonly file: string;
  readonly content: string;
}

/** What a worker asks of its primary. */
export type PrimaryHandlers = {
  /** The text of the configuration, as it was when the gate started. */
  readonly config: (nothing: null) => ConfigText;
  /** The answer lists what was revoked before. */
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

/** What the primary asks of a worker. */
export type WorkerHandlers = {
  readonly stop: (signal: StopSignal) => void;
  readonly metrics: () => ReturnType<GateProcess['registry']['getMetricsAsJSON']>;
} & { readonly [What in Exclude<keyof GateProcess, 'registry'>]: GateProcess[What] };
