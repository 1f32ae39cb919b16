// The requests of one session: each is carried out, and acted on is the outcome of each. This is the one place that
// answers a request, and each answer says to end-request.ts how the request ended.
import { ProtocolFault } from '../errors.ts';
import { unattended } from '../guard.ts';
import type { Frame } from '../protocol/frame.ts';
import { turnMonotonicMs } from '../turn.ts';
import { acknowledgement } from './acknowledge.ts';
import { carryOut } from './carry-out.ts';
import { ClientExchange, type ServingSession } from './client-exchange.ts';
import { endRequest } from './end-request.ts';
import type { Exchange } from './exchange.ts';
import { onNotPermitted, send } from './forward.ts';
import type { InFlightRequests } from './in-flight.ts';
import type { Outbox } from './outbox.ts';
import { answer, GO_ON, type FinalOutcome, type Later, type Outcome } from './outcome.ts';
import type { Request } from './request.ts';

/** What a request changes for its session. */
export interface RequestsOwner extends ServingSession {
  /** Its end was decided, and answers to what is in flight are still given. */
  readonly isEnding: boolean;
  /** Reads further requests, or stops reading, as its limits say now. */
  pauseOrResume(): void;
  /** Handles the frames at hand, unless it is about that. */
  handleFurther(): void;
  /** Ends it once what is in flight was answered: with this frame, if there is one. */
  endAfterFlight(frame: Buffer | null, reason: string): void;
  /** Nothing is in flight any more. */
  allAnswered(): void;
  /** Ends it at once. */
  cutOff(): void;
}

export class SessionRequests {
  readonly #session: RequestsOwner;
  readonly #inFlight: InFlightRequests;
  readonly #outbox: Outbox;
  /** The USE under way. */
  #blocking: Exchange | null = null;

  constructor(session: RequestsOwner, inFlight: InFlightRequests, outbox: Outbox) {
    this.#session = session;
    this.#inFlight = inFlight;
    this.#outbox = outbox;
  }

  /** What follows a USE is read in the keyspace that its answer sets: nothing more is handled until then. */
  get isBlocking(): boolean {
    return this.#blocking !== null;
  }

  /** Throws ProtocolFault, where the bytes of the request are not what they say. */
  begin(request: Request): void {
    const exchange = new ClientExchange(this.#session, request);
    try {
      this.settle(exchange, carryOut(exchange, this.#session.gate));
    } catch (error) {
      if (!(error instanceof ProtocolFault)) {
        exchange.failed(error);
        return;
      }
      endRequest(exchange, this.#session.gate, 'refused');
      throw error;
    }
  }

  settle(exchange: Exchange, outcome: Outcome): void {
    switch (outcome.type) {
      case 'forward':
        this.#forward(exchange);
        return;
      case 'go on':
        this.settle(exchange, carryOut(exchange, this.#session.gate));
        return;
      case 'wait':
        this.#inFlight.add(exchange.attempt);
        this.#await(exchange, outcome.outcome, outcome.blocking);
        return;
      case 'reply':
      case 'close':
        this.#finish(exchange, outcome);
    }
  }

  /** Passes the answer of a node on, which is the end of a request. */
  deliver(exchange: Exchange, response: Frame): void {
    const { attempt, request } = exchange;
    endRequest(exchange, this.#session.gate, response);
    response.setStreamId(request.clientStreamId);
    if (attempt.recordId !== null) {
      this.settle(exchange, answer(Buffer.from(response.bytes()), response));
      return;
    }
    // Pushed first: with the last one in flight released, a session that is ending says its last words.
    if (!this.#session.isClosed) this.#outbox.pushFrame(response);
    this.#inFlight.answered(request, response.byteLength);
    this.#release(exchange);
    this.#session.pauseOrResume();
  }

  #forward(exchange: Exchange): void {
    const { attempt, request } = exchange;
    const { gate } = this.#session;
    this.#inFlight.add(attempt);
    attempt.starts(turnMonotonicMs(), request.timeLimitMs(gate.limits));
    if (request.isUse) this.#blocking = exchange;
    let isSent = false;
    try {
      isSent = send(exchange);
    } catch (error) {
      this.settle(exchange, onNotPermitted(exchange, gate, error));
      return;
    }
    if (!isSent) this.settle(exchange, GO_ON);
    else this.#session.pauseOrResume();
  }

  #await(exchange: Exchange, outcome: Promise<Later>, isBlocking: boolean): void {
    if (isBlocking) this.#blocking = exchange;
    const settled = outcome.then(
      (end) => {
        if (isBlocking) this.#unblock(exchange);
        this.#settled(exchange, end);
      },
      (error: unknown) => {
        if (isBlocking) this.#unblock(exchange);
        exchange.failed(error);
      },
    );
    unattended('session', settled, () => this.#session.cutOff());
  }

  #settled(exchange: Exchange, outcome: Outcome): void {
    try {
      this.settle(exchange, outcome);
    } catch (error) {
      exchange.failed(error);
    }
    this.#session.handleFurther();
  }

  /** Ends a request, and gives its answer once that may be given. */
  #finish(exchange: Exchange, outcome: FinalOutcome): void {
    const session = this.#session;
    endRequest(exchange, session.gate, outcome.ending);
    const acknowledged = acknowledgement(exchange, session.gate, outcome);
    if (acknowledged !== null) {
      this.#await(exchange, acknowledged, false);
      return;
    }
    if (outcome.type === 'reply') {
      if (!session.isClosed) this.#outbox.push(outcome.frame);
      this.#release(exchange);
      session.pauseOrResume();
      return;
    }
    // One of several that waited when the end came: each is told.
    if (session.isEnding && outcome.frame !== null) this.#outbox.push(outcome.frame);
    this.#release(exchange);
    session.endAfterFlight(outcome.frame, outcome.reason);
  }

  #release(exchange: Exchange): void {
    if (!this.#inFlight.release(exchange.attempt)) return;
    this.#unblock(exchange);
    if (this.#inFlight.count === 0) this.#session.allAnswered();
  }

  /** An earlier USE that was refused may end after this one began. */
  #unblock(exchange: Exchange): void {
    if (this.#blocking === exchange) this.#blocking = null;
  }
}
