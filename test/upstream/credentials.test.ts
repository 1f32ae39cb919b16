// The change from one login to the next: the one before stays in force until the cluster has let the next in,
// and what is refused is tried again, later each time. test/upstream/rotation.test.ts has it with connections.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { monotonicMs } from '../../src/clock.ts';
import { UPSTREAM } from '../../src/limits/upstream.ts';
import type { Lease, Login } from '../../src/secrets/upstream-login.ts';
import { Credentials } from '../../src/upstream/credentials.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { monotonic } from '../support/moments.ts';

const loginOf = (username: string, lease?: Lease): Login => ({
  name: 'ci',
  open: false,
  username,
  password: 'pw',
  ...(lease === undefined ? {} : { lease }),
});

const FIRST = loginOf('first');
const SECOND = loginOf('second');

let current: Login;
let refreshed: Login | Error;
let refreshes: number;
/** What the cluster says to a login; null lets it in. */
let refusal: Error | null;
let tried: string[];
let moved: string[];
let faults: UpstreamFault[];
let credentials: Credentials;
/** Set: a move waits for this. */
let gate: Promise<void> | null;

const nameOf = (login: Login): string => (login.open ? 'open' : login.username);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] });
  [current, refreshed, refreshes, refusal, gate] = [FIRST, FIRST, 0, null, null];
  [tried, moved, faults] = [[], [], []];
  const source = {
    current: () => current,
    refresh: async () => {
      refreshes++;
      return refreshed instanceof Error ? Promise.reject(refreshed) : Promise.resolve(refreshed);
    },
  };
  credentials = new Credentials({
    sources: new Map([['ci', source]]),
    moveTo: async (login) => {
      tried.push(nameOf(login));
      await gate;
      if (refusal !== null) throw refusal;
    },
    moved: (login) => moved.push(nameOf(login)),
    fault: (fault) => faults.push(fault),
  });
});
afterEach(() => void vi.useRealTimers());

const settle = async (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
const tick = async (): Promise<void> => {
  credentials.tick(monotonicMs());
  await settle();
};
const inForce = (): string => nameOf(credentials.of('ci')!);

describe('the login of a role', () => {
  it('is what its secret was when it was first asked for, until there is a change', () => {
    expect(inForce()).toBe('first');
    current = SECOND;
    expect(inForce()).toBe('first');
  });

  it('is none where the configuration has none', () => {
    expect(credentials.of('other')).toBeNull();
    expect(credentials.names).toEqual(['ci']);
  });
});

describe('a secret that changed', () => {
  beforeEach(() => void credentials.of('ci'));

  it('comes into force once the cluster has let it in, and not before', async () => {
    let open: () => void = () => undefined;
    gate = new Promise((resolve) => (open = resolve));
    current = SECOND;
    await tick();
    expect([tried, moved, inForce()]).toEqual([['second'], [], 'first']);
    open();
    await settle();
    expect([moved, inForce()]).toEqual([['second'], 'second']);
  });

  it('is not tried while there is no other, nor a second time while it is tried', async () => {
    await tick();
    expect(tried).toEqual([]);
    gate = new Promise(() => undefined);
    current = SECOND;
    await tick();
    await tick();
    expect(tried).toEqual(['second']);
  });

  it('is not tried once its lease is over', async () => {
    current = loginOf('leased', { endsAtMs: monotonic(0) });
    await tick();
    expect(tried).toEqual([]);
  });

  it('is tried again while it is refused, each time after twice as long, up to a bound', async () => {
    refusal = new UpstreamFault('login_refused', 'no');
    current = SECOND;
    await tick();
    const waits: number[] = [];
    let waitMs: number = UPSTREAM.rotationRetryMinMs;
    for (let i = 0; i < 7; i++) {
      vi.advanceTimersByTime(waitMs - 1);
      await tick();
      expect(tried).toHaveLength(i + 1);
      vi.advanceTimersByTime(1);
      await tick();
      expect(tried).toHaveLength(i + 2);
      waits.push(waitMs);
      waitMs = Math.min(2 * waitMs, UPSTREAM.rotationRetryMaxMs);
    }
    expect(waits.at(-1)).toBe(UPSTREAM.rotationRetryMaxMs);
    expect([inForce(), credentials.failing]).toEqual(['first', ['ci']]);
    expect(faults).toHaveLength(8);

    refusal = null;
    vi.advanceTimersByTime(UPSTREAM.rotationRetryMaxMs);
    await tick();
    expect([inForce(), credentials.failing]).toEqual(['second', []]);
  });

  it('is tried at once where it is another one again', async () => {
    refusal = new UpstreamFault('login_refused', 'no');
    current = SECOND;
    await tick();
    current = loginOf('third');
    await tick();
    expect(tried).toEqual(['second', 'third']);
  });

  it('tells a fault as it is, and an error of another kind as one', async () => {
    const fault = new UpstreamFault('timeout', 'no answer');
    refusal = fault;
    current = SECOND;
    await tick();
    refusal = new Error('ours');
    current = loginOf('third');
    await tick();
    expect(faults[0]).toBe(fault);
    expect(faults[1]).toMatchObject({ name: 'UpstreamFault', code: 'internal' });
  });
});

describe('a login that the cluster refused', () => {
  beforeEach(() => void credentials.of('ci'));

  it('is replaced by what its secret is now, asked for once', async () => {
    refreshed = SECOND;
    expect(await credentials.replace(FIRST)).toBe(true);
    expect([inForce(), refreshes, moved]).toEqual(['second', 1, ['second']]);
  });

  it('was replaced already where another one is in force', async () => {
    refreshed = SECOND;
    await credentials.replace(FIRST);
    expect(await credentials.replace(FIRST)).toBe(true);
    expect(refreshes).toBe(1);
  });

  it('stays where its secret is still the same, or can not be read', async () => {
    expect(await credentials.replace(FIRST)).toBe(false);
    refreshed = new Error('no such file');
    expect(await credentials.replace(FIRST)).toBe(false);
    expect([tried, inForce()]).toEqual([[], 'first']);
    expect(await credentials.fresh({ name: 'other', open: true })).toBeNull();
  });

  it('stays where the next one is refused too', async () => {
    refreshed = SECOND;
    refusal = new UpstreamFault('login_refused', 'no');
    expect(await credentials.replace(FIRST)).toBe(false);
    expect([inForce(), credentials.failing]).toEqual(['first', ['ci']]);
  });

  it('is replaced once for all who ask at the same time', async () => {
    refreshed = SECOND;
    gate = new Promise((resolve) => setTimeout(resolve, 10));
    const all = Promise.all([
      credentials.replace(FIRST),
      credentials.replace(FIRST),
      credentials.replace(FIRST),
    ]);
    await vi.advanceTimersByTimeAsync(10);
    expect(await all).toEqual([true, true, true]);
    expect([tried, moved]).toEqual([['second'], ['second']]);
  });

  it('gives way to a later secret once the one that is tried is through', async () => {
    let open: () => void = () => undefined;
    gate = new Promise((resolve) => (open = resolve));
    refreshed = SECOND;
    const second = credentials.replace(FIRST);
    await settle();
    refreshed = loginOf('third');
    const third = credentials.replace(FIRST);
    await settle();
    expect(tried).toEqual(['second']);
    open();
    expect(await Promise.all([second, third])).toEqual([true, true]);
    expect([tried, inForce()]).toEqual([['second', 'third'], 'third']);
  });
});
