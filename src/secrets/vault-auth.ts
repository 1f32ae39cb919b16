// The ways to log in to Vault: which endpoint, with what. One row each.
import { durationOf } from '../wall-clock.ts';
import { SecretFault } from './fault.ts';
import type { VaultAuthSpec } from './upstream-login.ts';
import { readLocal, readSecretFile } from './local.ts';
import type { VaultClient } from './vault-client.ts';

export interface VaultLogin {
  readonly token: string;
  /** Infinity for one that never ends. */
  readonly ttlMs: number;
  readonly isRenewable: boolean;
  /** Made by this login, so that it is the gate's to revoke. */
  readonly isOwn: boolean;
}

/** Files are read at each login: projected tokens and wrapped secrets change. Rejects with SecretFault. */
export async function logInToVault(
  client: VaultClient,
  auth: VaultAuthSpec,
  base: string,
): Promise<VaultLogin> {
  if ('token' in auth) return given(client, (await readLocal(auth.token, base)).value);
  if ('approle' in auth) {
    const { roleId, secretId, mount = 'approle' } = auth.approle;
    const { value } = await readLocal(secretId, base);
    return login(client, mount, { role_id: roleId, secret_id: value });
  }
  const [kind, { role, tokenFile, mount }] =
    'kubernetes' in auth
      ? (['kubernetes', auth.kubernetes] as const)
      : (['jwt', auth.jwt] as const);
  const { value } = await readSecretFile(tokenFile, base);
  return login(client, mount ?? kind, { role, jwt: value });
}

async function login(
  client: VaultClient,
  mount: string,
  body: Readonly<Record<string, string>>,
): Promise<VaultLogin> {
  const { auth } = await client.ask(`auth/${mount}/login`, { body });
  if (auth === null) {
    throw new SecretFault(`Vault answered the login at auth/${mount} without a token`);
  }
  const { token, ttlMs, isRenewable } = auth;
  return { token, ttlMs: ttlMs === 0 ? Infinity : ttlMs, isRenewable, isOwn: true };
}

/** A token that somebody else made: Vault says how long it lives. */
async function given(client: VaultClient, token: string): Promise<VaultLogin> {
  const { data } = await client.ask('auth/token/lookup-self', { token });
  const { ttl } = data;
  // Vault says 0 of a token that never ends; one that ended already says less, and does not live on.
  const isEndless = typeof ttl !== 'number' || ttl === 0;
  return {
    token,
    ttlMs: isEndless ? Infinity : durationOf(ttl, 1000),
    isRenewable: data['renewable'] === true,
    isOwn: false,
  };
}
