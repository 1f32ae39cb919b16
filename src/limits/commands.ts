// Commands beside the gate itself: `cqlgate provision`, `cqlgate policy suggest`, `cqlgate sidecar`.

import { KIB } from './units.ts';

/** `cqlgate provision`, towards the cluster. */
export const PROVISION = {
  connectTimeoutMs: 10_000,
  /** A role or a keyspace is made on every node before the answer comes. */
  statementTimeoutMs: 60_000,
  /** A page of the schema or of rights: 40 bytes a row or so. */
  pageRows: 2_000,
} as const;

/** `cqlgate policy suggest`. */
export const SUGGEST = {
  /** From this many tables of a keyspace on, or keyspaces of a prefix, one grant for all is offered beside. */
  groupFrom: 3,
  /** Distinct refusals that are listed for a role: whoever probes must not fill the answer. */
  denialsListed: 50,
} as const;

/** `cqlgate sidecar`. */
export const SIDECAR = {
  /** A login's frames: the token is the largest. */
  handshakeFrameBytes: 64 * KIB,
  /** From the first byte of a client to the gate's answer. */
  handshakeMs: 30_000,
  /** The version of answers to bytes that came before any version was named. */
  defaultVersion: 4,
  /** How often it looks whether its parent is there, and with `--wait` whether the gate answers. */
  pollMs: 500,
  /** As `limits.keepAliveMs` of the gate, where `--keep-alive` does not say. */
  keepAliveSeconds: 60,
  /** For the gate's answer before a command is started, where `--wait` does not say. */
  commandWaitSeconds: 30,
  /** Applications at once: a driver has a few connections. */
  clients: 1_000,
  /** Connections that have not given the password yet, in all and of one user: the oldest makes room. */
  unauthenticated: 256,
  unauthenticatedPerUser: 64,
  /** Guesses of one user that wait for their turn, after some were wrong. */
  guessesWaiting: 16,
  /** Times that the kernel's tables are read for the row of one connection. */
  ownerLooks: 3,
  /** Lines about refused connections in each interval; those beyond are counted. */
  complaintsPerInterval: 20,
  complaintsIntervalMs: 60_000,
} as const;
