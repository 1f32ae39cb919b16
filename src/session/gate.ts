// What all sessions of a gate share. It is built in src/commands/build-gate.ts.
import type { AuditLog } from '../audit/record.ts';
import type { ActivityLog } from '../audit/activity.ts';
import type { RefusalLog } from '../audit/refusals.ts';
import type { SessionLog } from '../audit/session-log.ts';
import type { StatementCache } from '../cql/statement-cache.ts';
import type { FairSlots } from '../fair-queue.ts';
import type { Admission } from '../identity/admission.ts';
import type { TokenVerifier } from '../identity/verifier.ts';
import type { Limits } from '../limits/operator.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Policy } from '../policy/policy.ts';
import type { Revocations } from '../revocation/revocations.ts';
import type { Advertised } from '../topology/advertised.ts';
import type { Cluster } from '../upstream/cluster.ts';
import type { DdlLane } from '../fleet/ddl-lane.ts';
import type { CommitSource } from '../vcs/commit-source.ts';
import type { Analyst } from './analyst.ts';
import type { Exchange } from './exchange.ts';
import type { RoleLoads } from './in-flight.ts';
import type { Telemetry } from './telemetry.ts';
import type { RequestCounts } from './request-counts.ts';

export interface Advertising {
  /** How drivers are told to reach this gate; by default the address they came in by. */
  self(localAddress: string, localPort: number): Advertised;
  siblings(): readonly Advertised[];
}

/** One line per event that an operator acts on. Fields never hold secrets or statement values. */
export interface Log {
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Gate {
  /** What clients make this process hold, and who is stopped where that is too much. */
  readonly memory: MemoryBudget;
  readonly cluster: Cluster;
  /** Where schema changes wait for their turn. */
  readonly lane: DdlLane;
  readonly statements: StatementCache;
  /** For texts too long to be analysed between other requests. */
  readonly analyst: Analyst;
  /** Threads for large bodies of requests that are slow to decompress. */
  readonly decompressions: FairSlots;
  readonly audit: AuditLog;
  readonly activity: ActivityLog<Exchange>;
  readonly refusals: RefusalLog;
  readonly sessionLog: SessionLog;
  readonly verifier: TokenVerifier;
  /** The commit behind a job, and whether a change needs it. */
  readonly commits: CommitSource;
  readonly revocations: Revocations;
  readonly admission: Admission;
  readonly advertising: Advertising;
  readonly limits: Limits;
  /** Tokens over plaintext from other machines too. */
  readonly allowPlaintext: boolean;
  /** `all`: a record for each read and write of rows; `activity`: counts per minute. */
  readonly dml: 'all' | 'activity';
  readonly log: Log;
  readonly metrics: Metrics;
  readonly requestCounts: RequestCounts;
  readonly roleLoads: RoleLoads;
  /** null: nobody asked for spans. */
  readonly telemetry: Telemetry | null;
  /** Swapped whole when a new policy is taken; read anew for each statement. */
  policy: Policy;
}
