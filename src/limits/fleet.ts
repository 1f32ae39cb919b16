// What the gates of one fleet share through the cluster: the lock of schema changes, agreement on the schema,
// revocations, and the names of their siblings.

/** Schema changes: one at a time for a keyspace, between the gates of a fleet by a lock. */
export const LANE = {
  /** The lock serves further changes for this long before other gates get their turn. */
  turnMs: 3_000,
  /** That turn: longer than another gate waits between two attempts. */
  yieldMs: 600,
  /** A gate that dies holds the others up no longer. */
  lockTtlSeconds: 30,
  renewMs: 5_000,
  /** It counts as lost this long before the cluster lets it go. */
  marginMs: 5_000,
  pollMinMs: 50,
  pollMaxMs: 400,
  /** While there is no table of locks. */
  absentPollMs: 30_000,
  /** At the end of the gate its locks are given back within this, or end by themselves. */
  closeMs: 2_000,
} as const;

/** Waiting until all nodes have the same schema. */
export const AGREEMENT = {
  /** Nodes tell each other within milliseconds. */
  pauseMinMs: 5,
  pauseMaxMs: 500,
  /** One that does not answer within this is asked again; one that hangs is given up in 5 s (see UPSTREAM). */
  askTimeoutMs: 2_000,
} as const;

/** The fleet's revocations. */
export const REVOCATION = {
  /** With the sessions' own tick this is in force everywhere within two seconds. */
  pollMs: 1_000,
  /** While there is no table. */
  absentPollMs: 30_000,
  /** A value or reason that is given to the admin API. */
  textLength: 512,
} as const;

/** What drivers see of this gate and its siblings. */
export const ADVERTISE = {
  /** Names under `advertise` are looked up again: drivers soon see a sibling that started later or moved. */
  resolveMs: 10_000,
} as const;
