// Leases: when one is renewed, when the next is taken instead, and when its connections end.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { later, monotonicMs, msBetween, NEVER, type MonotonicMs } from '../../src/clock.ts';
import { SECRETS } from '../../src/limits/services.ts';
import { SecretFault } from '../../src/secrets/fault.ts';
import { leaseReader } from '../../src/secrets/leases.ts';
import type { Reading } from '../../src/secrets/reader.ts';
import type { VaultSession } from '../../src/secrets/vault-session.ts';
import { msUntil } from '../support/moments.ts';

const HOUR = 3_600_000;

let asked: string[];
let leaseMs: number;
let renewedMs: number;
let isRenewable: boolean;
let refusal: SecretFault | null;
let token: { endsAtMs: MonotonicMs };

const session = {
  token: async () => Promise.resolve(token),
  ask: async (path: string) => {
    asked.push(path);
    if (path === 'sys/leases/renew') {
      if (refusal !== null) throw refusal;
      return Promise.resolve({ leaseMs: renewedMs });
    }
    const data = { username: `u${asked.length}`, password: 'p' };
    return Promise.resolve({ leaseId: `l${asked.length}`, leaseMs, isRenewable, data, token });
  },
} as unknown as VaultSession;

beforeEach(() => {
  asked = [];
  leaseMs = HOUR;
  renewedMs = HOUR;
  isRenewable = true;
  refusal = null;
  token = { endsAtMs: NEVER };
  vi.useFakeTimers({ toFake: ['performance', 'Date'] });
  // Without jitter each wait has one length.
  vi.spyOn(Math, 'random').mockReturnValue(0);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const reader = (maxAgeMs = 1_000 * HOUR) => leaseReader(session, 'database/creds/x', maxAgeMs);
const msLeft = ({ lease }: Reading): number => msUntil(lease!.endsAtMs);

describe('a lease', () => {
  it('has its connections end before Vault drops its user: by the margin, or a tenth of a short one', async () => {
    expect(msLeft(await reader().read('due'))).toBe(HOUR - SECRETS.leaseMarginMs);
    leaseMs = 10 * SECRETS.leaseMarginMs;
    expect(msLeft(await reader().read('due'))).toBe(leaseMs - SECRETS.leaseMarginMs);
    leaseMs = SECRETS.leaseMarginMs;
    expect(msLeft(await reader().read('due'))).toBe(0.9 * leaseMs);
  });

  it('ends with the token that it was taken with, if that is sooner', async () => {
    token = { endsAtMs: later(monotonicMs(), 60_000) };
    expect(msLeft(await reader().read('due'))).toBe(60_000 - SECRETS.leaseMarginMs);
  });

  it('is looked at again after its share, or when it is too old, a moment after the timer', async () => {
    const { againInMs } = await reader().read('due');
    const shareMs = (HOUR - SECRETS.leaseMarginMs) * SECRETS.renewAfterShare;
    expect(againInMs).toBe(Math.ceil(shareMs));
    const old = await reader(HOUR / 2).read('due');
    expect(old.againInMs).toBe(
      Math.ceil((HOUR / 2) * SECRETS.renewAfterShare + SECRETS.timerSlackMs),
    );
    leaseMs = 10;
    expect((await reader().read('due')).againInMs).toBe(SECRETS.retryMinMs);
  });

  it('is renewed and stays the same login, until it is as old as one may be', async () => {
    const of = reader(HOUR);
    const first = await of.read('due');
    vi.advanceTimersByTime(HOUR * SECRETS.renewAfterShare - 1);
    const second = await of.read('due');
    expect([second.username, second.lease === first.lease]).toEqual([first.username, true]);
    expect(msLeft(second)).toBe(HOUR - SECRETS.leaseMarginMs);
    vi.advanceTimersByTime(1);
    expect((await of.read('due')).username).not.toBe(first.username);
    expect(asked.filter((path) => path === 'sys/leases/renew')).toHaveLength(1);
  });

  it.each([
    ['Vault says that it can not be renewed', () => (isRenewable = false)],
    ['the cluster refused it', () => undefined],
    ['its longest life is near', () => (renewedMs = HOUR / 2 - 1)],
    ['Vault refuses to renew it', () => (refusal = new SecretFault('denied'))],
    ['it was taken with another token', () => undefined],
  ])('is followed by another one where %s', async (why, prepare) => {
    prepare();
    const of = reader();
    const first = await of.read('due');
    if (why.includes('token')) token = { endsAtMs: NEVER };
    const next = await of.read(why.includes('cluster') ? 'refused' : 'due');
    expect(next.username).not.toBe(first.username);
    // Both users exist until the first one ends.
    expect(of.usernames()).toEqual([first.username, next.username]);
  });

  it('is neither renewed nor given up while Vault is ill', async () => {
    const of = reader();
    const first = await of.read('due');
    refusal = new SecretFault('sealed', { mayPass: true });
    await expect(of.read('due')).rejects.toBe(refusal);
    refusal = null;
    expect((await of.read('due')).username).toBe(first.username);
  });

  it('that ended is forgotten when the next is taken, and all that are held are revoked', async () => {
    const of = reader();
    const first = await of.read('due');
    vi.advanceTimersByTime(msBetween(monotonicMs(), first.lease!.endsAtMs));
    const second = await of.read('refused');
    expect(of.usernames()).toEqual([second.username]);
    await of.read('refused');
    await of.close!();
    expect(asked.filter((path) => path === 'sys/leases/revoke')).toHaveLength(2);
  });

  it('is refused where Vault gives none', async () => {
    leaseMs = 0;
    await expect(reader().read('due')).rejects.toThrow(/gave no lease/);
  });
});
