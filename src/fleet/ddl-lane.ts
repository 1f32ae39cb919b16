// One schema change at a time for each keyspace: tables come to have two ids ("Column family ID mismatch") by parallel
// changes through different nodes. Within this gate the changes have their turns in a fair line; between the gates of a
// fleet a lock decides that all of them share (fleet-lock.ts), where there is one.
import { later, LONG_AGO, monotonicMs, msSince, type MonotonicMs } from '../clock.ts';
import { FairLine, type Turn } from '../fair-queue.ts';
import { guarded, unattended } from '../guard.ts';
import { LANE } from '../limits/fleet.ts';

/** The fleet's lock on one name. It is this gate's until `release`, or until `isHeld` says that it was lost. */
export interface HeldLock {
  readonly isHeld: boolean;
  /** Resolves once others may have it. Never rejects. */
  release(): Promise<void>;
}

export interface FleetLock {
  /** Resolves with null where the fleet shares no locks. Rejects when the lock can't be had in time. */
  acquire(name: string, deadlineAtMs: MonotonicMs): Promise<HeldLock | null>;
}

/**
 * A schema change is alone in the lane. TRUNCATE may be there with others of its kind, but with no change: a node that is
 * told to empty a table which is just being dropped logs an error and fails.
 */
export type LaneMode = 'exclusive' | 'shared';

export interface LaneOptions {
  /** How many changes of one keyspace may wait. */
  readonly queue: number;
  /** How long one waits at most. */
  readonly waitMs: number;
  readonly lock: FleetLock;
}

/** Why a change was not let in. Nothing of it was sent. */
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
  readonly mode: LaneMode;
  readonly deadlineAtMs: MonotonicMs;
  /** Whoever asked has gone. */
  readonly isGone: () => boolean;
  readonly settle: (entered: LaneTicket | LaneRefusal) => void;
  timer: NodeJS.Timeout | null;
  isSettled: boolean;
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
  async enter(
    keyspace: string,
    mode: LaneMode,
    isGone: () => boolean,
    turn: Turn,
  ): Promise<LaneTicket | LaneRefusal> {
    const lane = this.#lanes.get(keyspace) ?? this.#open(keyspace);
    return lane.enter(mode, isGone, turn);
  }

  /**
   * Called when the gate ends: locks that are no longer used are given back, so that other gates need not wait for their
   * time to live. A change that is still under way keeps its lock for just that time.
   */
  async close(): Promise<void> {
    const unlocked = Promise.all([...this.#lanes.values()].map(async (lane) => lane.unlocked()));
    let stop = (): void => undefined;
    const late = new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LANE.closeMs);
      stop = () => clearTimeout(timer);
    });
    await Promise.race([unlocked, late]);
    stop();
  }

  #open(keyspace: string): Lane {
    const lane = new Lane(keyspace, this.#options, () => {
      if (this.#lanes.get(keyspace) === lane) this.#lanes.delete(keyspace);
    });
    this.#lanes.set(keyspace, lane);
    return lane;
  }
}

/** The lane of one keyspace. It exists while somebody is in it or waits, or its lock is being given back. */
class Lane {
  readonly #name: string;
  readonly #options: LaneOptions;
  readonly #emptied: () => void;
  /** Fair by role: whoever asks for many changes waits behind itself. */
  readonly #waiters: FairLine<Waiter>;
  /** Whoever was let in and waits for the fleet's lock. */
  #entering: Waiter | null = null;
  /** How many are in it: several only where all of them are shared. */
  #inside = 0;
  #mode: LaneMode = 'exclusive';
  /** Kept from one change to the next, since taking it is four rounds between nodes. */
  #lock: HeldLock | null = null;
  #lockedAtMs = LONG_AGO;
  /** The lock is being given back. The next one is asked for only then, or this gate would wait for its own. */
  #unlocking: Promise<void> | null = null;

  constructor(keyspace: string, options: LaneOptions, emptied: () => void) {
    this.#name = `ddl ${keyspace}`;
    this.#options = options;
    this.#waiters = new FairLine<Waiter>(options.queue, (waiter) =>
      waiter.settle({ why: 'full', waiting: options.queue }),
    );
    this.#emptied = emptied;
  }

  get waiting(): number {
    const here = this.#waiters.inTurn().filter((waiter) => !waiter.isGone());
    return here.length + (this.#entering === null ? 0 : 1);
  }

  /** Resolves once the lock that nobody uses is given back. */
  async unlocked(): Promise<void> {
    if (this.#inside === 0) await this.#unlock();
  }

  async enter(
    mode: LaneMode,
    isGone: () => boolean,
    turn: Turn,
  ): Promise<LaneTicket | LaneRefusal> {
    const { queue, waitMs } = this.#options;
    if (this.#waiters.size >= queue) this.#dropGone();
    return new Promise((resolve) => {
      const waiter: Waiter = {
        mode,
        deadlineAtMs: later(monotonicMs(), waitMs),
        isGone,
        settle: (entered) => {
          waiter.isSettled = true;
          if (waiter.timer !== null) clearTimeout(waiter.timer);
          resolve(entered);
        },
        timer: null,
        isSettled: false,
      };
      waiter.timer = setTimeout(
        guarded('lane', () => this.#late(waiter)),
        waitMs,
      );
      if (this.#waiters.add(waiter, turn)) this.#next();
      else waiter.settle({ why: 'full', waiting: this.#waiters.size });
    });
  }

  #late(waiter: Waiter): void {
    this.#dropGone();
    const ahead = this.#waiters.inTurn().indexOf(waiter);
    if (ahead < 0) {
      // Its turn had come. If whoever asked has gone, nobody hears this.
      waiter.settle({ why: 'lock', message: "the fleet's lock did not come in time" });
      return;
    }
    this.#waiters.delete(waiter);
    const others = this.#inside + (this.#entering === null ? 0 : 1);
    waiter.settle({ why: 'timeout', ahead: ahead + others });
  }

  #dropGone(): void {
    for (const waiter of this.#waiters.drop(({ isGone }) => isGone())) {
      waiter.settle({ why: 'timeout', ahead: 0 });
    }
  }

  /** Lets in whose turn it is, where the lane is free for it. */
  #next(): void {
    if (this.#entering !== null) return;
    this.#dropGone();
    const waiter = this.#waiters.first;
    if (waiter === null) {
      if (this.#inside === 0) this.#rest();
      return;
    }
    if (this.#inside > 0 && !this.#mayJoin(waiter)) return;
    this.#waiters.served(waiter);
    unattended('lane', this.#let(waiter));
  }

  /** Others may join only during the turn of this gate: a stream of them would keep all other gates out. */
  #mayJoin({ mode }: Waiter): boolean {
    if (mode !== 'shared' || this.#mode !== 'shared') return false;
    return this.#lock === null || this.#isOurTurn;
  }

  async #let(waiter: Waiter): Promise<void> {
    this.#entering = waiter;
    try {
      // Whoever joins others is covered by the lock that they have.
      if (this.#inside === 0) await this.#relock(waiter.deadlineAtMs);
    } catch (error) {
      waiter.settle({ why: 'lock', message: error instanceof Error ? error.message : '' });
    }
    this.#entering = null;
    if (!waiter.isSettled) {
      this.#inside++;
      this.#mode = waiter.mode;
      waiter.settle(
        new LaneTicket(this.#lock, () => {
          this.#inside--;
          this.#next();
        }),
      );
    }
    this.#next();
  }

  get #isOurTurn(): boolean {
    return this.#lock?.isHeld === true && msSince(this.#lockedAtMs) < LANE.turnMs;
  }

  /** A lock that this gate has serves further changes for a while; then other gates get their turn. */
  async #relock(deadlineAtMs: MonotonicMs): Promise<void> {
    if (this.#isOurTurn) return;
    const hadIt = this.#lock !== null;
    await this.#unlock();
    if (hadIt) await new Promise((resolve) => setTimeout(resolve, LANE.yieldMs));
    this.#lock = await this.#options.lock.acquire(this.#name, deadlineAtMs);
    this.#lockedAtMs = monotonicMs();
  }

  #rest(): void {
    const isEmpty = (): boolean =>
      this.#inside === 0 &&
      this.#entering === null &&
      this.#waiters.size === 0 &&
      this.#unlocking === null;
    const rested = this.#unlock().then(() => {
      if (isEmpty()) this.#emptied();
    });
    unattended('lane', rested);
  }

  async #unlock(): Promise<void> {
    const lock = this.#lock;
    this.#lock = null;
    if (lock !== null) {
      this.#unlocking = lock.release().finally(() => {
        this.#unlocking = null;
      });
    }
    await this.#unlocking;
  }
}
