// What the gate asks of other services (issuers, Bitbucket, Vault) and reads from files (secrets, certificates).

import { KIB, MIB } from './units.ts';

/** Requests to issuers, Bitbucket and Vault. */
export const OUTBOUND = {
  connectTimeoutMs: 3_000,
  /** From the request to the last byte of its answer. */
  timeoutMs: 5_000,
  /** Far above any key set, pipeline or lease. */
  documentBytes: 256 * KIB,
} as const;

/** The commit behind a job, asked of Bitbucket: 1,000 calls an hour stand against 10,000 jobs. */
export const VCS = {
  /** Pipeline runs whose answer is kept. */
  runsKept: 10_000,
  /** Pipeline runs that wait for their turn, in a line that is fair by role. */
  runsWaiting: 1024,
  /** Requests to Bitbucket at once. */
  requestsAtOnce: 16,
  /** Of those, at most so many of one role: one that asks for many runs leaves room. */
  requestsPerRole: 12,
  /** From the first request for a run to the last repeat. */
  lookUpMs: 20_000,
  /** A login waits for the answer at most this long: drivers give up a connection after 5 s. */
  loginWaitMs: 4_000,
  /** A schema change waits at most this long: drivers give up a request after 10 to 12 s. */
  changeWaitMs: 8_000,
  /** The same where the change is made anyway. */
  bestEffortWaitMs: 2_000,
  /** The commit of a run never changes, its state does: it is asked for again after this. */
  recheckMs: 5 * 60_000,
  /** While Bitbucket can't be asked, what it said before holds, at most for this. */
  staleMs: 3_600_000,
  /** A run that was found wrong is not asked for again within this. */
  unverifiedMs: 10_000,
  /** The same where there was no answer. */
  unavailableMs: 5_000,
  /** Pause of all look-ups after a failure, doubled with each until one succeeds. */
  pauseMinMs: 500,
  pauseMaxMs: 10_000,
  /** A Retry-After is believed up to this: Bitbucket counts by the hour. */
  retryAfterMaxMs: 3_600_000,
  /** Names that clients and Bitbucket send, as recorded. */
  textLength: 128,
} as const;

/** Secrets of upstream logins. */
export const SECRETS = {
  /** A password has tens of bytes, a service-account token a few thousand. */
  fileBytes: 64 * KIB,
  /** A changed file is seen within this, and taken when it is read the same once more. */
  filePollMs: 500,
  /** Vault tells nobody that a KV or static secret changed. */
  vaultPollMs: 30_000,
  /** The next lease or token is fetched after this share of the life of the present one. */
  renewAfterShare: 2 / 3,
  /** Up to this share of that wait sooner: a fleet that started together must not come in step. */
  jitterShare: 0.1,
  /** Connections of a lease are closed this long before Vault drops its user. */
  leaseMarginMs: 2_000,
  /** Timers of Node end at 24 days, leases do not; looking once more a day costs nothing. */
  longestWaitMs: 24 * 3_600_000,
  /** By how much a timer may be early. */
  timerSlackMs: 20,
  /** After a secret could not be read. */
  retryMinMs: 500,
  retryMaxMs: 30_000,
  /** A refused login reads its secret anew no more often: for a lease that makes a user. */
  refreshCoolDownMs: 5_000,
  /** At start: while Vault is down or sealed it is asked again for this long. */
  startTimeoutMs: 60_000,
  /** At the end: leases are revoked for this long; what is left ends by itself. */
  revokeTimeoutMs: 5_000,
} as const;

/** Certificates from files. */
export const CERTIFICATES = {
  /** A changed file is taken after two of these. */
  pollMs: 2_000,
  /** A certificate that ends within this is warned of. */
  warnMs: 14 * 86_400_000,
  /** Of one file; the usual authorities of a system together have a quarter of it. */
  fileBytes: MIB,
} as const;
