// Logins from Vault: every way in, every kind of secret, and what the gate does when Vault is ill.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wallMs } from '../../src/clock.ts';
import { msUntil } from '../support/moments.ts';
import type {
  Login,
  LoginSpec,
  VaultAuthSpec,
  VaultSpec,
} from '../../src/secrets/upstream-login.ts';
import { Logins } from '../../src/secrets/logins.ts';
import { VaultDouble, type VaultFault } from '../support/vault.ts';

let vault: VaultDouble;
let dir: string;
let logins: Logins | null = null;
const events: string[] = [];

beforeEach(async () => {
  vault = await VaultDouble.start();
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-vault-'));
  await writeFile(path.join(dir, 'token'), vault.newToken());
  await writeFile(path.join(dir, 'secret-id'), `${vault.secretId}\n`);
  await writeFile(path.join(dir, 'jwt'), `${vault.jwt}\n`);
  vault.kv.set('secret/data/cassandra', {
    data: { ci: 'kv-password' },
    createdAt: new Date(Date.now() - 3_600_000).toISOString(),
  });
  vault.statics.set('database/static-creds/ci', {
    username: 'static_ci',
    password: 'static-password',
    rotatedAt: new Date(Date.now() - 7_200_000).toISOString(),
  });
  events.length = 0;
});

afterEach(async () => {
  await logins?.close();
  logins = null;
  await vault.close();
  await rm(dir, { recursive: true, force: true });
});

const KV: LoginSpec = {
  username: 'ci',
  password: { vault: { path: 'secret/data/cassandra', field: 'ci' } },
};
const STATIC: LoginSpec = { vault: { path: 'database/static-creds/ci' } };
const LEASE: LoginSpec = { vault: { path: 'database/creds/ci' } };
const TOKEN: VaultAuthSpec = { token: { file: 'token' } };
const APPROLE: VaultAuthSpec = { approle: { roleId: 'gate', secretId: { file: 'secret-id' } } };

async function create(
  spec: LoginSpec,
  auth = APPROLE,
  more: Partial<VaultSpec> & { maxSecretAgeMs?: number; startTimeoutMs?: number } = {},
): Promise<Logins> {
  const { maxSecretAgeMs = 86_400_000, startTimeoutMs = 60_000, ...rest } = more;
  logins = await Logins.create({
    specs: { ci: spec },
    vault: { address: vault.address, auth, ...rest },
    base: dir,
    maxSecretAgeMs,
    startTimeoutMs,
    listener: {
      changed: (name) => events.push(`changed ${name}`),
      failed: (name, fault) => events.push(`failed ${name}: ${fault.message}`),
      vaultFailed: (fault) => events.push(`vault: ${fault.message}`),
    },
  });
  return logins;
}

async function start(
  ...of: Parameters<typeof create>
): Promise<() => Extract<Login, { open: false }>> {
  const made = await create(...of);
  await made.start();
  return () => made.sources.get('ci')!.current() as Extract<Login, { open: false }>;
}

const asked = (pattern: RegExp): number => vault.asked.filter((one) => pattern.test(one)).length;

describe('the ways in', () => {
  const ways: [string, VaultAuthSpec][] = [
    ['a token', TOKEN],
    ['an app role', APPROLE],
    [
      'an app role mounted elsewhere',
      { approle: { roleId: 'gate', secretId: { file: 'secret-id' }, mount: 'own-approle' } },
    ],
    ['a service account', { kubernetes: { role: 'gate', tokenFile: 'jwt' } }],
    ['a JWT', { jwt: { role: 'gate', tokenFile: 'jwt' } }],
  ];
  it.each(ways)('%s', async (_name, auth) => {
    const login = await start(KV, auth);
    expect(login()).toMatchObject({ username: 'ci', password: 'kv-password' });
  });

  it('goes to its namespace', async () => {
    vault.namespace = 'team/a';
    const login = await start(KV, APPROLE, { namespace: 'team/a' });
    expect(login().password).toBe('kv-password');
    await expect((await create(KV, APPROLE)).start()).rejects.toThrow('has nothing there (404)');
  });

  it('renews its token, and logs in anew near its longest life', async () => {
    vault.tokenTtlSeconds = 2;
    vault.tokenMaxTtlSeconds = 4;
    await start(KV);
    await expect.poll(() => asked(/renew-self/), { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
    await expect.poll(() => asked(/approle\/login/), { timeout: 10_000 }).toBeGreaterThan(1);
    await expect(logins!.sources.get('ci')!.refresh()).resolves.toBeDefined();
    expect(events).toEqual(['changed ci']);
  });

  it('logs in anew when its token was revoked, reading the secret id again', async () => {
    await start(KV);
    vault.secretId = 'another-secret-id';
    await writeFile(path.join(dir, 'secret-id'), vault.secretId);
    for (const token of vault.tokens.keys()) await vault.revokeToken(token);
    await logins!.sources.get('ci')!.refresh();
    expect(asked(/approle\/login/)).toBe(2);
  });

  it('does not log in again and again where a path is denied', async () => {
    await start(KV);
    vault.fault = 'denied';
    vault.faultAt = /^secret/;
    const source = logins!.sources.get('ci')!;
    await expect(source.refresh()).rejects.toThrow('denied it (403)');
    expect(asked(/approle\/login/)).toBe(1);
  });

  it('gives back a token that it made, and none that it was given', async () => {
    await start(KV);
    await logins!.close();
    expect(vault.tokens.size).toBe(1);
    await start(KV, TOKEN);
    await logins!.close();
    expect(vault.tokens.size).toBe(1);
  });
});

describe('KV version 2', () => {
  it('is as old as its version, and a new one is taken', async () => {
    const login = await start(KV);
    expect(logins!.ages(wallMs())[0]![1] / 60_000).toBeCloseTo(60, 0);
    const before = login();
    vault.kv.set('secret/data/cassandra', {
      data: { ci: 'next' },
      createdAt: new Date().toISOString(),
    });
    expect(await logins!.sources.get('ci')!.refresh()).not.toBe(before);
    expect(login().password).toBe('next');
    expect(logins!.ages(wallMs())[0]![1]).toBeLessThan(5_000);
  });

  it('drops one line end, which stores put behind a secret', async () => {
    vault.kv.set('secret/data/cassandra', { data: { ci: 'secret \n' }, createdAt: '' });
    const login = await start(KV);
    expect(login().password).toBe('secret ');
  });

  it.each([
    ['a missing field', { other: 'x' }],
    ['an empty one', { ci: '' }],
  ])('refuses %s, naming it', async (_name, data) => {
    vault.kv.set('secret/data/cassandra', { data, createdAt: '' });
    await expect((await create(KV)).start()).rejects.toThrow(
      'Vault has no text called ci at secret/data/cassandra',
    );
  });
});

describe('static credentials', () => {
  it.each(['last_vault_rotation', 'last_openbao_rotation'])(
    'are as old as %s says',
    async (key) => {
      vault.rotationKey = key;
      const login = await start(STATIC);
      expect(login()).toMatchObject({ username: 'static_ci', password: 'static-password' });
      expect(login().lease).toBeUndefined();
      expect(logins!.ages(wallMs())[0]![1] / 3_600_000).toBeCloseTo(2, 1);
      expect(logins!.usernames).toEqual(['static_ci']);
    },
  );

  it('are read again when Vault has rotated them', async () => {
    vault.staticTtlSeconds = 1;
    const login = await start(STATIC);
    vault.statics.get('database/static-creds/ci')!.password = 'rotated';
    await expect.poll(() => login().password, { timeout: 5_000 }).toBe('rotated');
  });
});

describe('leases', () => {
  it('are renewed with the same login while they can be', async () => {
    vault.leaseTtlSeconds = 3;
    const login = await start(LEASE);
    const first = login();
    const endsAtMs = first.lease!.endsAtMs;
    expect(msUntil(endsAtMs)).toBeLessThan(3_000);
    await expect.poll(() => first.lease!.endsAtMs > endsAtMs, { timeout: 5_000 }).toBe(true);
    expect(login()).toBe(first);
    expect(asked(/database\/creds/)).toBe(1);
    expect(logins!.usernames).toEqual([first.username]);
  });

  it('are replaced before their longest life ends, and both users are protected meanwhile', async () => {
    vault.leaseTtlSeconds = vault.leaseMaxTtlSeconds = 4;
    const login = await start(LEASE);
    const first = login();
    await expect.poll(() => login().username, { timeout: 5_000 }).not.toBe(first.username);
    expect(msUntil(first.lease!.endsAtMs)).toBeGreaterThan(0);
    expect(logins!.usernames).toEqual([first.username, login().username]);
  });

  it('are replaced before they are too old, though Vault would renew them', async () => {
    const login = await start(LEASE, APPROLE, { maxSecretAgeMs: 2_000 });
    const first = login();
    await expect.poll(() => login(), { timeout: 5_000 }).not.toBe(first);
    expect(asked(/leases\/renew/)).toBe(0);
  });

  it('end with the token they were taken with, and are replaced before that', async () => {
    vault.tokenTtlSeconds = vault.tokenMaxTtlSeconds = 4;
    const login = await start(LEASE);
    const first = login();
    expect(msUntil(first.lease!.endsAtMs)).toBeLessThan(4_000);
    await expect.poll(() => login(), { timeout: 5_000 }).not.toBe(first);
    expect(login().lease!.endsAtMs > first.lease!.endsAtMs).toBe(true);
  });

  it('are taken anew when the cluster refuses one, but not without end', async () => {
    const login = await start(LEASE);
    const first = login();
    const source = logins!.sources.get('ci')!;
    const [second] = await Promise.all([source.refresh(), source.refresh(), source.refresh()]);
    expect(second).not.toBe(first);
    for (let i = 0; i < 20; i++) expect(await source.refresh()).toBe(second);
    expect(asked(/database\/creds/)).toBe(2);
  });

  it('are revoked at the end, all of them', async () => {
    const login = await start(LEASE, TOKEN);
    login();
    await logins!.sources.get('ci')!.refresh();
    expect(vault.leases.size).toBe(2);
    await logins!.close();
    expect(vault.leases.size).toBe(0);
  });

  it('do not hold up the end when Vault is silent', async () => {
    await start(LEASE);
    vault.fault = 'slow';
    const startedAtMs = Date.now();
    await logins!.close();
    logins = null;
    expect(Date.now() - startedAtMs).toBeLessThan(7_000);
  });
});

describe('while Vault is ill', () => {
  const faults: [VaultFault, string][] = [
    ['error', 'failed (500)'],
    ['sealed', 'is sealed'],
    ['busy', 'asked too often (429)'],
    ['garbage', "no answer of Vault's"],
    ['redirect', 'redirect'],
  ];
  it.each(faults)(
    '%s: the login serves on, the reason is told without its words',
    async (fault, text) => {
      const login = await start(KV);
      const before = login();
      vault.fault = fault;
      await expect(logins!.sources.get('ci')!.refresh()).rejects.toThrow(text);
      expect(login()).toBe(before);
      expect(logins!.warnings(wallMs()).join()).toContain(text);
      expect(events.join()).not.toMatch(/canary|CREATE USER|kv-password|hvs\./);
      vault.fault = 'none';
      await expect.poll(() => logins!.warnings(wallMs()), { timeout: 5_000 }).toEqual([]);
    },
  );

  it('waits for it at start, and starts when it is back', async () => {
    vault.fault = 'sealed';
    setTimeout(() => (vault.fault = 'none'), 1_000);
    const login = await start(KV);
    expect(login().password).toBe('kv-password');
    expect(events.filter((one) => one.includes('is sealed'))).toHaveLength(1);
  });

  it('gives up at start after a while, and says why', async () => {
    await vault.down();
    const made = await create(KV, APPROLE, { startTimeoutMs: 1_500 });
    await expect(made.start()).rejects.toThrow(
      /the secret of Cassandra role ci: Vault: .*could not be asked \(ECONNREFUSED\)/,
    );
    await vault.listen();
  });

  it('gives up at once where waiting mends nothing', async () => {
    const startedAtMs = Date.now();
    vault.secretId = 'changed';
    await expect((await create(KV)).start()).rejects.toThrow('refused the request (400)');
    await expect(
      (await create({ vault: { path: 'database/static-creds/no' } })).start(),
    ).rejects.toThrow();
    expect(Date.now() - startedAtMs).toBeLessThan(3_000);
  });
});

const real = {
  address: process.env['VAULT_ADDR'] ?? '',
  token: process.env['VAULT_TOKEN'] ?? '',
  /** For instance secret/data/cqlgate, with a field `password`. */
  kv: process.env['CQLGATE_TEST_VAULT_KV'] ?? '',
  /** For instance database/creds/cqlgate. */
  creds: process.env['CQLGATE_TEST_VAULT_CREDS'] ?? '',
};
const isThere = real.address !== '' && real.token !== '';

describe('a real Vault', () => {
  beforeEach(async () => writeFile(path.join(dir, 'token'), real.token));

  it.skipIf(!isThere || real.kv === '')(
    'gives a secret of KV version 2 (needs VAULT_ADDR, VAULT_TOKEN, CQLGATE_TEST_VAULT_KV)',
    async () => {
      const spec = { username: 'ci', password: { vault: { path: real.kv, field: 'password' } } };
      const login = await start(spec, TOKEN, { address: real.address });
      expect(login().password).not.toBe('');
    },
  );

  it.skipIf(!isThere || real.creds === '')(
    'gives leases and takes them back (needs VAULT_ADDR, VAULT_TOKEN, CQLGATE_TEST_VAULT_CREDS)',
    async () => {
      const spec = { vault: { path: real.creds } };
      const login = await start(spec, TOKEN, { address: real.address });
      const first = login();
      expect(msUntil(first.lease!.endsAtMs)).toBeGreaterThan(0);
      await expect(logins!.sources.get('ci')!.refresh()).resolves.not.toBe(first);
      await logins!.close();
    },
  );
});
