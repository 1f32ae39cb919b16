// Who may put how much into a ledger's queue. Room is shared by role: one may hold as much as it leaves free
// for all others, so that while the disk is slow a flood of one role ends at half of the queue, of two at a
// third each, and the changes of the rest go on. Room is kept for what must be recorded before it is known
// what: an outcome, once its request was let through, always fits.
import { guarded } from '../guard.ts';
import { LEDGER } from '../limits/audit.ts';

/** Of a role, or of those that have none yet. */
export class Share {
  /** Bytes of its records in the queue, and those kept for it. */
  used = 0;
  readonly waiting: Waiter[] = [];
}

interface Waiter {
  readonly bytes: number;
  readonly needsDisk: boolean;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (isKept: boolean) => void;
}

export class Room {
  readonly #maxBytes: number;
  readonly #isDiskFine: () => boolean;
  readonly #byName = new Map<string, Share>();
  readonly #shares: Share[] = [];
  #used = 0;
  #waiting = 0;

  constructor(maxBytes: number, isDiskFine: () => boolean) {
    this.#maxBytes = maxBytes;
    this.#isDiskFine = isDiskFine;
  }

  get usedBytes(): number {
    return this.#used;
  }

  get isFull(): boolean {
    return this.#used >= this.#maxBytes;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Names are those of the policy's roles; a session keeps its share. */
  share(name: string): Share {
    let share = this.#byName.get(name);
    if (share === undefined) this.#byName.set(name, (share = this.newShare()));
    return share;
  }

  newShare(): Share {
    const share = new Share();
    this.#shares.push(share);
    return share;
  }

  has(share: Share, bytes: number): boolean {
    return share.used + bytes <= this.#maxBytes - this.#used;
  }

  /** Takes it, whether there is room or not. */
  take(share: Share, bytes: number): void {
    share.used += bytes;
    this.#used += bytes;
  }

  give(share: Share, bytes: number): void {
    share.used -= bytes;
    this.#used -= bytes;
  }

  /** False: there is no room now, or others of its share wait for it already. */
  keep(share: Share, bytes: number, needsDisk: boolean): boolean {
    if (share.waiting.length > 0 || !this.#fits(share, bytes, needsDisk)) return false;
    this.take(share, bytes);
    return true;
  }

  /** True: it is kept. False: there was none in time, or too many wait for it already. */
  async keepWithin(
    share: Share,
    bytes: number,
    needsDisk: boolean,
    waitMs: number,
  ): Promise<boolean> {
    if (this.keep(share, bytes, needsDisk)) return true;
    if (waitMs <= 0 || share.waiting.length >= LEDGER.waitersPerShare) return false;
    return new Promise((resolve) => {
      const expire = guarded('audit', () => {
        share.waiting.splice(share.waiting.indexOf(waiter), 1);
        this.#waiting--;
        resolve(false);
      });
      const timer = setTimeout(expire, waitMs);
      const waiter: Waiter = { bytes, needsDisk, timer, resolve };
      share.waiting.push(waiter);
      this.#waiting++;
    });
  }

  /** There may be room again: one of each share in turn. */
  serve(): void {
    for (let isServed = true; isServed && this.#waiting > 0;) {
      isServed = false;
      for (const share of this.#shares) {
        const first = share.waiting[0];
        if (first === undefined || !this.#fits(share, first.bytes, first.needsDisk)) continue;
        this.take(share, first.bytes);
        this.#end(share, true);
        isServed = true;
      }
    }
  }

  close(): void {
    for (const share of this.#shares) {
      while (share.waiting.length > 0) this.#end(share, false);
    }
  }

  #end(share: Share, isKept: boolean): void {
    const { timer, resolve } = share.waiting.shift()!;
    this.#waiting--;
    clearTimeout(timer);
    resolve(isKept);
  }

  #fits(share: Share, bytes: number, needsDisk: boolean): boolean {
    return this.has(share, bytes) && (!needsDisk || this.#isDiskFine());
  }
}
