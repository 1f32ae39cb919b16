// One schema change at a time for each keyspace: parallel changes through different nodes are how tables
// come to have two ids ("Column family ID mismatch"). In order of arrival within this gate; between the
// gates of a fleet by a lock that all of them share (fleet-lock.ts), where there is one.
import { LANE } from '../limits.ts';

/** The fleet's lock on one name; held until `release`, or until `isHeld` says that it was lost. */
export interface HeldLock {
  readonly isHeld: boolean;
  release(): Promise<void>;
}

export interface FleetLock {
  /** Resolves with null where the fleet has no lock to share. Rejects when it can't be had in time. */
  acquire(name: string, deadlineAtMs: number): Promise<HeldLock | null>;
}

export interface LaneOptions {
  /** Changes of one keyspace that may wait. */
  readonly queue: number;
  /** How long one waits at most. */
  readonly waitMs: number;
  readonly lock: FleetLock;
}

/** Why a change was not let in; nothing of it has left. */
export type LaneRefusal =
  | { readonly why: 'full'; readonly waiting: number }
  | { readonly why: 'timeout'; readonly ahead: number }
  /** The message is for the client. */
  | { readonly why: 'lock'; readonly message: string };

/** The right to change the schema of one keyspace, until `leave`. */
export class LaneTicket {
  readonly #lock: HeldLock | null;
  readonly #left: () => void;
  #isLeft = false;

  constructor(lock: HeldLock | null, left: () => void) {
    this.#lock = lock;
    this.#left = left;
  }

  /** False when the fleet's lock was lost meanwhile: another gate may be changing the schema. */
  get isHeld(): boolean {
    return this.#lock === null || this.#lock.isHeld;
  }

  /** Lets the next one in. Safe to call twice. */
  leave(): void {
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#left();
  }
}

interface Waiter {
  readonly deadlineAtMs: number;
  /** Whoever asked is not there any more. */
  readonly isGone: () => boolean;
  readonly settle: (entered: LaneTicket | LaneRefusal) => void;
  timer: NodeJS.Timeout | null;
}

export class DdlLane {
  readonly #options: LaneOptions;
  readonly #lanes = new Map<string, Lane>();

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  get waiting(): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += lane.waiting;
    return sum;
  }

  /** Resolves once it is this change's turn, or with why it never will be. Never rejects. */
  async enter(keyspace: string, isGone: () => boolean): Promise<LaneTicket | LaneRefusal> {
    let lane = this.#lanes.get(keyspace);
    if (lane === undefined) {
      lane = new Lane(keyspace, this.#options, () => this.#lanes.delete(keyspace));
      this.#lanes.set(keyspace, lane);
    }
    return lane.enter(isGone);
  }
}

/** Of one keyspace; it exists while somebody is in it or waits. */
class Lane {
  readonly #name: string;
  readonly #options: LaneOptions;
  readonly #emptied: () => void;
  #waiters: Waiter[] = [];
  #isTaken = false;
  /** Kept from one change to the next, since taking it is four rounds between nodes. */
  #lock: HeldLock | null = null;
  #lockedAtMs = 0;

  constructor(keyspace: string, options: LaneOptions, emptied: () => void) {
    this.#name = `ddl ${keyspace}`;
    this.#options = options;
    this.#emptied = emptied;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  async enter(isGone: () => boolean): Promise<LaneTicket | LaneRefusal> {
    const { queue, waitMs } = this.#options;
    if (this.#waiters.length >= queue)
      this.#waiters = this.#waiters.filter((one) => this.#stays(one));
    if (this.#waiters.length >= queue) return { why: 'full', waiting: this.#waiters.length };
    return new Promise((settle) => {
      const waiter: Waiter = {
        deadlineAtMs: Date.now() + waitMs,
        isGone,
        settle,
        timer: null,
      };
      waiter.timer = setTimeout(() => this.#late(waiter), waitMs);
      this.#waiters.push(waiter);
      if (!this.#isTaken) this.#next();
    });
  }

  #late(waiter: Waiter): void {
    const ahead = this.#waiters.indexOf(waiter);
    if (ahead < 0) return;
    this.#waiters.splice(ahead, 1);
    waiter.settle({ why: 'timeout', ahead: ahead + 1 });
  }

  #stays(waiter: Waiter): boolean {
    if (!waiter.isGone()) return true;
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    waiter.settle({ why: 'timeout', ahead: 0 });
    return false;
  }

  /** Lets in whoever waits longest. */
  #next(): void {
    const waiter = this.#waiters.find((one) => !one.isGone());
    this.#waiters = this.#waiters.filter((one) => one === waiter || this.#stays(one));
    if (waiter === undefined) {
      this.#isTaken = false;
      void this.#unlock().then(() => {
        if (!this.#isTaken && this.#waiters.length === 0) this.#emptied();
      });
      return;
    }
    this.#isTaken = true;
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    void this.#let(waiter);
  }

  async #let(waiter: Waiter): Promise<void> {
    try {
      await this.#relock(waiter.deadlineAtMs);
    } catch (error) {
      if (waiter.timer !== null) clearTimeout(waiter.timer);
      waiter.settle({ why: 'lock', message: error instanceof Error ? error.message : '' });
      this.#next();
      return;
    }
    if (waiter.timer !== null) clearTimeout(waiter.timer);
    waiter.settle(new LaneTicket(this.#lock, () => this.#next()));
  }

  /** The lock that is held serves on for a while; then other gates get their turn. */
  async #relock(deadlineAtMs: number): Promise<void> {
    const nowMs = Date.now();
    if (this.#lock?.isHeld === true && nowMs - this.#lockedAtMs < LANE.turnMs) return;
    if (this.#lock !== null) {
      await this.#unlock();
      await new Promise((resolve) => setTimeout(resolve, LANE.yieldMs));
    }
    this.#lock = await this.#options.lock.acquire(this.#name, deadlineAtMs);
    this.#lockedAtMs = Date.now();
  }

  async #unlock(): Promise<void> {
    const lock = this.#lock;
    this.#lock = null;
    // One that can't be released ends by itself.
    await lock?.release().catch(() => undefined);
  }
}
