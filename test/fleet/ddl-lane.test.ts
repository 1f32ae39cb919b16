// Whose turn it is to change a schema: in order, one at a time, bounded, and with a lock that may be lost.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LANE } from '../../src/limits/fleet.ts';
import {
  DdlLane,
  LaneTicket,
  type FleetLock,
  type HeldLock,
  type LaneMode,
  type LaneRefusal,
} from '../../src/fleet/ddl-lane.ts';

const TURN = { key: 'role', owner: null };
const HERE = (): boolean => false;
const NO_LOCK: FleetLock = { acquire: async () => Promise.resolve(null) };

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function laneOf(lock = NO_LOCK, queue = 10): DdlLane {
  return new DdlLane({ queue, waitMs: 1_000, lock });
}

const settle = async (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

/** What came of each who entered, in order; null while it waits. */
function enterAll(lane: DdlLane, keyspaces: readonly string[]) {
  const entered: (LaneTicket | LaneRefusal | null)[] = keyspaces.map(() => null);
  keyspaces.forEach((keyspace, i) => {
    void lane.enter(keyspace, 'exclusive', HERE, TURN).then((got) => {
      entered[i] = got;
    });
  });
  return entered;
}

const isIn = (entered: unknown): boolean => entered instanceof LaneTicket;

describe('the lane', () => {
  it('lets in one at a time, in order of arrival', async () => {
    const entered = enterAll(laneOf(), ['ks', 'ks', 'ks']);
    await settle();
    expect(entered.map(isIn)).toEqual([true, false, false]);
    (entered[0] as LaneTicket).leave();
    await settle();
    expect(entered.map(isIn)).toEqual([true, true, false]);
    // Twice is once.
    (entered[0] as LaneTicket).leave();
    await settle();
    expect(entered.map(isIn)).toEqual([true, true, false]);
    (entered[1] as LaneTicket).leave();
    await settle();
    expect(entered.map(isIn)).toEqual([true, true, true]);
  });

  it('is one for each keyspace', async () => {
    const entered = enterAll(laneOf(), ['one', 'two', 'one']);
    await settle();
    expect(entered.map(isIn)).toEqual([true, true, false]);
  });

  it('refuses at once who finds it full', async () => {
    const lane = laneOf(NO_LOCK, 2);
    const entered = enterAll(lane, ['ks', 'ks', 'ks', 'ks']);
    await settle();
    expect(entered[3]).toEqual({ why: 'full', waiting: 2 });
    expect(lane.waiting).toBe(2);
  });

  it('refuses who waited too long, and says how many were before', async () => {
    const entered = enterAll(laneOf(), ['ks', 'ks', 'ks']);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(entered[1]).toEqual({ why: 'timeout', ahead: 1 });
    expect(entered[2]).toMatchObject({ why: 'timeout' });
    (entered[0] as LaneTicket).leave();
    const [next] = enterAll(laneOf(), ['ks']);
    await settle();
    expect(next === null).toBe(true);
  });

  it('passes over who is gone, and who is gone takes no room', async () => {
    const lane = laneOf(NO_LOCK, 1);
    const first = (await lane.enter('ks', 'exclusive', HERE, TURN)) as LaneTicket;
    let isGone = false;
    const gone = lane.enter('ks', 'exclusive', () => isGone, TURN);
    expect(await lane.enter('ks', 'exclusive', HERE, TURN)).toMatchObject({ why: 'full' });
    expect(lane.waiting).toBe(1);
    isGone = true;
    expect(lane.waiting).toBe(0);
    const third = lane.enter('ks', 'exclusive', HERE, TURN);
    expect(await gone).toMatchObject({ why: 'timeout' });
    first.leave();
    expect(await third).toBeInstanceOf(LaneTicket);
  });
});

describe('TRUNCATE', () => {
  const enter = (lane: DdlLane, modes: readonly LaneMode[]) =>
    modes.map((mode) => {
      const seen: { ticket: LaneTicket | null } = { ticket: null };
      void lane.enter('ks', mode, HERE, TURN).then((got) => {
        if (got instanceof LaneTicket) seen.ticket = got;
      });
      return seen;
    });
  const inside = (entered: readonly { ticket: LaneTicket | null }[]) =>
    entered.map(({ ticket }) => ticket !== null);

  it('goes with others of its kind, and waits for changes as they do for it', async () => {
    const lane = laneOf();
    const entered = enter(lane, ['shared', 'shared', 'exclusive', 'shared', 'exclusive']);
    await settle();
    // The last but one came after a change, and does not overtake it.
    expect(inside(entered)).toEqual([true, true, false, false, false]);
    entered[0]!.ticket!.leave();
    await settle();
    expect(inside(entered)).toEqual([true, true, false, false, false]);
    entered[1]!.ticket!.leave();
    await settle();
    expect(inside(entered)).toEqual([true, true, true, false, false]);
    entered[2]!.ticket!.leave();
    await settle();
    expect(inside(entered)).toEqual([true, true, true, true, false]);
    entered[3]!.ticket!.leave();
    await settle();
    expect(inside(entered)).toEqual([true, true, true, true, true]);
  });

  it('goes with others of its kind under one lock, but not for ever', async () => {
    let locks = 0;
    const release = vi.fn(async () => Promise.resolve());
    const lane = laneOf({
      acquire: async () => {
        locks++;
        return Promise.resolve({ isHeld: true, release });
      },
    });
    const [first, second] = enter(lane, ['shared', 'shared']);
    await settle();
    expect(inside([first!, second!])).toEqual([true, true]);
    expect(locks).toBe(1);
    await vi.advanceTimersByTimeAsync(LANE.turnMs);
    const [third] = enter(lane, ['shared']);
    first!.ticket!.leave();
    await settle();
    expect(inside([third!])).toEqual([false]);
    second!.ticket!.leave();
    await vi.advanceTimersByTimeAsync(LANE.yieldMs);
    expect(inside([third!])).toEqual([true]);
    expect(locks).toBe(2);
    expect(release).toHaveBeenCalledTimes(1);
  });
});

describe('the lock of the fleet', () => {
  class Lock implements HeldLock {
    isHeld = true;
    released = false;
    async release(): Promise<void> {
      this.released = true;
      return Promise.resolve();
    }
  }

  it('is held for as long as somebody is in the lane, and let go with the last', async () => {
    const locks: Lock[] = [];
    const names: string[] = [];
    const lane = laneOf({
      acquire: async (name) => {
        names.push(name);
        locks.push(new Lock());
        return Promise.resolve(locks.at(-1)!);
      },
    });
    const entered = enterAll(lane, ['ks', 'ks']);
    await settle();
    (entered[0] as LaneTicket).leave();
    await settle();
    expect(entered.map(isIn)).toEqual([true, true]);
    expect(locks).toHaveLength(1);
    expect(locks[0]!.released).toBe(false);
    (entered[1] as LaneTicket).leave();
    await settle();
    expect(locks[0]!.released).toBe(true);
    expect(names).toEqual(['ddl ks']);
  });

  it('is given to others after a while, though more wait here', async () => {
    const locks: Lock[] = [];
    const lane = laneOf({
      acquire: async () => {
        locks.push(new Lock());
        return Promise.resolve(locks.at(-1)!);
      },
    });
    const first = (await lane.enter('ks', 'exclusive', HERE, TURN)) as LaneTicket;
    await vi.advanceTimersByTimeAsync(LANE.turnMs);
    const [second] = [enterAll(lane, ['ks'])];
    first.leave();
    await settle();
    expect(locks[0]!.released).toBe(true);
    expect(isIn(second[0])).toBe(false);
    await vi.advanceTimersByTimeAsync(LANE.yieldMs);
    expect(isIn(second[0])).toBe(true);
    expect(locks).toHaveLength(2);
  });

  it('that is lost shows in the ticket, and is taken anew for the next', async () => {
    const locks: Lock[] = [];
    const lane = laneOf({
      acquire: async () => {
        locks.push(new Lock());
        return Promise.resolve(locks.at(-1)!);
      },
    });
    const first = (await lane.enter('ks', 'exclusive', HERE, TURN)) as LaneTicket;
    locks[0]!.isHeld = false;
    expect(first.isHeld).toBe(false);
    const entered = enterAll(lane, ['ks']);
    first.leave();
    await vi.advanceTimersByTimeAsync(LANE.yieldMs);
    expect(isIn(entered[0])).toBe(true);
    expect((entered[0] as LaneTicket).isHeld).toBe(true);
  });

  it('that can not be had refuses one and lets the next try', async () => {
    let attempts = 0;
    const lane = laneOf({
      acquire: async () => {
        if (attempts++ === 0) return Promise.reject(new Error('another gate has it'));
        return Promise.resolve(new Lock());
      },
    });
    const entered = enterAll(lane, ['ks', 'ks']);
    await settle();
    expect(entered[0]).toEqual({ why: 'lock', message: 'another gate has it' });
    expect(isIn(entered[1])).toBe(true);
  });

  /** Locks of which only the first is slow to be given back. */
  function slowToRelease() {
    const taken: string[] = [];
    let giveBack = (): void => undefined;
    const lane = laneOf({
      acquire: async (name) => {
        taken.push(name);
        const isFirst = taken.length === 1;
        return Promise.resolve({
          isHeld: true,
          release: async () =>
            isFirst ? new Promise<void>((resolve) => (giveBack = resolve)) : Promise.resolve(),
        });
      },
    });
    return { lane, taken, giveBack: () => giveBack() };
  }

  it('is asked for again only when it was given back: a gate never meets its own', async () => {
    const { lane, taken, giveBack } = slowToRelease();
    ((await lane.enter('ks', 'exclusive', HERE, TURN)) as LaneTicket).leave();
    const entered = enterAll(lane, ['ks', 'ks']);
    await settle();
    expect(taken).toHaveLength(1);
    expect(entered.map(isIn)).toEqual([false, false]);
    giveBack();
    await settle();
    expect(taken).toHaveLength(2);
    // One lane all the time, whatever was given back late.
    expect(entered.map(isIn)).toEqual([true, false]);
    const [later] = [enterAll(lane, ['ks'])];
    await settle();
    expect(isIn(later[0])).toBe(false);
  });

  it('that comes too late lets nobody in who was told that it did not come', async () => {
    let got: (lock: HeldLock) => void = () => undefined;
    const lane = laneOf({
      acquire: async () => new Promise((resolve) => (got = resolve)),
    });
    const [first] = [enterAll(lane, ['ks'])];
    await vi.advanceTimersByTimeAsync(1_000);
    expect(first[0]).toMatchObject({ why: 'lock', message: expect.stringMatching(/in time/) });
    const second = enterAll(lane, ['ks']);
    const lock = new Lock();
    got(lock);
    await settle();
    expect(isIn(second[0])).toBe(true);
    expect(lock.released).toBe(false);
    (second[0] as LaneTicket).leave();
    await settle();
    expect(lock.released).toBe(true);
  });

  it('is given back before the gate ends, unless a change is under way', async () => {
    const locks: Lock[] = [];
    const lane = laneOf({
      acquire: async () => {
        locks.push(new Lock());
        return Promise.resolve(locks.at(-1)!);
      },
    });
    const [done, underWay] = (await Promise.all([
      lane.enter('one', 'exclusive', HERE, TURN),
      lane.enter('two', 'exclusive', HERE, TURN),
    ])) as [LaneTicket, LaneTicket];
    done.leave();
    await lane.close();
    expect(locks.map(({ released }) => released)).toEqual([true, false]);
    expect(underWay.isHeld).toBe(true);
  });

  it('that can not be given back does not keep the gate from ending', async () => {
    const { lane } = slowToRelease();
    ((await lane.enter('ks', 'exclusive', HERE, TURN)) as LaneTicket).leave();
    let isClosed = false;
    void lane.close().then(() => (isClosed = true));
    await vi.advanceTimersByTimeAsync(LANE.closeMs - 1);
    expect(isClosed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isClosed).toBe(true);
  });
});
