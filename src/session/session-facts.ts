// What the handling of a request may know of the session that it came from, and of the gate as that session sees it.
import type { Who } from '../audit/counted-log.ts';
import type { AuditEntry } from '../audit/record.ts';
import type { Share } from '../audit/room.ts';
import type { Schema } from '../cql/statement.ts';
import type { Turn } from '../fair-queue.ts';
import type { Authority } from '../policy/policy.ts';
import type { Advertised } from '../topology/advertised.ts';
import type { ClusterNode } from '../upstream/node.ts';
import type { Route } from '../upstream/route.ts';

/** The fields that every record of a session has. */
export type AuditBase = Pick<
  AuditEntry,
  'session' | 'principal' | 'role' | 'binding' | 'client' | 'vcs'
>;

/** As its requests use it. */
export type RequestRoute = Pick<
  Route,
  'hasOther' | 'login' | 'pick' | 'pickForUse' | 'whenAvailable'
>;

export interface SessionFacts {
  readonly id: string;
  /** Of the protocol, as STARTUP agreed on it. */
  readonly version: number;
  /** As the last SET_KEYSPACE said; unqualified names are looked up there. */
  readonly keyspace: string | null;
  readonly isClosed: boolean;
  /** It, or its role, has much in flight. */
  readonly hasMuchInFlight: boolean;
  /** Its place in lines that sessions share. */
  readonly turn: Turn;
  /** How its client is told to reach the gate. */
  readonly advertised: Advertised;
  /** The share of the ledger's queue that its records are counted in. */
  readonly auditShare: Share;
  /** Version of the policy in force. */
  readonly policyVersion: string;
  readonly schema: Schema;
  readonly nodes: readonly ClusterNode[];
  readonly clusterName: string;
  /** By what its requests are decided now, or why it has no authority any more: then it ends. */
  authority(): Authority | string;
  /** Where requests of its Cassandra role go. */
  route(): RequestRoute;
  /** The one node for its system tables and schema changes; none where that is not reached. */
  pinned(): readonly ClusterNode[];
  /** The gates that its driver is told of beside this one. */
  siblings(): readonly Advertised[];
  auditBase(): AuditBase;
  /** Whom records are counted for, once it is logged in. */
  who(): Who;
}
