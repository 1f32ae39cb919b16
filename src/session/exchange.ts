// One request of a client on its way to its one answer: what was asked, how far it came, and the session that it is of.
// Everything that handles requests takes this, and reaches the session by nothing else.
import type { ConnectionCriteria } from '../upstream/connection-criteria.ts';
import type { ClientRequest } from '../upstream/in-flight-request.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import type { Frame } from '../protocol/frame.ts';
import type { Attempt } from './attempt.ts';
import type { Outcome } from './outcome.ts';
import type { Request } from './request.ts';
import type { SessionFacts } from './session-facts.ts';

export interface Exchange extends ClientRequest, ConnectionCriteria {
  readonly session: RequestSession;
  /** As it is sent (attempt.ts). */
  readonly request: Request;
  readonly attempt: Attempt;
  readonly consistency: number;
  /** Where its answer goes. */
  readonly to: { readonly version: number; readonly streamId: number };
}

/** A session, as its requests use it. */
export interface RequestSession extends SessionFacts {
  /** Goes on with a request whose outcome is known only now. */
  settle(exchange: Exchange, outcome: Outcome): void;
  /** Passes the answer of a node on, which ends the request. */
  deliver(exchange: Exchange, response: Frame): void;
  /** Its frame is another one now. */
  reframed(exchange: Exchange): void;
  /** A USE was answered: names are looked up there from here on. */
  keyspaceSet(keyspace: string): void;
  /** What its pipeline runs for became known. */
  learned(facts: VcsFacts): void;
}
