// The sidecar's own password, for applications of other users: compared in constant time, and the more slowly
// the more often whoever asks was wrong of late. What is slowed is every guess, right or wrong, one after the other: who
// need not wait for a wrong answer to know it for wrong would not be slowed at all.
import { createHash, timingSafeEqual } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FailureDelays } from '../identity/failure-delays.ts';
import { SIDECAR } from '../limits/commands.ts';

export type Verdict = 'right' | 'wrong' | 'too many at once';

interface Turns {
  waiting: number;
  last: Promise<unknown>;
}

export class PasswordGuard {
  readonly #digest: Buffer;
  readonly #delays = new FailureDelays();
  /** Guesses that wait, by who asks. */
  readonly #turns = new Map<string, Turns>();

  constructor(password: string) {
    this.#digest = digestOf(Buffer.from(password));
  }

  /** `source`: who asks, as far as it is known. */
  async check(source: string, given: Uint8Array): Promise<Verdict> {
    if (this.#delays.delayMs(source) > 0 && !(await this.#turn(source))) return 'too many at once';
    if (timingSafeEqual(digestOf(given), this.#digest)) {
      this.#delays.succeeded(source);
      return 'right';
    }
    this.#delays.failed(source);
    return 'wrong';
  }

  /** Waits for those before it, and then its time; false where too many wait already. */
  async #turn(source: string): Promise<boolean> {
    const turns = this.#turns.get(source) ?? { waiting: 0, last: Promise.resolve() };
    if (turns.waiting >= SIDECAR.guessesWaiting) return false;
    this.#turns.set(source, turns);
    turns.waiting++;
    turns.last = turns.last.then(async () => delay(this.#delays.delayMs(source)));
    await turns.last;
    if (--turns.waiting === 0) this.#turns.delete(source);
    return true;
  }
}

/** Of the same length for each, so that the length of the password does not show either. */
function digestOf(text: Uint8Array): Buffer {
  return createHash('sha256').update(text).digest();
}
