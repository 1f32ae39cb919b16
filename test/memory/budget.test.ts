// Who is stopped and who is ended where memory runs short: fair by role, then by session, and nobody below
// their share.
import { describe, expect, it, vi } from 'vitest';
import { MEMORY } from '../../src/limits/session.ts';
import { MemoryBudget, type SessionAccount } from '../../src/memory/budget.ts';

const MIB = 1024 * 1024;
const LIMIT = 128 * MIB;

class Owner {
  account!: SessionAccount;
  ended: string | null = null;
  /** As sockets do. */
  closesLater = false;
  memoryLooked(): void {
    // Asked by the account's own state.
  }
  outOfMemory(reason: string): void {
    this.ended = reason;
    if (!this.closesLater) this.account.closed();
  }
}

function budgetOf(requestBytes = LIMIT) {
  const budget = new MemoryBudget({
    heapBytes: LIMIT,
    bufferBytes: LIMIT,
    requestBytes,
    evicted: () => undefined,
    paused: () => undefined,
  });
  const open = (role: string | null): Owner => {
    const owner = new Owner();
    owner.account = budget.open(owner);
    if (role !== null) owner.account.loggedIn(role);
    return owner;
  };
  return { budget, open };
}

describe('the budget', () => {
  it('leaves everybody alone while there is room', () => {
    const { budget, open } = budgetOf();
    const one = open('a');
    one.account.setOutput(LIMIT * MEMORY.softShare - 1);
    budget.tick();
    expect([one.account.isPaused, one.ended]).toEqual([false, null]);
  });

  it('stops reading those above their share, and reads them again', () => {
    const { budget, open } = budgetOf();
    const [large, small] = [open('a'), open('a')];
    large.account.setInput(100 * MIB);
    small.account.setInput(1 * MIB);
    budget.tick();
    expect([large.account.isPaused, small.account.isPaused]).toEqual([true, false]);
    expect(budget.pausedSessions).toBe(1);
    large.account.setInput(1 * MIB);
    budget.tick();
    expect([large.account.isPaused, budget.pausedSessions]).toEqual([false, 0]);
  });

  it('gives each role the same, however many sessions it has', () => {
    const { budget, open } = budgetOf();
    const many = Array.from({ length: 50 }, () => open('many'));
    const alone = open('alone');
    for (const one of many) one.account.setOutput(2 * MIB);
    alone.account.setOutput(20 * MIB);
    budget.tick();
    expect(alone.account.isPaused).toBe(false);
    expect(many.every(({ account }) => account.isPaused)).toBe(true);
  });

  it('ends the one furthest above its share when it is full, and no more than it must', () => {
    const { budget, open } = budgetOf();
    const [first, second, third] = [open('a'), open('a'), open('b')];
    first.account.setOutput(70 * MIB);
    second.account.setOutput(60 * MIB);
    third.account.setOutput(10 * MIB);
    budget.tick();
    expect([first.ended, second.ended, third.ended]).toEqual(['over_budget', null, null]);
  });

  it('ends nobody for what those still hold whose sockets are about to close', () => {
    const { budget, open } = budgetOf();
    const [first, second, third] = [open('a'), open('a'), open('b')];
    first.closesLater = true;
    first.account.setOutput(70 * MIB);
    second.account.setOutput(60 * MIB);
    third.account.setOutput(10 * MIB);
    for (let look = 0; look < 3; look++) budget.tick();
    expect([first.ended, second.ended, third.ended]).toEqual(['over_budget', null, null]);
    // What comes in between may be too much even so.
    second.account.setOutput(120 * MIB);
    budget.tick();
    expect([second.ended, third.ended]).toEqual(['over_budget', null]);
  });

  it('looks at the end of the turn, not some time later, where it grows beyond its limit', async () => {
    const { open } = budgetOf();
    const [first, second] = [open('a'), open('a')];
    const endOfTurn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    // The first look is due at once; the next ones are some time apart.
    first.account.setOutput(LIMIT * MEMORY.softShare + 1);
    await endOfTurn();
    first.account.setOutput(LIMIT + 1);
    await endOfTurn();
    expect(first.ended).toBe('over_budget');
    second.account.setOutput(2 * LIMIT);
    await endOfTurn();
    expect(second.ended).toBe('over_budget');
  });

  it('leaves it to their rate whether readers go, and ends requests that do not come whole', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const { budget, open } = budgetOf();
      const [reader, sender] = [open('a'), open('b')];
      reader.account.setOutput(70 * MIB);
      sender.account.setInput(45 * MIB);
      for (let waitedMs = 0; waitedMs <= 4 * MEMORY.stuckMs; waitedMs += 250) {
        vi.advanceTimersByTime(250);
        budget.tick();
      }
      expect([reader.ended, sender.ended]).toEqual([null, 'over_budget']);
    } finally {
      vi.useRealTimers();
    }
  });

  it('gives connections without a login a share of their own, and takes no other', () => {
    const { budget, open } = budgetOf();
    const strangers = Array.from({ length: 40 }, () => open(null));
    for (const one of strangers) one.account.setInput(1 * MIB);
    budget.tick();
    const left = strangers.filter(({ ended }) => ended === null).length;
    expect(left).toBe(Math.floor((LIMIT * MEMORY.unauthenticatedShare) / MIB));
    expect(strangers.every(({ ended }) => ended === null || ended === 'unauthenticated')).toBe(
      true,
    );
  });

  it('stops by the requests in flight as well, and ends nobody for these', () => {
    const { budget, open } = budgetOf(16 * MIB);
    const [large, small] = [open('a'), open('b')];
    large.account.addRequests(20 * MIB);
    small.account.addRequests(1 * MIB);
    budget.tick();
    expect([large.account.isPaused, large.ended]).toEqual([true, null]);
    expect(small.account.isPaused).toBe(false);
  });

  it('is empty when everything was given back', () => {
    const { budget, open } = budgetOf();
    const one = open(null);
    one.account.setInput(5);
    one.account.loggedIn('a');
    one.account.addRequests(7);
    one.account.setOutput(9);
    expect(budget.byRole(5)).toEqual([['a', 21]]);
    one.account.closed();
    one.account.addRequests(-7);
    expect(budget.byKind.every(([, , bytes]) => bytes === 0)).toBe(true);
  });

  it('leaves room for answers of nodes, less with each that is on its way', () => {
    const { budget } = budgetOf();
    const before = budget.answerRoomBytes;
    budget.answers.add(10 * MIB);
    expect(budget.answerRoomBytes).toBe(before - 10 * MIB);
    budget.answers.add(LIMIT);
    expect(budget.answerRoomBytes).toBe(MEMORY.answerBytesAlways);
  });
});
