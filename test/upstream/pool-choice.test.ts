// Which of the connections to one node is sent by, set to another keyspace, or reserved; without sockets.
import { describe, expect, it } from 'vitest';
import { later, monotonicMs } from '../../src/clock.ts';
import {
  leavesOneSwitchable,
  pickConnection,
  reserveConnection,
  switchableConnection,
} from '../../src/upstream/pool-choice.ts';
import { FakeConnection, reservedFor } from '../support/choosable.ts';

const changed = (change: Partial<FakeConnection>, keyspace: string | null = null, load = 0) =>
  Object.assign(new FakeConnection(keyspace, load), change);

describe('the connection to send by', () => {
  it('is the one with the least to do', () => {
    const all = [new FakeConnection(null, 3), new FakeConnection(null, 1), new FakeConnection()];
    expect(pickConnection(all, null, false, false)).toBe(all[2]);
  });

  it('is the one that is written to in this turn anyway', () => {
    const all = [new FakeConnection(), changed({ isGathering: true }, null, 9)];
    expect(pickConnection(all, null, false, false)).toBe(all[1]);
  });

  it('is none without room, nor of the room that is kept where the request gives way', () => {
    const all = [changed({ hasRoom: false, hasMuchRoom: false }), changed({ hasMuchRoom: false })];
    expect(pickConnection(all, null, false, false)).toBe(all[1]);
    expect(pickConnection(all, null, false, true)).toBeNull();
  });

  it('is in the keyspace where it must be', () => {
    const all = [new FakeConnection(), new FakeConnection('a', 5), new FakeConnection('b')];
    expect(pickConnection(all, 'a', true, false)).toBe(all[1]);
    expect(pickConnection(all, 'c', true, false)).toBeNull();
  });

  it('is rather in the keyspace where it need not be', () => {
    const all = [new FakeConnection(), new FakeConnection('a', 5)];
    expect(pickConnection(all, 'a', false, false)).toBe(all[1]);
    expect(pickConnection(all, 'c', false, false)).toBe(all[0]);
  });

  it.each<[string, (one: FakeConnection) => void]>([
    ['reserved', (one) => one.keyspaceState.reserve('b')],
    ['being set to another', (one) => one.keyspaceState.switchTo('b')],
    ['gone', (one) => one.keyspaceState.end()],
  ])('is none that is in the keyspace but %s', (_how, change) => {
    const one = new FakeConnection('a');
    expect(pickConnection([one], 'a', true, false)).toBe(one);
    change(one);
    expect(pickConnection([one], 'a', true, false)).toBeNull();
  });

  it('is not the first where the request gives way, and the others avoid the one that it left by', () => {
    const all = [new FakeConnection(null, 9), new FakeConnection(null, 5), new FakeConnection()];
    const taken = pickConnection(all, null, false, true);
    expect(taken).toBe(all[2]);
    expect(all.map(({ isLaden }) => isLaden)).toEqual([false, false, true]);
    expect(pickConnection(all, null, false, false)).toBe(all[1]);
  });

  it('is shared where there is no other', () => {
    const only = new FakeConnection();
    expect(pickConnection([only], null, false, true)).toBe(only);
    expect(only.isLaden).toBe(true);
    expect(pickConnection([only], null, false, false)).toBe(only);
  });
});

describe('the connection to set to another keyspace', () => {
  it('is one whose keyspace nothing reads, and that is offered to nobody', () => {
    const offered = new FakeConnection('b');
    offered.keyspaceState.offer();
    const changing = new FakeConnection('c');
    changing.keyspaceState.switchTo('d');
    const free = new FakeConnection('e');
    const all = [new FakeConnection('a').readBy(1), offered, changing, free];
    expect(switchableConnection(all, 'x', false)).toBe(free);
    expect(switchableConnection(all.slice(0, 3), 'x', false)).toBeNull();
  });

  it('is one reserved for just that keyspace, or for none', () => {
    const one = new FakeConnection('a');
    one.keyspaceState.reserve('x');
    expect(switchableConnection([one], 'x', false)).toBe(one);
    expect(switchableConnection([one], 'y', false)).toBeNull();
  });

  it('is rather one in no keyspace, then the one unread longest, and a suspect one last', () => {
    const nowMs = monotonicMs();
    const read = (at: number, change: Partial<FakeConnection> = {}): FakeConnection => {
      const one = changed(change, 'a').readBy(1);
      one.keyspaceState.readerEnded(later(nowMs, at));
      return one;
    };
    const inNone = new FakeConnection();
    const [long, lately, suspect] = [read(1), read(2), read(0, { isSuspect: true })];
    expect(switchableConnection([suspect, lately, long, inNone], 'x', false)).toBe(inNone);
    expect(switchableConnection([suspect, lately, long], 'x', false)).toBe(long);
    expect(switchableConnection([suspect], 'x', false)).toBe(suspect);
  });

  it('has the room that is not kept for others where the request gives way', () => {
    const one = changed({ hasMuchRoom: false });
    expect(switchableConnection([one], 'x', true)).toBeNull();
    expect(switchableConnection([one], 'x', false)).toBe(one);
  });
});

describe('a connection that is reserved', () => {
  it('is the one with the fewest readers, and one for each keyspace', () => {
    const all = [new FakeConnection('a').readBy(2), new FakeConnection('b').readBy(1)];
    reserveConnection(all, 'x');
    reserveConnection(all, 'x');
    expect(all.map(reservedFor)).toEqual([null, 'x']);
    reserveConnection(all, 'y');
    reserveConnection(all, 'z');
    expect(all.map(reservedFor)).toEqual(['y', 'x']);
  });

  it('is none that is offered or being set to a keyspace', () => {
    const [offered, changing] = [new FakeConnection('a'), new FakeConnection('b')];
    offered.keyspaceState.offer();
    changing.keyspaceState.switchTo('c');
    reserveConnection([offered, changing], 'x');
    expect([offered, changing].map(reservedFor)).toEqual([null, null]);
  });
});

it('leaves another one whose keyspace may be set, or does not', () => {
  const [one, other] = [new FakeConnection('a'), new FakeConnection('b')];
  expect(leavesOneSwitchable([one, other], one)).toBe(true);
  expect(leavesOneSwitchable([one], one)).toBe(false);
  expect(leavesOneSwitchable([one, other.readBy(1)], one)).toBe(false);
  expect(leavesOneSwitchable([one, changed({ isReady: false }, 'b')], one)).toBe(false);
});
