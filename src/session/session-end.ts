// The end of a session: at once, or once its requests in flight are answered, with a last answer or without one.
import type net from 'node:net';
import type { SessionAccount } from '../memory/budget.ts';
import type { Inbox } from './inbox.ts';
import type { InFlightRequests } from './in-flight.ts';
import type { Outbox } from './outbox.ts';

/** What a session consists of, as far as its end concerns it. */
export interface SessionParts {
  readonly socket: Pick<net.Socket, 'destroy' | 'resume'>;
  readonly account: Pick<SessionAccount, 'closed' | 'setInput'>;
  readonly inbox: Pick<Inbox, 'clear'>;
  readonly outbox: Pick<Outbox, 'clear' | 'end' | 'push'>;
  readonly inFlight: Pick<InFlightRequests, 'count'>;
}

/** What everybody reads of the end of a session; nobody but SessionEnd sets it. */
export interface EndingSession {
  /** Nothing more is handled. */
  isOver: boolean;
  /** Its socket is closed. */
  isClosed: boolean;
}

export class SessionEnd {
  readonly #session: EndingSession;
  readonly #parts: SessionParts;
  #reason = 'client closed';
  /** The last answer of a session that is ending. */
  #lastWords: Buffer | null = null;

  constructor(session: EndingSession, parts: SessionParts) {
    this.#session = session;
    this.#parts = parts;
  }

  /** Why it ended, for the record of that. */
  get reason(): string {
    return this.#reason;
  }

  /** Ends it once what is in flight has been answered: the frame comes last. */
  afterFlight(frame: Buffer | null, reason: string): void {
    if (this.#begins(frame, reason) && this.#parts.inFlight.count === 0) this.#finish();
  }

  /** Ends it now, because what was sent can't be trusted, or nothing is in flight. */
  now(frame: Buffer | null, reason: string): void {
    if (this.#begins(frame, reason)) this.#finish();
  }

  /** Nothing is in flight any more. */
  allAnswered(): void {
    if (this.#session.isOver && !this.#session.isClosed) this.#finish();
  }

  /** Ends it at once, whatever it waits for. */
  cutOff(reason: string): void {
    this.#reason = reason;
    this.#parts.socket.destroy();
  }

  /** Its socket has closed, and nothing of it is kept. Returns false if this was known. */
  closed(): boolean {
    if (this.#session.isClosed) return false;
    this.#session.isOver = true;
    this.#session.isClosed = true;
    const { inbox, outbox, account } = this.#parts;
    inbox.clear();
    outbox.clear();
    account.closed();
    return true;
  }

  #begins(frame: Buffer | null, reason: string): boolean {
    if (this.#session.isOver) return false;
    this.#session.isOver = true;
    this.#reason = reason;
    this.#lastWords = frame;
    return true;
  }

  #finish(): void {
    const { inbox, outbox, account, socket } = this.#parts;
    inbox.clear();
    account.setInput(0);
    if (this.#lastWords !== null) outbox.push(this.#lastWords);
    this.#lastWords = null;
    outbox.end();
    // Bytes that still come are dropped, so that the client's side can close.
    socket.resume();
  }
}
