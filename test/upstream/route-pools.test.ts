// The pools of a route, as nodes come and go; no connection is ever made.
import { afterEach, describe, expect, it } from 'vitest';
import { later, monotonicMs } from '../../src/clock.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import { ConnectionBudget } from '../../src/upstream/connection-budget.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import type { ClusterNode } from '../../src/upstream/node.ts';
import { Pool } from '../../src/upstream/pool.ts';
import { RoutePools } from '../../src/upstream/route-pools.ts';
import { nodeNamed } from '../support/choosable.ts';
import { dialNowhere } from '../support/unanswered.ts';

const LOGIN = { name: 'ci', open: false, username: 'ci', password: 'pw' } as const;
const CLOSED = new UpstreamFault('unreachable', 'closed');
const [a, b, c] = ['a', 'b', 'c'].map((host) => nodeNamed(host)) as [
  ClusterNode,
  ClusterNode,
  ClusterNode,
];

const opened: Pool[] = [];
const budget = new ConnectionBudget(10);

function newPool(node: ClusterNode): Pool {
  const pool = new Pool(
    node,
    {
      dial: dialNowhere,
      version: 4,
      login: LOGIN,
      compression: null,
      connections: 1,
      budget,
    },
    { available: () => undefined, opened: () => undefined, failed: () => undefined },
  );
  opened.push(pool);
  return pool;
}

afterEach(() => {
  for (const pool of opened.splice(0)) pool.close(CLOSED);
});

const NOBODY: ReadonlySet<string> = new Set();

describe('the pools of a route', () => {
  it('are one for each node, in the order of the datacenters', () => {
    const pools = new RoutePools(newPool);
    pools.setNodes([[a, b], [c]]);
    expect(pools.tiers.map((tier) => tier.map(({ node }) => node))).toEqual([[a, b], [c]]);
    expect(pools.local.map(({ node }) => node)).toEqual([a, b]);
    expect(pools.all.map(({ tier }) => tier)).toEqual([0, 0, 1]);
    expect(pools.of(b)?.node).toBe(b);
    expect([pools.ready, pools.open, pools.inFlight, pools.isIdle]).toEqual([0, 0, 0, true]);
  });

  it('are none before any node is known', () => {
    const pools = new RoutePools(newPool);
    expect([pools.all, pools.tiers, pools.local]).toEqual([[], [], []]);
    expect(pools.of(a)).toBeUndefined();
  });

  it('stay the same for a node that stays, wherever its datacenter stands', () => {
    const pools = new RoutePools(newPool);
    pools.setNodes([[a, b]]);
    const before = pools.of(a);
    pools.setNodes([[c], [a]]);
    expect(pools.of(a)).toBe(before);
    expect(before?.tier).toBe(1);
    expect(opened).toHaveLength(3);
  });

  it('of a node that left take part no more, open nothing, and close once they are idle', () => {
    const pools = new RoutePools(newPool);
    pools.setNodes([[a, b]]);
    const left = pools.of(b)!;
    pools.setNodes([[a]]);
    expect(pools.of(b)).toBeUndefined();
    expect([...pools.current].map(({ node }) => node)).toEqual([a]);
    expect(pools.all).toContain(left);
    left.warm();
    expect(budget.taken).toBe(0);
    pools.tick(monotonicMs(), NOBODY, CLOSED);
    expect(pools.all).not.toContain(left);
  });

  it('of a node that left and is busy close when their time is over', () => {
    const pools = new RoutePools(newPool);
    pools.setNodes([[a, b]]);
    const left = pools.of(b)!;
    Object.defineProperty(left, 'isIdle', { get: () => false });
    pools.setNodes([[a]]);
    pools.tick(later(monotonicMs(), UPSTREAM.retiredPoolMs - 1_000), NOBODY, CLOSED);
    expect(pools.all).toContain(left);
    pools.tick(later(monotonicMs(), UPSTREAM.retiredPoolMs + 1), NOBODY, CLOSED);
    expect(pools.all).not.toContain(left);
  });
});
