// What becomes of one frame of a client. Handlers and the steps of a request return one of these and write nothing
// themselves: handled-frames.ts acts on what a handler returned, and session-requests.ts on the outcome of a request.
import type { Ending } from './ending.ts';
import type { Request } from './request.ts';

/** What a handler makes of a frame: a request to be carried out, or what comes of the frame without one. */
export type Handled = Request | Reply | Close | HandledWait | Continue;

/** The frame was kept until something of ours was there: now it is handled, by the session and in its turn. */
export interface Continue {
  readonly type: 'continue';
  readonly handle: () => Handled;
}

/** What a step of a request leads to. A final one says how the request ended. */
export type Outcome = Later | Forward;

/** The same, where it may be what a wait ends with. */
export type Later = FinalOutcome | GoOn | RequestWait;

export type FinalOutcome = Final<Reply> | Final<Close>;
type Final<Answer> = Answer & { readonly ending: Ending };

/** Answer now with these bytes: one whole frame. */
export interface Reply {
  readonly type: 'reply';
  readonly frame: Buffer;
}

/** Answer (if there is something to say) and end the session once that is flushed. */
export interface Close {
  readonly type: 'close';
  readonly frame: Buffer | null;
  readonly reason: string;
}

/** Send the frame upstream, on the connection and with the permit that the attempt has. */
export interface Forward {
  readonly type: 'forward';
}

/**
 * What was waited for is there: the request is carried out again from its decision, by the session and in its turn. A
 * wait ends with this and never with a Forward: between the end of a promise and whoever waits for it others have
 * their turn, and a connection that was chosen before may be in another keyspace by then.
 */
export interface GoOn {
  readonly type: 'go on';
}

/**
 * The outcome comes later. A blocking wait stops the reading of further requests of this session
 * (a login, a USE); others go on, and may be answered first.
 */
export interface Waiting {
  readonly type: 'wait';
  readonly blocking: boolean;
}

export interface Wait<End> extends Waiting {
  readonly outcome: Promise<End>;
}

export interface HandledWait extends Waiting {
  readonly outcome: Promise<Handled>;
}

export interface RequestWait extends Waiting {
  readonly outcome: Promise<Later>;
}

export const FORWARD: Forward = { type: 'forward' };
export const GO_ON: GoOn = { type: 'go on' };

export function reply(frame: Buffer): Reply {
  return { type: 'reply', frame };
}

export function close(frame: Buffer | null, reason: string): Close {
  return { type: 'close', frame, reason };
}

/** The answer to a request. */
export function answer(frame: Buffer, ending: Ending): Final<Reply> {
  return { type: 'reply', frame, ending };
}

/** The answer to a request, and the end of its session. */
export function answerAndClose(frame: Buffer | null, reason: string, ending: Ending): Final<Close> {
  return { type: 'close', frame, reason, ending };
}

export function wait<End>(outcome: Promise<End>, blocking = false): Wait<End> {
  return { type: 'wait', outcome, blocking };
}
