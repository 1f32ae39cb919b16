// What a request gathers before it may be sent, where anything has to come first: room in the ledger, its record
// there, the look-up of its commit, its turn to change the schema. Most requests need nothing of the kind, so
// this is made when it is first written to, and rows pay nothing for it.
import type { Permit } from '../policy/decide.ts';
import type { TargetFacts } from '../policy/superuser-targets.ts';
import type { Login } from '../upstream/credentials.ts';
import type { LaneTicket } from '../fleet/ddl-lane.ts';
import type { LookUp } from '../vcs/facts.ts';

export class Preparations {
  /** Id of the write-ahead decision record, once it is on disk. */
  recordId: string | null = null;
  /** What that record says was permitted. */
  recorded: Permit | null = null;
  /** Bytes of the ledger's queue that are kept for its records. */
  roomKept = 0;
  /** How long it waited for the ledger. */
  auditWaitedMs = 0;
  /** The ledger had no room for the record of its outcome, which the ledger's own records say. */
  isOutcomeLost = false;
  /** Its answer waited for the record of its outcome already, where it has to (acknowledge.ts). */
  isAcknowledged = false;
  /** What the look-up of its commit ended with, where one was asked for. */
  commitLookUp: LookUp | null = null;
  /** What the cluster said of the role that it is about, where it was asked, and for which login. */
  target: { readonly facts: TargetFacts; readonly login: Login } | null = null;
  /** Its turn to change the schema. */
  ticket: LaneTicket | null = null;
  /** For what the schema was read anew: for a first decision, or for the one in its turn. */
  schemaReadFor: LaneTicket | 'decision' | null = null;
  schemaVersionBefore: string | null = null;
}
