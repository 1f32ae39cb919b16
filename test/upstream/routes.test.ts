// The routes by role and version, and what becomes of them when a login is to change and is not let in; no connection
// is ever made. The change itself is tested in rotation.test.ts.
import { afterEach, describe, expect, it } from 'vitest';
import type { Login } from '../../src/secrets/upstream-login.ts';
import { ConnectionBudget } from '../../src/upstream/connection-budget.ts';
import type { Dial } from '../../src/upstream/dial.ts';
import { Routes } from '../../src/upstream/routes.ts';
import { nodeNamed } from '../support/choosable.ts';
import { dialNowhere, dialRefused } from '../support/unanswered.ts';

const login = (name: string, password = 'pw'): Login => ({
  name,
  open: false,
  username: name,
  password,
});
const loginOf = (name: string): Login | null => (name === 'unknown' ? null : login(name));

const open: Routes[] = [];

function routesBy(dial: Dial) {
  const faults: string[] = [];
  const routes = new Routes({
    dial,
    compression: null,
    connections: 1,
    budget: new ConnectionBudget(100),
    onFault: ({ code }) => faults.push(code),
    onRefused: async () => Promise.resolve(false),
  });
  open.push(routes);
  return { routes, faults };
}

afterEach(() => {
  for (const routes of open.splice(0)) routes.close();
});

describe('the routes', () => {
  it('are one for each role and version, made when they are first asked for', () => {
    const { routes } = routesBy(dialNowhere);
    const one = routes.route('ci', 4, loginOf);
    expect(routes.route('ci', 4, loginOf)).toBe(one);
    expect(routes.route('ci', 5, loginOf)).not.toBe(one);
    expect(routes.route('batch', 4, loginOf)).not.toBe(one);
    expect(routes.states.map(({ cassandraRole, version }) => [cassandraRole, version])).toEqual([
      ['ci', 4],
      ['ci', 5],
      ['batch', 4],
    ]);
  });

  it('are none for a role without a login', () => {
    const { routes } = routesBy(dialNowhere);
    expect(routes.route('unknown', 4, loginOf)).toBeNull();
    expect(routes.states).toEqual([]);
  });

  it('have the nodes that are known, also those that are made later', () => {
    const { routes } = routesBy(dialNowhere);
    const before = routes.route('ci', 4, loginOf)!;
    const node = nodeNamed('a');
    routes.setNodes([[node]]);
    const after = routes.route('batch', 4, loginOf)!;
    expect([before, after].map(({ pools }) => pools.map((pool) => pool.node))).toEqual([
      [node],
      [node],
    ]);
  });

  it('stay as they were where the next login is not let in, and nothing is said to be in force', async () => {
    const { routes, faults } = routesBy(dialRefused);
    routes.setNodes([[nodeNamed('a')]]);
    const before = routes.route('ci', 4, loginOf);
    let isInForce = false;
    await expect(
      routes.moveTo(login('ci', 'next'), () => (isInForce = true)),
    ).rejects.toMatchObject({ code: 'unreachable' });
    expect(isInForce).toBe(false);
    expect(routes.route('ci', 4, loginOf)).toBe(before);
    expect(routes.epoch).toBe(0);
    expect(routes.states).toHaveLength(1);
    expect(faults).toContain('unreachable');
  });

  it('of a role without any are none after its login changed, which is in force all the same', async () => {
    const { routes } = routesBy(dialRefused);
    const calls: string[] = [];
    await routes.moveTo(login('ci'), () => calls.push('in force'));
    expect(calls).toEqual(['in force']);
    expect(routes.epoch).toBe(1);
    expect(routes.states).toEqual([]);
  });

  it('take nobody in once they are closed', async () => {
    const { routes } = routesBy(dialNowhere);
    const route = routes.route('ci', 4, loginOf)!;
    routes.close();
    expect(routes.states).toEqual([]);
    await expect(routes.moveTo(login('ci'), () => undefined)).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(route.open).toBe(0);
  });
});
