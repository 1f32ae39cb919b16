// What a connection calls when something became of a client's request, and what it and a route ask of one. It decides
// nothing: the request and the state of its attempt say what is asked, handle-response.ts what an event means.
import { UPSTREAM } from '../limits/upstream.ts';
import type { MonotonicMs } from '../clock.ts';
import type { Statement } from '../cql/statement.ts';
import type { WantedKeyspace } from '../cql/connection-state.ts';
import { Frame } from '../protocol/frame.ts';
import type { Connection } from '../upstream/connection.ts';
import type { UpstreamFault } from '../upstream/faults.ts';
import type { ClusterNode } from '../upstream/node.ts';
import { newAttempt, type Attempt } from './attempt.ts';
import type { Exchange, RequestSession } from './exchange.ts';
import type { Gate } from './gate.ts';
import { onAnswer, onFault, onLost, onTimeout, onTooLarge } from './handle-response.ts';
import type { Request } from './request.ts';
import { looksIntoRows } from './scrub.ts';

/** A session with what its requests are carried out by. */
export interface ServingSession extends RequestSession {
  readonly gate: Gate;
}

export class ClientExchange implements Exchange {
  readonly session: ServingSession;
  readonly attempt: Attempt;

  constructor(session: ServingSession, request: Request) {
    this.session = session;
    this.attempt = newAttempt(request);
  }

  get request(): Request {
    return this.attempt.request;
  }

  get to(): { version: number; streamId: number } {
    return { version: this.session.version, streamId: this.request.clientStreamId };
  }

  get statement(): Statement {
    return this.request.statement;
  }

  get consistency(): number {
    return this.request.consistency;
  }

  get isUse(): boolean {
    return this.request.isUse;
  }

  get policyVersion(): string {
    return this.session.policyVersion;
  }

  get keyspace(): WantedKeyspace {
    return this.request.keyspace;
  }

  get naming(): boolean {
    return this.request.naming;
  }

  get namesKeyspace(): boolean {
    return this.request.namesKeyspace;
  }

  get preferred(): readonly ClusterNode[] {
    return this.attempt.preferred;
  }

  get avoid(): string | null {
    return this.attempt.avoid;
  }

  get givesWay(): boolean {
    return (
      this.session.hasMuchInFlight || this.request.frame.byteLength > UPSTREAM.largeRequestBytes
    );
  }

  /** Paxos rounds of one row at several coordinators get in each other's way. */
  get inOrder(): boolean {
    return this.request.statement.lwt;
  }

  get only(): boolean {
    return this.request.isPinned || this.attempt.repreparedAt !== null;
  }

  get deadlineAtMs(): MonotonicMs {
    return this.attempt.deadlineAtMs;
  }

  /** Where nothing of its rows is looked at: not for scrubbing, nor to be counted in a record. */
  get takesParts(): boolean {
    const { request, attempt } = this;
    if (!request.isOfRows || request.isPrepare || attempt.untraced !== null) return false;
    return this.session.gate.dml !== 'all' && !looksIntoRows(request.statement);
  }

  answered(response: Frame, connection: Connection): void {
    const { session } = this;
    const outcome = onAnswer(this, session.gate, response, connection);
    if (outcome instanceof Frame) session.deliver(this, outcome);
    else session.settle(this, outcome);
  }

  timedOut(): void {
    this.session.settle(this, onTimeout(this));
  }

  lost(wasSent: boolean, cause: UpstreamFault): void {
    this.session.settle(this, onLost(this, this.session.gate, wasSent, cause));
  }

  tooLarge(bytes: number, connection: Connection): void {
    this.session.settle(this, onTooLarge(this, bytes, connection));
  }

  failed(error: unknown): void {
    const { session, attempt } = this;
    let outcome = onFault(this, session.gate, error);
    // A second error comes up where the first one is recorded; the client is answered all the same.
    for (let tries = 0; tries < 2 && !attempt.isDone; tries++) {
      try {
        session.settle(this, outcome);
        return;
      } catch (fault) {
        outcome = onFault(this, session.gate, fault);
      }
    }
  }
}
