// Who waits for a connection, in which order they are served, and who is told that there is no use; without sockets.
import { beforeEach, describe, expect, it } from 'vitest';
import { later, monotonicMs } from '../../src/clock.ts';
import { NO_KEYSPACE } from '../../src/cql/connection-state.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { ANYWHERE, type ConnectionCriteria } from '../../src/upstream/connection-criteria.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { Waiter, WaitingLine } from '../../src/upstream/waiting-line.ts';

let ends: string[];
/** Connections that are free. */
let free: string[];
let looks: string[];
let servedIn: string[];
let line: WaitingLine<string>;

function newLine(): WaitingLine<string> {
  return new WaitingLine<string>({
    serve: (waiter) => {
      looks.push(String(waiter.turn.owner));
      const connection = free.shift();
      if (connection === undefined) return false;
      waiter.resolve(connection);
      return true;
    },
    servedIn: (keyspace) => servedIn.push(keyspace),
  });
}

beforeEach(() => {
  [ends, free, looks, servedIn] = [[], [], [], []];
  line = newLine();
});

interface Wanted {
  readonly key?: string;
  readonly waitMs?: number;
  readonly criteria?: Partial<ConnectionCriteria>;
}

/** Each of them wants another node, so that each is looked at. */
function waiter(name: string, { key = 'r', waitMs = 60_000, criteria = {} }: Wanted = {}) {
  return new Waiter<string>(
    {
      criteria: { ...ANYWHERE, avoid: name, ...criteria },
      forUse: false,
      turn: { key, owner: name },
    },
    waitMs,
    (connection) => ends.push(`${name}: ${connection}`),
    ({ code, message }) => ends.push(`${name}: ${code}, ${message}`),
  );
}

function enter(name: string, wanted: Wanted = {}): void {
  line.enter(waiter(name, wanted), true);
}

describe('whoever comes', () => {
  it('is served at once where a connection is free', () => {
    free = ['one'];
    enter('a');
    expect(ends).toEqual(['a: one']);
    expect(line.size).toBe(0);
  });

  it('waits where none is, and is served when one comes', () => {
    enter('a');
    expect([line.size, ends]).toEqual([1, []]);
    free = ['one'];
    line.serveAll();
    expect([line.size, ends]).toEqual([0, ['a: one']]);
  });

  it('does not have the others looked at again', () => {
    enter('a');
    enter('b');
    expect(looks).toEqual(['a', 'b']);
  });

  it('is refused where the line is full', () => {
    for (let i = 0; i <= UPSTREAM.waitersPerRoute; i++) enter(String(i));
    expect(line.size).toBe(UPSTREAM.waitersPerRoute);
    expect(ends).toHaveLength(1);
    expect(ends[0]).toContain('busy, too many requests wait for a connection');
  });

  it('takes the place of one of a role that has more in a full line', () => {
    for (let i = 0; i < UPSTREAM.waitersPerRoute; i++) enter(String(i), { key: 'flood' });
    enter('single', { key: 'other' });
    expect(ends).toEqual([expect.stringMatching(/^\d+: busy, too many requests wait/)]);
    free = ['one', 'two'];
    line.serveAll();
    expect(ends).toContain('single: two');
  });
});

it('serves roles in turn, and within a role its sessions', () => {
  for (const name of ['a1', 'a2', 'a3']) enter(name, { key: 'a' });
  enter('b1', { key: 'b' });
  free = ['1', '2', '3', '4'];
  line.serveAll();
  expect(ends).toEqual(['a1: 1', 'b1: 2', 'a2: 3', 'a3: 4']);
});

it('looks at one of those who want the same where that finds no connection', () => {
  for (const name of ['a', 'b', 'c']) enter(name, { criteria: { avoid: null, keyspace: 'k' } });
  enter('d', { criteria: { avoid: null, keyspace: 'other' } });
  looks = [];
  line.serveAll();
  expect(looks).toEqual(['a', 'd']);
});

it('says which keyspaces are waited for, and in which somebody was served', () => {
  for (const keyspace of ['k', 'l', NO_KEYSPACE, null] as const) {
    enter(String(keyspace), { criteria: { keyspace } });
  }
  expect([...line.keyspaces]).toEqual(['k', 'l']);
  free = ['1', '2', '3', '4'];
  line.serveAll();
  expect(servedIn).toEqual(['k', 'l']);
  expect(line.keyspaces.size).toBe(0);
});

describe('whoever waits', () => {
  it('is refused at its own deadline', () => {
    enter('early', { waitMs: 1_000 });
    enter('late', { waitMs: 5_000 });
    line.refuseLate(later(monotonicMs(), 100), true, null);
    expect(ends).toEqual([]);
    line.refuseLate(later(monotonicMs(), 1_001), true, null);
    expect(ends).toEqual(['early: busy, no connection became free in time']);
    expect(line.size).toBe(1);
  });

  it('is told sooner, and why, while no node is reached', () => {
    enter('a', { waitMs: 1e9 });
    const nowMs = monotonicMs();
    const fault = new UpstreamFault('unreachable', 'refused');
    line.refuseLate(nowMs, false, fault);
    line.refuseLate(later(nowMs, UPSTREAM.acquireTimeoutMs - 1), false, fault);
    expect(ends).toEqual([]);
    line.refuseLate(later(nowMs, UPSTREAM.acquireTimeoutMs + 1), false, fault);
    expect(ends).toEqual(['a: unreachable, refused']);
  });

  it('is not told so where a node was reached in between', () => {
    enter('a', { waitMs: 1e9 });
    const nowMs = monotonicMs();
    const half = UPSTREAM.acquireTimeoutMs / 2;
    line.refuseLate(nowMs, false, null);
    line.refuseLate(later(nowMs, half), true, null);
    line.refuseLate(later(nowMs, 2 * half), false, null);
    line.refuseLate(later(nowMs, 2 * half + 1), false, null);
    expect(ends).toEqual([]);
  });

  it('is refused with all others when the route gives up', () => {
    enter('a');
    enter('b');
    line.refuseAll(new UpstreamFault('login_refused', 'no'));
    expect(ends).toEqual(['a: login_refused, no', 'b: login_refused, no']);
    expect(line.size).toBe(0);
  });

  it('waits on in the line that takes the place of this one', () => {
    enter('a', { waitMs: 1_000 });
    const next = newLine();
    free = ['one'];
    line.moveTo(next);
    expect([line.size, next.size, ends]).toEqual([0, 0, ['a: one']]);
    enter('b', { waitMs: 1_000 });
    line.moveTo(next);
    next.refuseLate(later(monotonicMs(), 1_001), true, null);
    expect(ends[1]).toBe('b: busy, no connection became free in time');
  });

  it('waits again where what was to serve it failed', () => {
    const one = waiter('a');
    line.enterAgain(one);
    expect(looks).toEqual([]);
    free = ['one'];
    line.serveAll();
    expect(ends).toEqual(['a: one']);
  });
});

describe('whoever would wait in vain', () => {
  /** A line that has stood still for `ms`, by a clock that the test cannot set: it waits. */
  async function standsFor(ms: number): Promise<void> {
    enter('first', { waitMs: 1e9 });
    await new Promise((resolve) => setTimeout(resolve, ms));
  }

  it('is told at once', async () => {
    await standsFor(20);
    enter('b', { waitMs: 5 });
    expect(ends).toEqual([
      expect.stringMatching(/^b: busy, those who wait .* already need longer/),
    ]);
    enter('c', { waitMs: 1e9 });
    expect([line.size, ends.length]).toEqual([2, 1]);
  });

  it('waits all the same while no node is reached', async () => {
    await standsFor(20);
    line.enter(waiter('b', { waitMs: 5 }), false);
    expect([line.size, ends]).toEqual([2, []]);
  });

  it('waits all the same for a connection in no keyspace, which is opened for it', async () => {
    await standsFor(20);
    enter('b', { waitMs: 5, criteria: { keyspace: NO_KEYSPACE } });
    expect([line.size, ends]).toEqual([2, []]);
  });
});
