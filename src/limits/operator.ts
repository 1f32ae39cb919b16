// The limits that an operator may set under `limits:` in the configuration. All other bounds of the gate are
// constants of its design, in the files beside this one by area; each has its unit in its name and its reason.

import { KIB, MIB } from './units.ts';

interface LimitRow {
  readonly default: number;
  readonly unit: 'bytes' | 'ms' | 'count';
  readonly reason: string;
  /** Of the gate as a whole: each of its workers gets its share. */
  readonly isDivided?: true;
}

/** What an operator may set under `limits:`; docs/CONFIG.md is made of it. */
export const LIMITS = {
  maxFrameBytes: {
    default: 16 * MIB,
    unit: 'bytes',
    reason: "One request, header and body; Cassandra's own default bound.",
  },
  preAuthFrameBytes: {
    default: 64 * KIB,
    unit: 'bytes',
    reason: 'One request before the login; tokens have at most about 8 KiB.',
  },
  handshakeTimeoutMs: {
    default: 10_000,
    unit: 'ms',
    reason: 'From accept to the token; drivers send both at once.',
  },
  unauthenticatedConnections: {
    default: 1024,
    unit: 'count',
    reason: 'Connections without a login, in all; beyond it the oldest of the busiest source goes.',
    isDivided: true,
  },
  unauthenticatedPerSource: {
    default: 512,
    unit: 'count',
    reason: 'The same for one source address; behind NAT all jobs are one source.',
    isDivided: true,
  },
  sessions: {
    default: 20_000,
    unit: 'count',
    reason: 'Client connections at once.',
    isDivided: true,
  },
  inFlightPerSession: {
    default: 2048,
    unit: 'count',
    reason: "Requests in flight of one session; drivers' own bound, beyond it reading pauses.",
  },
  inFlightBytesPerSession: {
    default: 32 * MIB,
    unit: 'bytes',
    reason: 'Read buffers held by requests in flight of one session; beyond it reading pauses.',
  },
  inFlightBytes: {
    default: 512 * MIB,
    unit: 'bytes',
    reason:
      'The same for all sessions together; beyond it those above their fair share are not read.',
    isDivided: true,
  },
  heapBudgetBytes: {
    default: 0,
    unit: 'bytes',
    reason:
      'Of the heap, what clients may fill: caches, counts, requests. 0: half of what V8 may take (--max-old-space-size).',
    isDivided: true,
  },
  bufferBudgetBytes: {
    default: 0,
    unit: 'bytes',
    reason:
      'Buffers that clients may fill: requests, unread answers, unfinished frames. 0: half of what V8 may take, or less where container or machine have little beside it.',
    isDivided: true,
  },
  statementBytes: {
    default: 1 * MIB,
    unit: 'bytes',
    reason: 'Text of one statement; longer ones carry data that should be bound.',
  },
  batchStatements: {
    default: 65_535,
    unit: 'count',
    reason: 'Statements in a BATCH message; what its count can hold.',
  },
  statementCacheBytes: {
    default: 64 * MIB,
    unit: 'bytes',
    reason: 'Analysed statements that are kept, by what they cost on the heap.',
    isDivided: true,
  },
  preparedRegistryBytes: {
    default: 64 * MIB,
    unit: 'bytes',
    reason:
      'Prepared statements that are known, by what they cost on the heap; beyond it drivers prepare again.',
    isDivided: true,
  },
  poolConnections: {
    default: 512,
    unit: 'count',
    reason: 'Connections to the cluster, all pools together.',
    isDivided: true,
  },
  activityBytesPerRole: {
    default: 8 * MIB,
    unit: 'bytes',
    reason:
      'Records of permitted rows of one role and minute under `dml: activity`; further statements are counted together.',
    isDivided: true,
  },
  auditWaitMs: {
    default: 5_000,
    unit: 'ms',
    reason:
      'What must be recorded waits this long while the ledger has no room or the disk refuses; then it is refused.',
  },
  machineSessionMs: {
    default: 24 * 3_600_000,
    unit: 'ms',
    reason:
      "A session of a job or service lasts at most this long; a role's `session.max` goes before.",
  },
  humanSessionMs: {
    default: 12 * 3_600_000,
    unit: 'ms',
    reason: 'The same for people: a working day.',
  },
  readTimeoutMs: {
    default: 12_000,
    unit: 'ms',
    reason: "Deadline of reads; above Cassandra's own 10 s for ranges.",
  },
  writeTimeoutMs: {
    default: 12_000,
    unit: 'ms',
    reason: "Deadline of writes; above Cassandra's own 5 s for counters.",
  },
  schemaTimeoutMs: {
    default: 65_000,
    unit: 'ms',
    reason: "Deadline of schema changes and TRUNCATE; above Cassandra's own 60 s.",
  },
  ddlLaneQueue: {
    default: 256,
    unit: 'count',
    reason:
      'Schema changes of one keyspace that may wait for their turn; beyond it those of the role with the most get OVERLOADED.',
    isDivided: true,
  },
  ddlLaneWaitMs: {
    default: 50_000,
    unit: 'ms',
    reason:
      'A schema change waits this long for its turn; below the minute that migration tools give it.',
  },
  schemaAgreementMs: {
    default: 10_000,
    unit: 'ms',
    reason:
      'After a schema change its answer waits this long for all nodes to have it; as long as drivers would.',
  },
  keepAliveMs: {
    default: 60_000,
    unit: 'ms',
    reason:
      'After so long without a byte, in whole seconds and one at least, the kernel asks whether the other end of a connection, a client or a node, is still there; if it is not, the connection ends within ten seconds more.',
  },
  drainTimeoutMs: {
    default: 15 * 60_000,
    unit: 'ms',
    reason: 'After SIGTERM sessions are served for this long, then until what is in flight ended.',
  },
  drainNoticeMs: {
    default: 3_000,
    unit: 'ms',
    reason:
      'With an admin port, /readyz says no for this long before new connections are refused, so that load balancers notice first.',
  },
} as const satisfies Record<string, LimitRow>;

export type LimitName = keyof typeof LIMITS;
export type Limits = Readonly<Record<LimitName, number>>;

/** The limits of one of so many workers, with an operator's own values over the defaults. */
export function resolveLimits(
  own: Partial<Record<LimitName, number | undefined>>,
  workers = 1,
): Limits {
  const resolved = {} as Record<LimitName, number>;
  for (const name of Object.keys(LIMITS) as LimitName[]) {
    const row: LimitRow = LIMITS[name];
    const value = own[name] ?? row.default;
    resolved[name] = row.isDivided === true ? Math.ceil(value / workers) : value;
  }
  return resolved;
}
