// Tokens, the keys of issuers, failed logins, and the device flow of `cqlgate login`.

import { KIB, MIB } from './units.ts';

/** Tokens and their verification. */
export const TOKENS = {
  /** Real ones have 1 to 8 KiB (a hundred groups); the handshake's frame is bounded anyway. */
  maxLength: 32 * KIB,
  /** Signature checks and key look-ups at once. */
  checksUnderWay: 512,
  /** Of those, at most so many that need the keys of one issuer: it may be slow. */
  checksPerIssuer: 256,
  /** Further checks wait in a line that is fair by issuer and source, for so long: drivers give up a connection after 5 s. */
  checksWaiting: 1024,
  checkWaitMs: 4_000,
  /** Tokens whose verification is remembered until they expire. */
  verifiedKept: 10_000,
  /** What their claims may hold together. */
  verifiedBytes: 32 * MIB,
  /** Hashes of tokens that were good before a restart or a change of keys: 10 MiB of them. */
  seenBeforeKept: 100_000,
  /** Longest grace of a role, and how long an expired token is remembered as one that was good here. */
  graceMaxMs: 24 * 3_600_000,
  /** How far a clock may be off before `nbf` and `iat` are believed to lie in the future. */
  clockSkewMs: 60_000,
} as const;

/** Key sets of issuers. */
export const JWKS = {
  /** Keys are looked for again after this, so that a withdrawn one does not live on. */
  refreshMs: 10 * 60_000,
  /** How often it is looked whether that time has come: no token need ask. */
  lookMs: 15_000,
  /** While the issuer is down its keys serve on, at most for this. */
  staleMs: 24 * 3_600_000,
  /** Unknown key ids ask the issuer again no more often than this. */
  coolDownMs: 10_000,
  /** Of keys that were withdrawn, so many are named in the log, in so many characters. */
  idsLogged: 16,
  idLength: 128,
} as const;

/** Connections that have not logged in. */
export const ADMISSION = {
  /** Failures of a source that are answered at once. */
  freeFailures: 5,
  delayStepMs: 100,
  delayMaxMs: 2_000,
  /** Without a failure for this long a source starts anew. */
  forgetMs: 60_000,
  /** Sources whose failures are counted. */
  sources: 10_000,
} as const;

/** `cqlgate login` (RFC 8628). */
export const DEVICE_FLOW = {
  /** Between two questions, where the issuer does not say. */
  intervalMs: 5_000,
  /** Added when it asks to be asked less often. */
  slowDownMs: 5_000,
  longestMs: 15 * 60_000,
} as const;
