// The gate's token of Vault: renewed while it can be, made anew when it can't, given back if it is the gate's own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SECRETS } from '../../src/limits/services.ts';
import { SecretFault } from '../../src/secrets/fault.ts';
import type { VaultClient, VaultRequest } from '../../src/secrets/vault-client.ts';
import { VaultSession } from '../../src/secrets/vault-session.ts';

const TTL_MS = 60_000;
const DENIED = new SecretFault('denied', { status: 403 });

let directory: string;
let asked: string[];
let ttlMs: number;
let isRenewable: boolean;
let renewedMs: number;
let refuse: (path: string, request: VaultRequest) => SecretFault | null;
let faults: string[];

const client = {
  ask: async (at: string, request: VaultRequest = {}) => {
    asked.push(at);
    await Promise.resolve();
    const refusal = refuse(at, request);
    if (refusal !== null) throw refusal;
    if (at === 'auth/token/renew-self')
      return { auth: { token: 't', ttlMs: renewedMs, isRenewable } };
    if (at.endsWith('/login')) {
      return { auth: { token: `t${asked.length}`, ttlMs, isRenewable } };
    }
    return { data: { ttl: ttlMs / 1_000, renewable: isRenewable } };
  },
  close: async () => Promise.resolve(),
} as unknown as VaultClient;

beforeEach(async () => {
  directory = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
  await writeFile(path.join(directory, 'secret'), 'canary');
  asked = [];
  faults = [];
  ttlMs = TTL_MS;
  renewedMs = TTL_MS;
  isRenewable = true;
  refuse = () => null;
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.spyOn(Math, 'random').mockReturnValue(0);
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await rm(directory, { recursive: true });
});

const own = { approle: { roleId: 'gate', secretId: { file: 'secret' } } };
const sessionOf = (auth: ConstructorParameters<typeof VaultSession>[0]['auth'] = own) =>
  new VaultSession({
    client,
    auth,
    base: directory,
    onFault: ({ message }) => faults.push(message),
  });
const logins = (): number => asked.filter((at) => at.endsWith('/login')).length;
const renewals = (): number => asked.filter((at) => at.endsWith('renew-self')).length;
/** Files are read by threads, which no clock of a test moves. */
const files = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a token', () => {
  it('is asked for once by all who need it, and serves until its end', async () => {
    const session = sessionOf();
    const [a, b] = await Promise.all([session.token(), session.token()]);
    expect([a === b, logins()]).toEqual([true, 1]);
    refuse = (at) =>
      at.endsWith('renew-self') ? new SecretFault('down', { mayPass: true }) : null;
    vi.advanceTimersByTime(TTL_MS - 1);
    expect(await session.token()).toBe(a);
    vi.advanceTimersByTime(1);
    expect(await session.token()).not.toBe(a);
    await session.close();
  });

  it('is renewed after its share, and again after that of what it was given', async () => {
    const session = sessionOf();
    const { endsAtMs } = await session.token();
    const shareMs = TTL_MS * SECRETS.renewAfterShare;
    await vi.advanceTimersByTimeAsync(shareMs - 1);
    expect(renewals()).toBe(0);
    await vi.advanceTimersByTimeAsync(2);
    expect(renewals()).toBe(1);
    expect((await session.token()).endsAtMs).not.toBe(endsAtMs);
    await vi.advanceTimersByTimeAsync(shareMs);
    expect([renewals(), logins()]).toEqual([2, 1]);
    await session.close();
  });

  it('is made anew near its longest life, or where it can not be renewed', async () => {
    const session = sessionOf();
    await session.token();
    renewedMs = TTL_MS / 2 - 1;
    await vi.advanceTimersByTimeAsync(TTL_MS * SECRETS.renewAfterShare + 1);
    await vi.waitFor(() => expect(logins()).toBe(2));
    await session.close();
  });

  it('that never ends is looked at once a day, and nothing is asked', async () => {
    isRenewable = false;
    ttlMs = 0;
    const session = sessionOf();
    await session.token();
    await vi.advanceTimersByTimeAsync(3 * SECRETS.longestWaitMs);
    expect([logins(), renewals(), vi.getTimerCount()]).toEqual([1, 0, 1]);
    await session.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is tried for again after a failure, which is told each time', async () => {
    const session = sessionOf();
    await session.token();
    refuse = () => new SecretFault('down', { mayPass: true });
    await vi.advanceTimersByTimeAsync(TTL_MS * SECRETS.renewAfterShare + 1);
    expect(faults).toEqual(['down']);
    // By half of the least, since chance gives nothing here.
    await vi.advanceTimersByTimeAsync(SECRETS.retryMinMs / 2);
    await files();
    expect(faults).toEqual(['down', 'down']);
    await session.close();
  });
});

describe('a request that is denied', () => {
  it('is made again with a new token where the old one was revoked', async () => {
    const session = sessionOf();
    const first = await session.token();
    refuse = (_at, { token }) => (token === first.value ? DENIED : null);
    const { token } = await session.ask('secret/data/x');
    expect(token).not.toBe(first);
    expect(logins()).toBe(2);
    await session.close();
  });

  it('is denied where the token lives: no login is made for it', async () => {
    const session = sessionOf();
    await session.token();
    refuse = (at) => (at === 'secret/data/x' ? DENIED : null);
    await expect(session.ask('secret/data/x')).rejects.toBe(DENIED);
    expect(logins()).toBe(1);
    await session.close();
  });
});

describe('at the end', () => {
  it('a token of its own is given back, and none that it was given', async () => {
    for (const auth of [own, { token: { file: 'secret' } }]) {
      const session = sessionOf(auth);
      await session.token();
      await session.close();
    }
    expect(asked.filter((at) => at.endsWith('revoke-self'))).toHaveLength(1);
  });
});
