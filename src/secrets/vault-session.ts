// The gate's standing with Vault: a token that is renewed while it can be, and made anew when it
// can't. Leases end with the token they were taken with, so whoever holds one asks which that was.
import { later, monotonicMs, msBetween, NEVER, type MonotonicMs } from '../clock.ts';
import { guarded, unattended } from '../guard.ts';
import { SECRETS } from '../limits/services.ts';
import { dueInMs, retryInMs } from './due.ts';
import { SecretFault } from './fault.ts';
import type { VaultAuthSpec } from './upstream-login.ts';
import { logInToVault } from './vault-auth.ts';
import type { VaultAnswer, VaultClient, VaultRequest } from './vault-client.ts';

/** A token of Vault. Its end moves when it is renewed. */
export interface VaultToken {
  readonly value: string;
  endsAtMs: MonotonicMs;
  readonly grantedMs: number;
  readonly isRenewable: boolean;
  readonly isOwn: boolean;
}

interface AskedWith {
  /** What a lease in the answer hangs on. */
  readonly token: VaultToken;
}

export interface VaultSessionOptions {
  readonly client: VaultClient;
  readonly auth: VaultAuthSpec;
  readonly base: string;
  readonly onFault: (fault: SecretFault) => void;
}

export class VaultSession {
  readonly #options: VaultSessionOptions;
  #token: VaultToken | null = null;
  #loggingIn: Promise<VaultToken> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #failures = 0;
  #closed = false;

  constructor(options: VaultSessionOptions) {
    this.#options = options;
  }

  /** The token that the next request goes with. Rejects with SecretFault. */
  async token(): Promise<VaultToken> {
    const token = this.#token;
    return token !== null && token.endsAtMs > monotonicMs() ? token : this.#logIn();
  }

  /** Rejects with SecretFault. */
  async ask(path: string, body?: VaultRequest['body']): Promise<VaultAnswer & AskedWith> {
    const token = await this.token();
    try {
      return await this.#askWith(token, path, body);
    } catch (error) {
      if (!isDenial(error) || (await this.#isAlive(token))) throw error;
      // It was revoked, or Vault forgot it: only a login tells it from a path that is denied.
      return this.#askWith(await this.#logIn(), path, body);
    }
  }

  /** Gives a token of its own back; what hangs on it ends with it. Never rejects. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const token = this.#token;
    if (token?.isOwn === true) {
      await this.#options.client
        .ask('auth/token/revoke-self', {
          token: token.value,
          body: {},
          timeoutMs: SECRETS.revokeTimeoutMs,
        })
        .catch(() => undefined);
    }
    await this.#options.client.close();
  }

  async #askWith(
    token: VaultToken,
    path: string,
    body: VaultRequest['body'],
  ): Promise<VaultAnswer & AskedWith> {
    const answer = await this.#options.client.ask(path, {
      token: token.value,
      ...(body === undefined ? {} : { body }),
    });
    return { ...answer, token };
  }

  async #isAlive({ value }: VaultToken): Promise<boolean> {
    try {
      await this.#options.client.ask('auth/token/lookup-self', { token: value });
      return true;
    } catch (error) {
      return !isDenial(error);
    }
  }

  async #logIn(): Promise<VaultToken> {
    this.#loggingIn ??= this.#newToken().finally(() => {
      this.#loggingIn = null;
    });
    return this.#loggingIn;
  }

  async #newToken(): Promise<VaultToken> {
    const { client, auth, base } = this.#options;
    const askedAtMs = monotonicMs();
    const { token, ttlMs, isRenewable, isOwn } = await logInToVault(client, auth, base);
    const before = this.#token;
    if (before?.value === token) before.endsAtMs = later(askedAtMs, ttlMs);
    else {
      this.#token = {
        value: token,
        endsAtMs: later(askedAtMs, ttlMs),
        grantedMs: ttlMs,
        isRenewable,
        isOwn,
      };
    }
    const present = this.#token ?? before!;
    this.#renewIn(dueInMs(msBetween(monotonicMs(), present.endsAtMs)));
    return present;
  }

  #renewIn(waitMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    const renew = (): void => unattended('vault', this.#renew());
    if (!this.#closed) this.#timer = setTimeout(guarded('vault', renew), waitMs);
  }

  async #renew(): Promise<void> {
    const token = this.#token;
    if (token === null) return;
    try {
      if (!(await this.#renewed(token))) await this.#logIn();
      this.#failures = 0;
    } catch (error) {
      this.#failures++;
      this.#options.onFault(error instanceof SecretFault ? error : new SecretFault(String(error)));
      this.#renewIn(retryInMs(this.#failures));
    }
  }

  /** False when its longest life is near: then the next token is due. */
  async #renewed(token: VaultToken): Promise<boolean> {
    if (token.endsAtMs === NEVER) {
      this.#renewIn(SECRETS.longestWaitMs);
      return true;
    }
    if (!token.isRenewable) return false;
    const askedAtMs = monotonicMs();
    try {
      const { auth } = await this.#options.client.ask('auth/token/renew-self', {
        token: token.value,
        body: {},
      });
      if (auth === null || auth.ttlMs < token.grantedMs / 2) return false;
      token.endsAtMs = later(askedAtMs, auth.ttlMs);
      this.#renewIn(dueInMs(auth.ttlMs));
      return true;
    } catch (error) {
      if (error instanceof SecretFault && !error.mayPass) return false;
      throw error;
    }
  }
}

function isDenial(error: unknown): boolean {
  return error instanceof SecretFault && error.status === 403;
}
