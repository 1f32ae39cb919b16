// What a handler decided to do with one request frame. Handlers return one of these and write
// nothing themselves; Session.apply is the one place that acts on them.
import type { Exchange } from './exchange.ts';

export type Outcome = Reply | Forward | GoOn | Wait | Close;

/** What a wait may end with. */
export type Later = Exclude<Outcome, Forward>;

/** Answer now with these bytes: one whole frame. */
export interface Reply {
  readonly type: 'reply';
  readonly frame: Buffer;
}

/** Send the exchange's frame upstream, on the connection and with the permit it holds. */
export interface Forward {
  readonly type: 'forward';
  readonly exchange: Exchange;
}

/**
 * What was waited for is there: the request is carried on from its decision, by the session and in its turn. A wait
 * ends with this and never with a Forward: between the end of a promise and whoever waits for it others have their
 * turn, and a connection that was chosen before may be in another keyspace by then.
 */
export interface GoOn {
  readonly type: 'go on';
  readonly carryOn: () => Outcome;
}

/**
 * The outcome comes later. A blocking wait stops the reading of further requests of this session
 * (a login, a USE); others go on, and may be answered first.
 */
export interface Wait {
  readonly type: 'wait';
  readonly outcome: Promise<Later>;
  /** The exchange it belongs to, which counts as in flight from here on; null for a login. */
  readonly exchange: Exchange | null;
  readonly blocking: boolean;
}

/** Answer (if there is something to say) and end the session once that is flushed. */
export interface Close {
  readonly type: 'close';
  readonly frame: Buffer | null;
  readonly reason: string;
}

export function reply(frame: Buffer): Reply {
  return { type: 'reply', frame };
}

export function wait(outcome: Promise<Later>, exchange: Exchange | null, blocking = false): Wait {
  return { type: 'wait', outcome, exchange, blocking };
}

export function close(frame: Buffer | null, reason: string): Close {
  return { type: 'close', frame, reason };
}
