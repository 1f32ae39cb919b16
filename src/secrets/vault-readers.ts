// Logins in Vault that stay what they are until somebody changes them: a field of KV version 2, and
// static credentials of the database engine, which Vault itself rotates.
import { wallMs, type WallMs } from '../clock.ts';
import { SECRETS } from '../limits/services.ts';
import { durationOf, timeOfText } from '../wall-clock.ts';
import { SecretFault } from './fault.ts';
import { withoutLineEnd } from './local.ts';
import type { Reader } from './reader.ts';
import type { VaultSession } from './vault-session.ts';

/** `path` is as in the API, `secret/data/cassandra`; `field` holds the password of `username`. */
export function kvReader(
  session: VaultSession,
  username: string,
  { path, field }: { readonly path: string; readonly field: string },
): Reader {
  return {
    async read() {
      const { data } = await session.ask(path);
      const { metadata } = data;
      const password = withoutLineEnd(textOf(objectOf(data['data']), field, path));
      if (password === '') throw new SecretFault(`Vault has an empty ${field} at ${path}`);
      const created = objectOf(metadata)['created_time'];
      return {
        username,
        password,
        sinceMs: timeOf(created),
        lease: null,
        againInMs: SECRETS.vaultPollMs,
      };
    },
    usernames: () => [username],
  };
}

/** `path` is `database/static-creds/<role>`. */
export function staticReader(session: VaultSession, path: string): Reader {
  let name: string | null = null;
  return {
    async read() {
      const { data } = await session.ask(path);
      const username = textOf(data, 'username', path);
      const password = textOf(data, 'password', path);
      name = username;
      // OpenBao has its own name for it.
      const rotated = data['last_vault_rotation'] ?? data['last_openbao_rotation'];
      const ttlMs = typeof data['ttl'] === 'number' ? durationOf(data['ttl'], 1000) : Infinity;
      return {
        username,
        password,
        sinceMs: timeOf(rotated),
        lease: null,
        // Vault rotates when the time to live is over, and a moment after that it can be read.
        againInMs: Math.min(SECRETS.vaultPollMs, ttlMs + SECRETS.retryMinMs),
      };
    },
    usernames: () => (name === null ? [] : [name]),
  };
}

export function textOf(data: Readonly<Record<string, unknown>>, key: string, path: string): string {
  const value = data[key];
  if (typeof value === 'string' && value !== '') return value;
  throw new SecretFault(`Vault has no text called ${key} at ${path}`);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Where Vault does not say it, the secret counts from now. */
function timeOf(text: unknown): WallMs {
  return timeOfText(text) ?? wallMs();
}
