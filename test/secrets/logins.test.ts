// All logins together: at start Vault is waited for, at the end it is not waited for long.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { later, monotonicMs, wallMs } from '../../src/clock.ts';
import { ConfigFault } from '../../src/errors.ts';
import { SECRETS } from '../../src/limits/services.ts';
import type { LoginSpec } from '../../src/secrets/upstream-login.ts';
import { Logins } from '../../src/secrets/logins.ts';
import { limit } from '../support/limits.ts';
import { VaultDouble } from '../support/vault.ts';

let vault: VaultDouble;
let directory: string;

beforeEach(async () => {
  vault = await VaultDouble.start();
  directory = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
  await writeFile(path.join(directory, 'token'), vault.newToken());
  await writeFile(path.join(directory, 'password'), 'pw');
});

afterEach(async () => {
  vi.useRealTimers();
  await vault.close();
  await rm(directory, { recursive: true });
});

const LEASE: LoginSpec = { vault: { path: 'database/creds/ci' } };

const loginsOf = async (specs: Record<string, LoginSpec>) =>
  Logins.create({
    specs,
    vault: { address: vault.address, auth: { token: { file: 'token' } } },
    base: directory,
    maxSecretAgeMs: 3_600_000,
    listener: { changed: () => undefined, failed: () => undefined, vaultFailed: () => undefined },
  });

describe('logins', () => {
  it('are of their sources, and open where the cluster asks for none', async () => {
    const logins = await loginsOf({
      file: { username: 'f', password: { file: 'password' } },
      open: { open: true },
      lease: LEASE,
    });
    await logins.start();
    const of = (name: string) => logins.sources.get(name)!.current();
    expect(of('open')).toEqual({ name: 'open', open: true });
    expect(await logins.sources.get('open')!.refresh()).toBe(of('open'));
    expect(of('file')).toMatchObject({ username: 'f', password: 'pw' });
    expect(logins.usernames).toHaveLength(2);
    expect(logins.ages(wallMs()).map(([name]) => name)).toEqual(['file', 'lease']);
    expect(logins.warnings(later(wallMs(), 7_200_000))).toEqual([
      expect.stringContaining('role file is 2 h old'),
      expect.stringContaining('role lease is 2 h old'),
    ]);
    await logins.close();
  });

  it('wait at start for a Vault that is ill, and for no longer than they may', async () => {
    limit(SECRETS, { startTimeoutMs: 1_500, retryMinMs: 50 });
    vault.fault = 'sealed';
    const logins = await loginsOf({ lease: LEASE });
    const before = monotonicMs();
    const started = logins.start();
    await expect(started).rejects.toThrow(ConfigFault);
    await expect(started).rejects.toThrow(/role lease: .*sealed/);
    expect(later(before, SECRETS.startTimeoutMs) <= monotonicMs()).toBe(true);
    expect(vault.asked.length).toBeGreaterThan(2);
    await logins.close();
  });

  it('wait at the end for a silent Vault no longer than they may', async () => {
    limit(SECRETS, { revokeTimeoutMs: 200 });
    const logins = await loginsOf({ lease: LEASE });
    await logins.start();
    vault.fault = 'slow';
    const before = monotonicMs();
    await logins.close();
    expect(later(before, SECRETS.revokeTimeoutMs - 5) <= monotonicMs()).toBe(true);
    expect(later(before, 5_000) >= monotonicMs()).toBe(true);
  });

  it('fail at once where the CA of Vault can not be read', async () => {
    const made = Logins.create({
      specs: {},
      vault: { address: 'https://127.0.0.1:1', ca: 'none.pem', auth: { token: { file: 'token' } } },
      base: directory,
      maxSecretAgeMs: 1,
      listener: { changed: () => undefined, failed: () => undefined, vaultFailed: () => undefined },
    });
    await expect(made).rejects.toThrow('vault.ca: none.pem cannot be read');
  });
});
