// Answers that are the same for all and cost something to make, on a port where anybody may ask: made one after the other,
// with a pause in between, each for all who asked before it began. So none is older than the question, and however many ask,
// they cost what one costs who asks as often as the pause allows.
import { setTimeout as delay } from 'node:timers/promises';

export class Rounds<Made> {
  readonly #make: () => Promise<Made>;
  readonly #pauseMs: number;
  /** The one that has not begun; null while nobody waits. */
  #next: Promise<Made> | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(make: () => Promise<Made>, pauseMs: number) {
    this.#make = make;
    this.#pauseMs = pauseMs;
  }

  async ask(): Promise<Made> {
    this.#next ??= this.#round();
    return this.#next;
  }

  async #round(): Promise<Made> {
    await this.#last;
    this.#next = null;
    const made = this.#make();
    const pause = async (): Promise<unknown> => delay(this.#pauseMs, undefined, { ref: false });
    this.#last = made.then(pause, pause);
    return made;
  }
}
