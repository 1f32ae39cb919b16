// A Vault over HTTP on loopback, made of the documented shapes of its API: auth methods, KV version 2,
// the database engine's leases and static credentials, with the faults a real one can have. Whoever
// gives it `createUser` and `dropUser` has leases with real users.
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export type VaultFault =
  'none' | 'denied' | 'error' | 'sealed' | 'busy' | 'slow' | 'garbage' | 'redirect';

export interface VaultLease {
  readonly id: string;
  readonly username: string;
  readonly password: string;
  readonly token: string;
  endsAtMs: number;
  /** Renewals stop here. */
  readonly maxEndMs: number;
}

export interface VaultOptions {
  readonly createUser?: (username: string, password: string) => Promise<void>;
  readonly dropUser?: (username: string) => Promise<void>;
}

interface Token {
  endsAtMs: number;
  readonly maxEndMs: number;
  readonly renewable: boolean;
}

type Handler = (request: {
  readonly path: string;
  readonly token: string;
  readonly body: Record<string, any>;
}) => Promise<{ status: number; json?: unknown }> | { status: number; json?: unknown };

const seconds = (endsAtMs: number): number =>
  Math.max(0, Math.round((endsAtMs - Date.now()) / 1000));

const ok = (json: object = {}) => ({ status: 200, json: { request_id: randomUUID(), ...json } });
const refused = (status: number, text: string) => ({ status, json: { errors: [text] } });

export class VaultDouble {
  readonly #server: http.Server;
  readonly #options: VaultOptions;
  readonly #timer: NodeJS.Timeout;
  readonly tokens = new Map<string, Token>();
  readonly leases = new Map<string, VaultLease>();
  /** Paths asked, with the method, oldest first. */
  readonly asked: string[] = [];
  fault: VaultFault = 'none';
  /** Only this path is ill. */
  faultAt: RegExp = /./;
  readonly kv = new Map<string, { data: Record<string, string>; createdAt: string }>();
  readonly statics = new Map<string, { username: string; password: string; rotatedAt: string }>();
  staticTtlSeconds = 3600;
  rotationKey = 'last_vault_rotation';
  tokenTtlSeconds = 3600;
  tokenMaxTtlSeconds = 86_400;
  leaseTtlSeconds = 3600;
  leaseMaxTtlSeconds = 86_400;
  namespace: string | null = null;
  secretId = 'secret-id-canary';
  jwt = 'jwt-canary';
  port = 0;

  private constructor(options: VaultOptions) {
    this.#options = options;
    this.#server = http.createServer((request, response) => void this.#serve(request, response));
    this.#timer = setInterval(() => void this.expire(), 100);
  }

  static async start(options: VaultOptions = {}): Promise<VaultDouble> {
    const vault = new VaultDouble(options);
    await vault.listen();
    return vault;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** A token as an operator would make it; 0 seconds: it never ends. */
  newToken(ttlSeconds = this.tokenTtlSeconds, renewable = true): string {
    const token = `hvs.${randomUUID()}`;
    const nowMs = Date.now();
    this.tokens.set(token, {
      endsAtMs: ttlSeconds === 0 ? Infinity : nowMs + ttlSeconds * 1000,
      maxEndMs: nowMs + this.tokenMaxTtlSeconds * 1000,
      renewable,
    });
    return token;
  }

  /** As `vault token revoke` does: its leases end with it. */
  async revokeToken(token: string): Promise<void> {
    this.tokens.delete(token);
    const hanging = [...this.leases.values()].filter((lease) => lease.token === token);
    for (const lease of hanging) await this.#end(lease);
  }

  /** Ends what is over, as Vault's expiration manager does. */
  async expire(): Promise<void> {
    const nowMs = Date.now();
    for (const [token, { endsAtMs }] of this.tokens) {
      if (endsAtMs <= nowMs) await this.revokeToken(token);
    }
    for (const lease of [...this.leases.values()])
      if (lease.endsAtMs <= nowMs) await this.#end(lease);
  }

  /** No longer reachable; `listen` brings it back on the same port. */
  async down(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.down();
  }

  async #end(lease: VaultLease): Promise<void> {
    if (!this.leases.delete(lease.id)) return;
    await this.#options.dropUser?.(lease.username);
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = (request.url ?? '').replace('/v1/', '');
    this.asked.push(`${request.method} ${path}`);
    const { status, json } = await this.#answer(request, path, Buffer.concat(chunks).toString());
    if (status === 302) response.setHeader('location', 'http://127.0.0.1:1/');
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(json === undefined ? '' : typeof json === 'string' ? json : JSON.stringify(json));
  }

  async #answer(request: http.IncomingMessage, path: string, text: string) {
    if (this.fault !== 'none' && this.faultAt.test(path)) {
      if (this.fault === 'slow')
        await new Promise((resolve) => setTimeout(resolve, 30_000).unref());
      return FAULTS[this.fault];
    }
    if ((request.headers['x-vault-namespace'] ?? null) !== this.namespace) {
      return refused(404, 'no handler for route');
    }
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, any>;
    const token = String(request.headers['x-vault-token'] ?? '');
    if (!/^auth\/[^/]+\/login$/.test(path) && !this.tokens.has(token)) {
      return refused(403, 'permission denied');
    }
    const handler = HANDLERS.find(
      ([method, pattern]) => method === request.method && pattern.test(path),
    )?.[2];
    if (handler === undefined) return refused(404, 'no handler for route');
    return handler(this)({ path, token, body });
  }

  login(isRight: boolean) {
    if (!isRight) return refused(400, 'invalid role or secret ID');
    const token = this.newToken();
    return ok({
      auth: { client_token: token, lease_duration: this.tokenTtlSeconds, renewable: true },
    });
  }

  async newLease(path: string, token: string) {
    const id = randomUUID();
    const username = `v_approle_${path.split('/').pop()}_${id.replaceAll('-', '').slice(0, 20)}`;
    const password = `A1a-${randomUUID()}`;
    await this.#options.createUser?.(username, password);
    const nowMs = Date.now();
    const lease = {
      id: `${path}/${id}`,
      username,
      password,
      token,
      endsAtMs: nowMs + this.leaseTtlSeconds * 1000,
      maxEndMs: nowMs + this.leaseMaxTtlSeconds * 1000,
    };
    this.leases.set(lease.id, lease);
    return ok({
      lease_id: lease.id,
      lease_duration: this.leaseTtlSeconds,
      renewable: true,
      data: { username, password },
      warnings: null,
    });
  }

  async endLease(id: string) {
    const lease = this.leases.get(id);
    if (lease === undefined) return refused(400, 'invalid lease');
    await this.#end(lease);
    return { status: 204 };
  }
}

const FAULTS: Record<Exclude<VaultFault, 'none'>, { status: number; json: unknown }> = {
  denied: refused(403, 'permission denied'),
  error: refused(500, 'internal error: CREATE USER x WITH PASSWORD canary'),
  sealed: refused(503, 'Vault is sealed'),
  busy: refused(429, 'request path blocked by rate limit quota'),
  slow: refused(500, 'too late'),
  garbage: { status: 200, json: '<html>not Vault</html>' },
  redirect: { status: 302, json: '' },
};

/** https://developer.hashicorp.com/vault/api-docs */
const HANDLERS: [string, RegExp, (vault: VaultDouble) => Handler][] = [
  [
    'POST',
    /^auth\/(approle|own-approle)\/login$/,
    (vault) =>
      ({ body }) =>
        vault.login(body['role_id'] === 'gate' && body['secret_id'] === vault.secretId),
  ],
  [
    'POST',
    /^auth\/(kubernetes|jwt)\/login$/,
    (vault) =>
      ({ body }) =>
        vault.login(body['role'] === 'gate' && body['jwt'] === vault.jwt),
  ],
  [
    'GET',
    /^auth\/token\/lookup-self$/,
    (vault) =>
      ({ token }) => {
        const { endsAtMs, renewable } = vault.tokens.get(token)!;
        return ok({ data: { ttl: endsAtMs === Infinity ? 0 : seconds(endsAtMs), renewable } });
      },
  ],
  [
    'POST',
    /^auth\/token\/renew-self$/,
    (vault) =>
      ({ token }) => {
        const known = vault.tokens.get(token)!;
        if (!known.renewable) return refused(400, 'lease is not renewable');
        known.endsAtMs = Math.min(Date.now() + vault.tokenTtlSeconds * 1000, known.maxEndMs);
        const lease_duration = seconds(known.endsAtMs);
        return ok({ auth: { client_token: token, lease_duration, renewable: true } });
      },
  ],
  [
    'POST',
    /^auth\/token\/revoke-self$/,
    (vault) =>
      async ({ token }) => {
        await vault.revokeToken(token);
        return { status: 204 };
      },
  ],
  [
    'POST',
    /^sys\/leases\/renew$/,
    (vault) =>
      ({ body }) => {
        const lease = vault.leases.get(String(body['lease_id']));
        if (lease === undefined) return refused(400, 'lease not found');
        const wanted = Date.now() + Number(body['increment']) * 1000;
        lease.endsAtMs = Math.min(wanted, lease.maxEndMs);
        return ok({
          lease_id: lease.id,
          renewable: true,
          lease_duration: seconds(lease.endsAtMs),
        });
      },
  ],
  [
    'POST',
    /^sys\/leases\/revoke$/,
    (vault) =>
      async ({ body }) =>
        vault.endLease(String(body['lease_id'])),
  ],
  [
    'GET',
    /^database\/creds\/\w+$/,
    (vault) =>
      async ({ path, token }) =>
        vault.newLease(path, token),
  ],
  [
    'GET',
    /^database\/static-creds\/\w+$/,
    (vault) =>
      ({ path }) => {
        const found = vault.statics.get(path);
        if (found === undefined) return refused(404, 'unknown role');
        const { username, password, rotatedAt } = found;
        const { staticTtlSeconds: ttl, rotationKey } = vault;
        const data = { username, password, ttl, rotation_period: 3600, [rotationKey]: rotatedAt };
        return ok({ lease_id: '', lease_duration: 0, renewable: false, data });
      },
  ],
  [
    'GET',
    /^secret\/data\/.+$/,
    (vault) =>
      ({ path }) => {
        const found = vault.kv.get(path);
        if (found === undefined) return refused(404, 'nothing');
        const metadata = { created_time: found.createdAt, version: 1, destroyed: false };
        return ok({ data: { data: found.data, metadata } });
      },
  ],
];
