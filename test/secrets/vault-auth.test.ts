// The ways to log in to Vault: where each asks, with what, and for how long the token lives.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VaultAuthSpec } from '../../src/secrets/upstream-login.ts';
import { logInToVault } from '../../src/secrets/vault-auth.ts';
import type { VaultClient, VaultRequest } from '../../src/secrets/vault-client.ts';

let directory: string;
let asked: [path: string, request: VaultRequest][];
let answer: { data?: unknown; auth: unknown };

const client = {
  ask: async (at: string, request: VaultRequest) => {
    asked.push([at, request]);
    return Promise.resolve(answer);
  },
} as unknown as VaultClient;

beforeEach(async () => {
  asked = [];
  answer = { auth: { token: 't', ttlMs: 5_000, isRenewable: true } };
  directory = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
  await writeFile(path.join(directory, 'secret'), 'canary\n');
});

afterEach(async () => rm(directory, { recursive: true }));

const logIn = async (auth: VaultAuthSpec) => logInToVault(client, auth, directory);

describe('a login', () => {
  it.each<[VaultAuthSpec, string, object]>([
    [
      { approle: { roleId: 'gate', secretId: { file: 'secret' } } },
      'auth/approle/login',
      { role_id: 'gate', secret_id: 'canary' },
    ],
    [
      { approle: { roleId: 'gate', secretId: { file: 'secret' }, mount: 'own' } },
      'auth/own/login',
      { role_id: 'gate', secret_id: 'canary' },
    ],
    [
      { kubernetes: { role: 'gate', tokenFile: 'secret' } },
      'auth/kubernetes/login',
      { role: 'gate', jwt: 'canary' },
    ],
    [
      { jwt: { role: 'gate', tokenFile: 'secret', mount: 'j' } },
      'auth/j/login',
      { role: 'gate', jwt: 'canary' },
    ],
  ])('by %j', async (auth, at, body) => {
    expect(await logIn(auth)).toEqual({ token: 't', ttlMs: 5_000, isRenewable: true, isOwn: true });
    expect(asked).toEqual([[at, { body }]]);
  });

  it('that gives a token for ever says so, and one without a token is refused', async () => {
    const auth: VaultAuthSpec = { jwt: { role: 'gate', tokenFile: 'secret' } };
    answer = { auth: { token: 't', ttlMs: 0, isRenewable: false } };
    expect((await logIn(auth)).ttlMs).toBe(Infinity);
    answer = { auth: null };
    await expect(logIn(auth)).rejects.toThrow('at auth/jwt without a token');
  });
});

describe('a token that somebody else made', () => {
  const auth: VaultAuthSpec = { token: { file: 'secret' } };

  it.each([
    [{ ttl: 60, renewable: true }, 60_000, true],
    [{ ttl: 0 }, Infinity, false],
    [{}, Infinity, false],
    [{ ttl: -5, renewable: 'yes' }, 0, false],
  ])('is looked up: of %j it lives for %d ms', async (data, ttlMs, isRenewable) => {
    answer = { data, auth: null };
    expect(await logIn(auth)).toEqual({ token: 'canary', ttlMs, isRenewable, isOwn: false });
    expect(asked).toEqual([['auth/token/lookup-self', { token: 'canary' }]]);
  });
});
