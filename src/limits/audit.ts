// The ledger, and how many records clients can cause.

import { KIB, MIB } from './units.ts';

/** The audit ledger. */
export const LEDGER = {
  /** A file is sealed and the next begun at about this size. */
  rotateBytes: 64 * MIB,
  /** Records waiting for the disk; beyond it mutations are refused until it answers again. */
  queueBytes: 32 * MIB,
  /** Past so many times that, records are lost (and counted, and the chain says so). */
  heldFactor: 2,
  /** Requests of one role that may wait for room. */
  waitersPerShare: 1024,
  /** What its place in the chain adds to a record. */
  linkBytes: 320,
  /** Room that is kept for a record of a statement, besides what its text takes. */
  entryBytes: 4 * KIB,
  /** A record as a whole; what clients can make longer is cut, with a count and a hash. */
  recordBytes: 64 * KIB,
  /** Of a statement's text, at most this is recorded. */
  textBytes: 8 * KIB,
  /** A literal or name of a text that is longer than that is cut to a quarter of this, its length and hash. */
  wordLength: 256,
  /** Children of a BATCH that get records of their own under `dml: all`; one record stands for the rest. */
  batchRecords: 64,
  /** Of another text of a record: names, claims, grants. */
  valueBytes: 1 * KIB,
  /** Of a list of a record: resources, needs, what was missing. */
  listBytes: 8 * KIB,
  /** A line longer than this is read as no record: older gates wrote some of 10 MB. */
  lineBytes: 64 * MIB,
  /** The first line of a file, which is of the gate's own making. */
  headerBytes: 4 * KIB,
  /** Of the ledger's end, read at start for the logins of before where a role has a grace: seconds. */
  pastLoginBytes: 1024 * MIB,
  /** Records that nobody waits for reach the disk within this. */
  groupMs: 50,
  /** Written and synced at once, about: joining the whole queue takes 40 ms. */
  groupBytes: 4 * MIB,
  /** After a disk error. */
  retryMs: 500,
  /** Processes that contend for a directory settle it within this, asking each other so often. */
  lockWaitMs: 10_000,
  lockPollMs: 10,
  /** To appear among them: the folder of sockets is made and removed with its use. */
  lockAttempts: 20,
  /** A process that does not say within this what it is counts as the holder of the lock. */
  lockAnswerMs: 2_000,
  /** A socket that a crash left before it was in use: it takes microseconds to get there. */
  lockSweepMs: 60_000,
} as const;

export const ACTIVITY = {
  /** One record per session, statement and interval. */
  intervalMs: 60_000,
  /** Shapes of statements counted per session and interval; others are counted together. */
  shapesPerSession: 1024,
  /** Of the records of one session and interval; others are counted together. */
  bytesPerSession: 512 * KIB,
  /** Statements of a session whose shape is not worked out again. */
  statementsPerSession: 1024,
  /** Counts of sessions that ended, for which there was no room, that are written in one go. */
  writtenAtOnce: 256,
} as const;

export const REFUSALS = {
  intervalMs: 60_000,
  /** Refusals of one principal in a role, or one source, that get a record of their own in an interval. */
  singlyPerScope: 50,
  /** The same of all in a role, or of all sources, and bytes of these records. */
  singlyPerGroup: 500,
  bytesPerGroup: 1 * MIB,
  /** Principals of a role, and sources, that are counted apart. */
  scopes: 1_000,
  /** Past all bounds not even the first of a scope gets its own: sources cost nothing. */
  namesEach: false,
  /** Room that one needs to be recorded singly. */
  recordBytes: 8 * KIB,
} as const;

/** Beginnings of sessions, in the interval of refusals; their ends follow them. */
export const SESSION_RECORDS = {
  /** Of one principal in a role that get a record of their own: jobs open tens of connections at once. */
  singlyPerScope: 200,
  /** The same of all in a role, and bytes of these records: 8 MiB a minute with the ends. */
  singlyPerGroup: 5_000,
  bytesPerGroup: 4 * MIB,
  /** Principals of a role that are counted apart; others have a record for each session. */
  scopes: 5_000,
  /** A principal has a signed token, so there are no more than their issuer made: each is named. */
  namesEach: true,
} as const;
