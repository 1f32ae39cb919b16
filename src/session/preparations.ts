// What a request gathers before it may be sent, where anything has to come first: room in the ledger, its record
// there, the look-up of its commit, its turn to change the schema. Most requests need nothing of the kind, so
// that it is made when the first of it comes, and rows pay nothing for it. Only this file writes it.
import type { Permit } from '../policy/decide.ts';
import type { TargetFacts } from '../policy/superuser-targets.ts';
import type { Login } from '../upstream/credentials.ts';
import type { LaneTicket } from '../fleet/ddl-lane.ts';
import type { LookUp } from '../vcs/facts.ts';

/** What the cluster said of the role that a statement is about, and for which login. */
interface TargetLookUp {
  readonly facts: TargetFacts;
  readonly login: Login;
}

class MutablePreparations {
  /** Id of the write-ahead decision record, once it is in the ledger. */
  recordId: string | null = null;
  /** What that record says was permitted. */
  recorded: Permit | null = null;
  /** Bytes of the ledger's queue that are kept for its records. */
  roomKept = 0;
  /** How long it waited for the ledger. */
  auditWaitedMs = 0;
  /** The ledger had no room for the record of its outcome; the ledger's own records say so. */
  isOutcomeLost = false;
  /** Its answer waited for the record of its outcome already, where it has to (acknowledge.ts). */
  isAcknowledged = false;
  /** What the look-up of its commit ended with, where one was asked for. */
  commitLookUp: LookUp | null = null;
  target: TargetLookUp | null = null;
  /** Its turn to change the schema. */
  ticket: LaneTicket | null = null;
  /** For which decision the schema was read anew: the first, or the one that is made in its turn. */
  schemaReadFor: LaneTicket | 'decision' | null = null;
  schemaVersionBefore: string | null = null;

  roomIsKept(bytes: number): void {
    this.roomKept += bytes;
  }

  /** How much room was kept, which counts as given back from here on. */
  takeRoom(): number {
    const bytes = this.roomKept;
    this.roomKept = 0;
    return bytes;
  }

  waitedForAudit(ms: number): void {
    this.auditWaitedMs += ms;
  }

  decisionIsRecorded(recordId: string | null, permit: Permit): void {
    this.recordId = recordId;
    this.recorded = permit;
  }

  /** The recorded decision is not the one that will be carried out. */
  decisionIsSuperseded(): void {
    this.recordId = null;
    this.recorded = null;
  }

  outcomeIsRecorded(isLost: boolean): void {
    this.isOutcomeLost = isLost;
  }

  awaitsAcknowledgement(): void {
    this.isAcknowledged = true;
  }

  commitIsLookedUp(lookUp: LookUp): void {
    this.commitLookUp = lookUp;
  }

  targetIsLookedUp(target: TargetLookUp): void {
    this.target = target;
  }

  laneIsEntered(ticket: LaneTicket): void {
    this.ticket = ticket;
  }

  /** Whoever calls this lets the next change in. */
  takeTicket(): LaneTicket | null {
    const { ticket } = this;
    this.ticket = null;
    return ticket;
  }

  /** The schema has to be read before the decision: once when it comes, and again when it is its turn. */
  get isSchemaOld(): boolean {
    return this.schemaReadFor !== (this.ticket ?? 'decision');
  }

  schemaIsRead(): void {
    this.schemaReadFor = this.ticket ?? 'decision';
  }

  schemaWas(version: string | null): void {
    this.schemaVersionBefore = version;
  }
}

export type Preparations = Readonly<MutablePreparations>;

export function newPreparations(): Preparations {
  return new MutablePreparations();
}
