// The gate towards the cluster: connections, pools, deadlines, heartbeats, reconnection.

import { KIB, MIB } from './units.ts';

/** The gate towards the cluster. */
export const UPSTREAM = {
  /** Requests in flight per connection. Cassandra takes 32,768; more than this is a queue there. */
  streamsPerConnection: 4096,
  /** Of those, kept for sessions of roles that have little in flight: a flood of others finds no room in them. */
  streamsKeptFree: 1024,
  /** More than this in flight is much: of a session, and of a role's sessions together. */
  muchPerSession: 256,
  muchPerRole: 2048,
  /** The same in bytes: of a session's requests, and of the answers that its role expects. 5 to 10 ms of a network. */
  muchBytes: 4 * MIB,
  /** How large the answer to a prepared statement is taken to be before one came. */
  unknownAnswerBytes: 64 * KIB,
  /** The same for texts and PREPAREs, most of which are sent once: from then on it is what those of the role got. */
  unknownTextAnswerBytes: 8 * KIB,
  /** How large the answer to an EXECUTE or QUERY of anything but a SELECT is taken to be. */
  smallAnswerBytes: 256,
  /** Roles for which a statement keeps it, at 16 bytes each (MEMORY.keptBytes); of more the last ones count. */
  answerRoles: 8,
  /** An expectation rises with a larger answer at once, and falls by this part of the difference with a smaller one. */
  answerDecay: 1 / 64,
  /**
   * Answers that a role may wait for, by what they are expected to be: beyond it its sessions with anything in flight
   * are not read. More at once makes nothing faster, and holds the node up for everybody.
   */
  expectedBytesPerRole: 32 * MIB,
  /** A request above this is much by itself. */
  largeRequestBytes: 128 * KIB,
  /** A node that leaves this many requests unanswered past their deadline is not answering at all. */
  quarantinedStreams: 256,
  /** Responses are not limited by Cassandra; Java's driver stops at 256 MiB. */
  responseFrameBytes: 256 * MIB,
  /** Larger rows are passed on as the reads that they came in; for smaller ones joining them costs less. */
  partsFromBytes: 32 * KIB,
  /** TCP connect and login (82 ms of bcrypt when the node is idle, seconds when 50 log in). */
  connectTimeoutMs: 10_000,
  /** At start the gate waits at most this long for a first connection of each login. */
  warmUpMs: 2_000,
  warmUpPollMs: 5,
  /** Who waits while no node is reached at all is answered after this; else the time for the request counts. */
  acquireTimeoutMs: 5_000,
  /** Requests of one Cassandra role and protocol version that may wait for a connection. */
  waitersPerRoute: 4096,
  /** System tables read for clients at once, over the one connection that the gate itself asks by. */
  systemReads: 64,
  /** Of those, at most so many of one role. */
  systemReadsPerRole: 48,
  /** Further ones wait in a line that is fair by role. */
  systemReadsWaiting: 4096,
  /** Nodes whose least busy connection is compared for a request that has no replica. */
  poolsCompared: 8,
  /** One pool grows to this when sessions need more keyspaces at once than it has connections. */
  connectionsPerPoolMax: 16,
  /** A connection beyond the configured number is opened for who waited this long: a USE takes 1 ms, a login 83. */
  growAfterMs: 100,
  /** Logins that the gate asks one node for in a second, and at once: each costs it 82 ms of a core. */
  loginsPerSecond: 16,
  loginsAtOnce: 48,
  /** Connections beyond the configured number are closed after this long without work. */
  extraConnectionIdleMs: 60_000,
  useTimeoutMs: 10_000,
  controlTimeoutMs: 12_000,
  /** A contact point that doesn't let the gate in within this is passed over for the next. */
  controlConnectTimeoutMs: 5_000,
  /** Events come in bursts: the nodes are read anew once none came for this long. */
  topologyDebounceMs: 500,
  /** And now and then: an event may be missed. */
  topologyRefreshMs: 60_000,
  /** Firewalls and load balancers drop silent connections, mostly after minutes; nodes hang unseen. */
  heartbeatIdleMs: 10_000,
  /** With something in flight and nothing heard for this long, other nodes are preferred. */
  suspectAfterMs: 750,
  /** And after this long the node is asked for a sign of life: answers that take long are no fault. */
  probeAfterMs: 1_500,
  /** Long pauses of a JVM end within this; then the connection is given up, 5 s after the last word. */
  probeTimeoutMs: 3_500,
  reconnectMinMs: 100,
  /** A node that came back has load again before this and a login are over. */
  reconnectMaxMs: 5_000,
  /** While a table has masks: whether the gate's logins see through them is asked this often. */
  rightsRefreshMs: 60_000,
  /** A new login that the cluster refuses is tried again, while the one before serves. */
  rotationRetryMinMs: 250,
  rotationRetryMaxMs: 5_000,
  /** A pool that was replaced closes when idle; past every deadline only a silent node is waited for. */
  retiredPoolMs: 180_000,
  /** Deadlines, heartbeats and waiters are looked at this often. */
  tickMs: 250,
} as const;
