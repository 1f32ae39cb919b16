// Logins in Vault that stay what they are until somebody changes them.
import { describe, expect, it } from 'vitest';
import { isoTime } from '../../src/wall-clock.ts';
import { SECRETS } from '../../src/limits/services.ts';
import { kvReader, staticReader, textOf } from '../../src/secrets/vault-readers.ts';
import type { VaultSession } from '../../src/secrets/vault-session.ts';

const CREATED = '2026-01-02T03:04:05.000Z';

const sessionOf = (data: unknown) =>
  ({ ask: async () => Promise.resolve({ data }) }) as unknown as VaultSession;

describe('a field of KV version 2', () => {
  const at = { path: 'secret/data/cassandra', field: 'ci' };

  it('is the password of its user, looked at again after a while', async () => {
    const data = { data: { ci: 'pw\n' }, metadata: { created_time: CREATED } };
    const reader = kvReader(sessionOf(data), 'ci', at);
    const reading = await reader.read('due');
    expect(reading).toMatchObject({ username: 'ci', password: 'pw', lease: null });
    expect(isoTime(reading.sinceMs!)).toBe(CREATED);
    expect(reading.againInMs).toBe(SECRETS.vaultPollMs);
    expect(reader.usernames()).toEqual(['ci']);
  });

  it.each([
    [{ data: { ci: '\n' } }, 'has an empty ci'],
    [{ data: { other: 'x' } }, 'has no text called ci'],
    [{ data: { ci: 5 } }, 'has no text called ci'],
    [{ data: null }, 'has no text called ci'],
    [{}, 'has no text called ci'],
  ])('is refused where Vault has %j', async (data, problem) => {
    await expect(kvReader(sessionOf(data), 'ci', at).read('due')).rejects.toThrow(problem);
  });
});

describe('static credentials', () => {
  const data = { username: 's', password: 'pw', last_vault_rotation: CREATED };

  it('are read again a moment after Vault rotates them, and after a while at the latest', async () => {
    const read = async (ttl: unknown) =>
      (await staticReader(sessionOf({ ...data, ttl }), 'database/static-creds/ci').read('due'))
        .againInMs;
    expect(await read(1)).toBe(1_000 + SECRETS.retryMinMs);
    expect(await read(3_600)).toBe(SECRETS.vaultPollMs);
    expect(await read('soon')).toBe(SECRETS.vaultPollMs);
  });

  it('have the user that Vault names, and none before', async () => {
    const reader = staticReader(sessionOf(data), 'database/static-creds/ci');
    expect(reader.usernames()).toEqual([]);
    expect(isoTime((await reader.read('due')).sinceMs!)).toBe(CREATED);
    expect(reader.usernames()).toEqual(['s']);
  });
});

it('a text of Vault is refused where it is none, without saying what it is', () => {
  expect(textOf({ a: 'x' }, 'a', 'p')).toBe('x');
  expect(() => textOf({ a: ['secret'] }, 'a', 'p')).toThrow('Vault has no text called a at p');
  expect(() => textOf({ a: '' }, 'a', 'p')).toThrow('Vault has no text called a at p');
});
