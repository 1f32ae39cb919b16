// Which node's connection a request leaves by, without sockets.
import { describe, expect, it } from 'vitest';
import { NO_KEYSPACE } from '../../src/cql/connection-state.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { ANYWHERE, type ConnectionCriteria } from '../../src/upstream/connection-criteria.ts';
import { RouteChoice } from '../../src/upstream/route-choice.ts';
import { FakeConnection, FakePool, nodeNamed, switchingTo } from '../support/choosable.ts';

/** Pools by datacenter. */
function choiceOver(...tiers: FakePool[][]): RouteChoice<FakeConnection, FakePool> {
  for (const [i, tier] of tiers.entries()) for (const pool of tier) pool.tier = i;
  const all = tiers.flat();
  return new RouteChoice<FakeConnection, FakePool>({
    tiers,
    current: all,
    of: (node) => all.find((pool) => pool.node === node),
  });
}

const pool = (host: string, ...connections: FakeConnection[]): FakePool =>
  new FakePool(nodeNamed(host), ...connections);
const busy = (load: number, keyspace: string | null = null) => new FakeConnection(keyspace, load);
const criteria = (change: Partial<ConnectionCriteria>): ConnectionCriteria => ({
  ...ANYWHERE,
  ...change,
});

describe('the node of a request', () => {
  it('is the preferred one with the least to do', () => {
    const all = [pool('a', busy(0)), pool('b', busy(5)), pool('c', busy(3))];
    const preferred = [all[1]!.node, all[2]!.node];
    expect(choiceOver(all).pick(criteria({ preferred }))).toBe(all[2]!.connections[0]);
  });

  it('is the first preferred one where the order counts, unless that is suspect', () => {
    const all = [pool('a', busy(0)), pool('b', busy(5)), pool('c', busy(3))];
    const preferred = [all[1]!.node, all[2]!.node];
    const choice = choiceOver(all);
    const inOrder = criteria({ preferred, inOrder: true });
    expect(choice.pick(inOrder)).toBe(all[1]!.connections[0]);
    all[1]!.connections[0]!.isSuspect = true;
    expect(choice.pick(inOrder)).toBe(all[2]!.connections[0]);
  });

  it('is any with the least to do where no preferred one is reached', () => {
    const all = [pool('a', busy(2)), pool('b', busy(1)), pool('c')];
    expect(choiceOver(all).pick(criteria({ preferred: [all[2]!.node] }))).toBe(
      all[1]!.connections[0],
    );
  });

  it('differs from turn to turn among nodes with as much to do', () => {
    const all = [pool('a', busy(0)), pool('b', busy(0)), pool('c', busy(0))];
    const choice = choiceOver(all);
    const picked = [1, 2, 3].map(() => choice.pick(ANYWHERE));
    expect(new Set(picked).size).toBe(3);
  });

  it('is rather one with a connection in the keyspace, of those with as much to do', () => {
    const all = [pool('a', busy(1)), pool('b', busy(1, 'k')), pool('c', busy(0))];
    const choice = choiceOver(all);
    const named = criteria({ keyspace: 'k', naming: true });
    for (let i = 0; i < 3; i++) expect(choice.pick(named)).toBe(all[2]!.connections[0]);
    all[2]!.connections[0]!.load = 1;
    for (let i = 0; i < 3; i++) expect(choice.pick(named)).toBe(all[1]!.connections[0]);
  });

  it('is compared with a bounded number of others', () => {
    const all = Array.from({ length: 3 * UPSTREAM.poolsCompared }, (_unused, i) =>
      pool(`10.0.0.${i}`, busy(1)),
    );
    let asked = 0;
    for (const one of all) {
      const pick = one.pick.bind(one);
      one.pick = (...args) => {
        asked++;
        return pick(...args);
      };
    }
    choiceOver(all).pick(ANYWHERE);
    expect(asked).toBe(UPSTREAM.poolsCompared);
  });

  it('is not the one that failed it, unless there is no other', () => {
    const all = [pool('a', busy(0)), pool('b', busy(9))];
    const choice = choiceOver(all);
    const avoiding = criteria({ avoid: all[0]!.node.name, preferred: [all[0]!.node] });
    expect(choice.pick(avoiding)).toBe(all[1]!.connections[0]);
    // The other one is there and has no room: waiting for it is better than asking the same again.
    all[1]!.connections[0]!.hasRoom = false;
    expect(choice.pick(avoiding)).toBeNull();
    all[1]!.connections.pop();
    expect(choice.pick(avoiding)).toBe(all[0]!.connections[0]);
  });

  it('is the one node that will do while that is reached, and else any', () => {
    const all = [pool('a', busy(0, 'k')), pool('b', busy(0))];
    const choice = choiceOver(all);
    const bound = criteria({ keyspace: 'k', preferred: [all[1]!.node], only: true });
    expect(choice.pick(bound)).toBeNull();
    all[1]!.connections.pop();
    expect(choice.pick(bound)).toBe(all[0]!.connections[0]);
  });

  it('is of the first datacenter with a connection', () => {
    const [local, remote] = [pool('a'), pool('b', busy(0))];
    const choice = choiceOver([local], [remote]);
    expect(choice.pick(criteria({ preferred: [local.node] }))).toBe(remote.connections[0]);
    expect(choice.hasOther(remote.node.name)).toBe(false);
    local.connections.push(busy(9));
    expect(choice.pick(criteria({ preferred: [remote.node] }))).toBe(local.connections[0]);
  });

  it('is none where none is known', () => {
    expect(choiceOver().pick(ANYWHERE)).toBeNull();
    expect(choiceOver([pool('a')]).pick(ANYWHERE)).toBeNull();
  });
});

describe('a request that needs no keyspace', () => {
  const inNone = criteria({ keyspace: NO_KEYSPACE });

  it('goes by the connection that is kept in none, and no other', () => {
    const one = pool('a', busy(0));
    const choice = choiceOver([one]);
    expect(choice.pick(inNone)).toBeNull();
    one.bare = busy(7);
    expect(choice.pick(inNone)).toBe(one.bare);
  });

  it('goes to the node that failed it where no other has such a connection', () => {
    const [a, b] = [pool('a', busy(0)), pool('b', busy(0))];
    const choice = choiceOver([a, b]);
    a.bare = busy(0);
    const avoiding = { ...inNone, avoid: a.node.name };
    expect(choice.pick(avoiding)).toBe(a.bare);
    b.bare = busy(0);
    expect(choice.pick(avoiding)).toBe(b.bare);
  });
});

describe('a USE', () => {
  it('goes by a connection in that keyspace, and leaves it as it is', () => {
    const there = busy(3, 'k');
    const choice = choiceOver([pool('a', busy(0), there)]);
    expect(choice.pickForUse('k', null)).toBe(there);
    expect(switchingTo(there)).toBeNull();
  });

  it('goes by one whose keyspace may be set, and marks it', () => {
    const [read, free] = [busy(0, 'x').readBy(1), busy(0, 'y')];
    const choice = choiceOver([pool('a', read, free)]);
    expect(choice.pickForUse('k', null)).toBe(free);
    expect(switchingTo(free)).toBe('k');
    expect(choice.pickForUse('k', null)).toBeNull();
  });

  it('goes by the one that it was offered, if that is still free and of this route', () => {
    const offered = busy(0, 'x');
    offered.keyspaceState.offer();
    const other = busy(0);
    const choice = choiceOver([pool('a', other, offered)]);
    expect(choice.pickForUse('k', offered)).toBe(offered);
    expect(choice.pickForUse('m', offered)).toBe(other);
    const foreign = busy(0);
    expect(choiceOver([pool('b', busy(0))]).pickForUse('k', foreign)).not.toBe(foreign);
  });
});

it('sets a connection of a node that serves the request, the preferred ones first', () => {
  const all = [pool('a', busy(0)), pool('b', busy(0, 'x')), pool('c', busy(0, 'x'))];
  const choice = choiceOver(all);
  const preferred = [all[1]!.node];
  expect(choice.switchable(criteria({ preferred }), 'k')).toBe(all[1]!.connections[0]);
  expect(choice.switchable(ANYWHERE, 'k')).toBe(all[0]!.connections[0]);
  const avoiding = criteria({ avoid: all[0]!.node.name, preferred: [all[0]!.node] });
  expect(choice.switchable(avoiding, 'k')).toBe(all[1]!.connections[0]);
  const bound = criteria({ preferred: [all[2]!.node], only: true });
  expect(choice.switchable(bound, 'k')).toBe(all[2]!.connections[0]);
});
