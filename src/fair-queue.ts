// Lines that tenants share. Whoever waits has a key (a role; before the login an issuer or an address) and within it
// an owner (a session or an address): keys have their turns one after the other, and within a key its owners, so that a
// flood waits behind itself and not before everybody else. A line is bounded in all. When it is full, whoever has the
// most in it gives way to one that has less: nobody keeps another out, and who is alone may use all of it.
import { guarded } from './guard.ts';
import { timerMs } from './wall-clock.ts';

/** Why somebody who waited, or wanted to, will not have a turn. */
export class QueueFault extends Error {
  override readonly name = 'QueueFault';
  readonly why: 'full' | 'late';
  constructor(why: 'full' | 'late') {
    super(
      why === 'full'
        ? 'too many wait already, and most of them are yours; send fewer at once'
        : 'the turn did not come in time; try again',
    );
    this.why = why;
  }
}

export interface Turn {
  /** A role, or before the login a source. */
  readonly key: string;
  /** A session or whatever else has its turns within the key. */
  readonly owner: unknown;
}

export class FairLine<Item extends object> {
  readonly #max: number;
  readonly #displaced: (item: Item) => void;
  /** Keys in the order of their turns, owners of each in theirs, and what each owner has in order of arrival. */
  readonly #keys = new Map<string, Map<unknown, Set<Item>>>();
  readonly #turns = new Map<Item, Turn>();

  /** `displaced` is called with what had to give way. */
  constructor(max: number, displaced: (item: Item) => void) {
    this.#max = max;
    this.#displaced = displaced;
  }

  get size(): number {
    return this.#turns.size;
  }

  /** False: the line is full, and nobody has more in it. */
  add(item: Item, turn: Turn): boolean {
    if (this.#turns.size >= this.#max && !this.#makeRoom(turn)) return false;
    let owners = this.#keys.get(turn.key);
    if (owners === undefined) this.#keys.set(turn.key, (owners = new Map<unknown, Set<Item>>()));
    let items = owners.get(turn.owner);
    if (items === undefined) owners.set(turn.owner, (items = new Set()));
    items.add(item);
    this.#turns.set(item, turn);
    return true;
  }

  /** The next one whose turn it is, still in the line. */
  get first(): Item | null {
    for (const owners of this.#keys.values()) {
      for (const items of owners.values()) {
        for (const item of items) return item;
      }
    }
    return null;
  }

  /** About how many have their turn before one that comes now. */
  ahead({ key, owner }: Turn): number {
    const owners = this.#keys.get(key);
    const own = owners?.get(owner)?.size ?? 0;
    const rounds = (own + 1) * Math.max(1, owners?.size ?? 0);
    return Math.min(this.#turns.size, rounds * Math.max(1, this.#keys.size));
  }

  /** All of them in the order of their turns. */
  inTurn(): Item[] {
    const ofKeys = [...this.#keys.values()].map((owners) => interleaved([...owners.values()]));
    return interleaved(ofKeys);
  }

  /** It leaves without having had its turn. False: it was not there. */
  delete(item: Item): boolean {
    return this.#remove(item, false);
  }

  /** It has its turn: its key and its owner go behind the others. False: it was not there. */
  served(item: Item): boolean {
    return this.#remove(item, true);
  }

  /** Those for which `fits` holds leave; in the order of their turns. */
  drop(fits: (item: Item) => boolean): Item[] {
    const gone = [...this.#turns.keys()].filter(fits);
    for (const item of gone) this.#remove(item, false);
    return gone;
  }

  /** What waits here waits there. */
  moveTo(other: FairLine<Item>): void {
    for (const item of this.inTurn()) {
      const turn = this.#turns.get(item)!;
      this.#remove(item, false);
      if (!other.add(item, turn)) this.#displaced(item);
    }
  }

  #remove(item: Item, hadTurn: boolean): boolean {
    const turn = this.#turns.get(item);
    if (turn === undefined) return false;
    this.#turns.delete(item);
    const { key, owner } = turn;
    const owners = this.#keys.get(key)!;
    const items = owners.get(owner)!;
    items.delete(item);
    if (hadTurn || items.size === 0) owners.delete(owner);
    if (items.size > 0 && hadTurn) owners.set(owner, items);
    if (hadTurn || owners.size === 0) this.#keys.delete(key);
    if (owners.size > 0 && hadTurn) this.#keys.set(key, owners);
    return true;
  }

  /**
   * The last one of the owner with the most, of the key with the most, gives way to one that has less: of
   * another key, or of another owner of the same.
   */
  #makeRoom({ key, owner }: Turn): boolean {
    let largest: Map<unknown, Set<Item>> | undefined = this.#keys.get(key);
    let most = sizeOf(largest) + 1;
    let isOwn = true;
    for (const [other, owners] of this.#keys) {
      const size = sizeOf(owners);
      if (other === key || size <= most) continue;
      [largest, most, isOwn] = [owners, size, false];
    }
    if (largest === undefined) return false;
    const items = [...largest.values()].reduce((a, b) => (b.size > a.size ? b : a));
    if (isOwn && items.size <= (largest.get(owner)?.size ?? 0) + 1) return false;
    const last = [...items].at(-1)!;
    this.#remove(last, false);
    this.#displaced(last);
    return true;
  }
}

function sizeOf(owners: ReadonlyMap<unknown, ReadonlySet<unknown>> | undefined): number {
  let sum = 0;
  for (const items of owners?.values() ?? []) sum += items.size;
  return sum;
}

/** One of each in turn. */
function interleaved<Item>(lists: readonly Iterable<Item>[]): Item[] {
  const all: Item[] = [];
  let iterators = lists.map((list) => list[Symbol.iterator]());
  while (iterators.length > 0) {
    iterators = iterators.filter((iterator) => {
      const next = iterator.next();
      if (next.done !== true) all.push(next.value);
      return next.done !== true;
    });
  }
  return all;
}

export interface SlotsOptions {
  /** At work at once. */
  readonly slots: number;
  /** Of those, at most so many of one key, so that one that is slow does not take them all. */
  readonly perKey: number;
  /** Waiting, in all. */
  readonly waiting: number;
  readonly waitMs: number;
}

interface Waiting {
  readonly key: string;
  readonly begin: () => void;
  readonly refuse: (fault: QueueFault) => void;
}

/** A bounded number at work; the others wait in a fair line. */
export class FairSlots {
  readonly #options: SlotsOptions;
  readonly #line: FairLine<Waiting>;
  readonly #atWork = new Map<string, number>();
  #taken = 0;

  constructor(options: SlotsOptions) {
    this.#options = options;
    this.#line = new FairLine<Waiting>(options.waiting, ({ refuse }) =>
      refuse(new QueueFault('full')),
    );
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Runs `work` when it has a slot, and gives that back however it ends. Rejects with QueueFault where it never has. */
  async run<Result>(turn: Turn, work: () => Promise<Result>): Promise<Result> {
    if (this.#mayBegin(turn.key)) this.#take(turn.key);
    else await this.#wait(turn);
    try {
      return await work();
    } finally {
      this.#give(turn.key);
    }
  }

  #mayBegin(key: string): boolean {
    const { slots, perKey } = this.#options;
    return this.#taken < slots && (this.#atWork.get(key) ?? 0) < perKey;
  }

  async #wait(turn: Turn): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
      };
      const waiting: Waiting = {
        key: turn.key,
        begin: () => {
          settle();
          resolve();
        },
        refuse: (fault) => {
          settle();
          reject(fault);
        },
      };
      const late = (): void => {
        if (this.#line.delete(waiting)) waiting.refuse(new QueueFault('late'));
      };
      const timer = setTimeout(guarded('queue', late), timerMs(this.#options.waitMs)).unref();
      if (!this.#line.add(waiting, turn)) waiting.refuse(new QueueFault('full'));
    });
  }

  #take(key: string): void {
    this.#taken++;
    this.#atWork.set(key, (this.#atWork.get(key) ?? 0) + 1);
  }

  #give(key: string): void {
    this.#taken--;
    const left = (this.#atWork.get(key) ?? 1) - 1;
    if (left === 0) this.#atWork.delete(key);
    else this.#atWork.set(key, left);
    const { first } = this.#line;
    if (first === null) return;
    if (this.#mayBegin(first.key)) this.#begin(first);
    else {
      // Its key has all that it may have: the next one whose key has not.
      const next = this.#line.inTurn().find((waiting) => this.#mayBegin(waiting.key));
      if (next !== undefined) this.#begin(next);
    }
  }

  #begin(waiting: Waiting): void {
    this.#line.served(waiting);
    this.#take(waiting.key);
    waiting.begin();
  }
}
