// Vault's HTTP API (OpenBao's too): one request, its answer in one shape, its refusal as a
// SecretFault. Texts of Vault are not passed on: those of the database engine can quote passwords.
import { z } from 'zod';
import { OutboundClient, OutboundFault } from '../outbound/client.ts';
import { durationOf } from '../wall-clock.ts';
import { SecretFault } from './fault.ts';

/** What any endpoint answers; absent parts are empty. Durations in Vault are seconds. */
const answerSchema = z.object({
  lease_id: z.string().nullish(),
  lease_duration: z.number().nonnegative().nullish(),
  renewable: z.boolean().nullish(),
  data: z.record(z.string(), z.unknown()).nullish(),
  auth: z
    .object({
      client_token: z.string().min(1),
      lease_duration: z.number().nonnegative(),
      renewable: z.boolean(),
    })
    .nullish(),
});

export interface VaultAnswer {
  readonly leaseId: string;
  readonly leaseMs: number;
  readonly isRenewable: boolean;
  readonly data: Readonly<Record<string, unknown>>;
  readonly auth: { readonly token: string; readonly ttlMs: number; isRenewable: boolean } | null;
}

export interface VaultRequest {
  readonly token?: string;
  /** Sent as JSON by POST; without one it is a GET. */
  readonly body?: Readonly<Record<string, unknown>>;
  readonly timeoutMs?: number;
}

/** https://developer.hashicorp.com/vault/api-docs#http-status-codes, and what to do. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'refused the request (400): check role, mount and what it was given',
  403: 'denied it (403): check the token and its policies',
  404: 'has nothing there (404): check the path; KV version 2 has /data/ in it',
  429: 'is a standby or was asked too often (429)',
  503: 'is sealed or in maintenance (503)',
};

export class VaultClient {
  readonly #address: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #client: OutboundClient;

  /** `ca` is PEM text. */
  constructor(options: {
    address: string;
    namespace?: string | undefined;
    ca?: string | undefined;
  }) {
    this.#address = options.address.replace(/\/+$/, '');
    this.#headers = {
      'x-vault-request': 'true',
      ...(options.namespace === undefined ? {} : { 'x-vault-namespace': options.namespace }),
    };
    this.#client = new OutboundClient({ ca: options.ca });
  }

  /** `path` is what follows /v1/. Rejects with SecretFault. */
  async ask(path: string, { token, body, timeoutMs }: VaultRequest = {}): Promise<VaultAnswer> {
    const url = `${this.#address}/v1/${path.split('/').map(encodeURIComponent).join('/')}`;
    const { status, json } = await this.#client
      .ask(url, {
        method: body === undefined ? 'GET' : 'POST',
        headers: { ...this.#headers, ...(token === undefined ? {} : { 'x-vault-token': token }) },
        json: body,
        ...(timeoutMs === undefined ? {} : { timeoutMs }),
      })
      .catch((error: unknown) => {
        if (!(error instanceof OutboundFault)) throw error;
        throw new SecretFault(`Vault: ${error.message}`, { mayPass: true });
      });
    if (status >= 400) {
      const text = REFUSALS[status] ?? `failed (${status})`;
      const mayPass = status === 429 || status >= 472;
      throw new SecretFault(`Vault ${text}: ${path}`, { mayPass, status });
    }
    const answer = answerSchema.safeParse(status === 204 ? {} : json);
    if (!answer.success) {
      throw new SecretFault(`Vault answered ${path} with what is no answer of Vault's`, {
        mayPass: true,
        status,
      });
    }
    const { lease_id, lease_duration, renewable, data, auth } = answer.data;
    return {
      leaseId: lease_id ?? '',
      leaseMs: durationOf(lease_duration ?? 0, 1000),
      isRenewable: renewable ?? false,
      data: data ?? {},
      auth:
        auth === null || auth === undefined
          ? null
          : {
              token: auth.client_token,
              ttlMs: durationOf(auth.lease_duration, 1000),
              isRenewable: auth.renewable,
            },
    };
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
