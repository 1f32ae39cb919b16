// Acts on what a handler made of a frame: at once, or when what the handler waits for has come.
import { unattended } from '../guard.ts';
import type { Handled } from './outcome.ts';
import { Request } from './request.ts';

export interface HandlingSession {
  /** Carries a statement out. */
  begin(request: Request): void;
  /** Gives the answer to a frame that is no statement. */
  reply(frame: Buffer): void;
  /** Ends the session with this answer, if there is one. */
  close(frame: Buffer | null, reason: string): void;
  /** A frame could not be handled. */
  handleFault(error: unknown): void;
  /** Handles the frames at hand, unless it is about that. */
  handleFurther(): void;
  /** Ends it at once. */
  cutOff(): void;
}

export class HandledFrames {
  readonly #session: HandlingSession;
  /**
   * A handler waits for something (a login, a long text), and no further frame may be handled until that has come. A
   * plain field, as it is read for each frame; it is set here only.
   */
  isWaiting = false;

  constructor(session: HandlingSession) {
    this.#session = session;
  }

  apply(handled: Handled): void {
    if (handled instanceof Request) {
      this.#session.begin(handled);
      return;
    }
    switch (handled.type) {
      case 'continue':
        this.apply(handled.handle());
        return;
      case 'reply':
        this.#session.reply(handled.frame);
        return;
      case 'wait':
        this.#await(handled.outcome, handled.blocking);
        return;
      case 'close':
        this.#session.close(handled.frame, handled.reason);
    }
  }

  #await(handled: Promise<Handled>, isBlocking: boolean): void {
    if (isBlocking) this.isWaiting = true;
    const settled = handled.then(
      (end) => {
        if (isBlocking) this.isWaiting = false;
        this.#settled(end);
      },
      (error: unknown) => {
        if (isBlocking) this.isWaiting = false;
        this.#session.handleFault(error);
      },
    );
    unattended('session', settled, () => this.#session.cutOff());
  }

  #settled(handled: Handled): void {
    try {
      this.apply(handled);
    } catch (error) {
      this.#session.handleFault(error);
    }
    this.#session.handleFurther();
  }
}
