// Until when a login may be used.
import { expect, it } from 'vitest';
import { NEVER } from '../../src/clock.ts';
import { endOf, hasEnded, type Login } from '../../src/secrets/upstream-login.ts';
import { monotonic } from '../support/moments.ts';

const login: Login = { name: 'ci', open: false, username: 'ci', password: 'pw' };
const leased: Login = { ...login, lease: { endsAtMs: monotonic(100) } };

it('a login ends with its lease, at that moment, and else never', () => {
  expect(endOf(leased)).toBe(monotonic(100));
  expect([hasEnded(leased, monotonic(99)), hasEnded(leased, monotonic(100))]).toEqual([
    false,
    true,
  ]);
  for (const lasting of [login, { name: 'ci', open: true } as const, null]) {
    expect(endOf(lasting)).toBe(NEVER);
  }
  expect(hasEnded(login, monotonic(1e15))).toBe(false);
});
