// An OIDC issuer with discovery, for the shapes of Okta, AWS STS and Kubernetes: keys of several
// algorithms, under any path, over http on loopback or https with a certificate of its own.
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';

export type KeyAlgorithm = 'RS256' | 'ES256' | 'ES384';

interface Key {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly jwk: Record<string, unknown>;
}

function newKey(alg: KeyAlgorithm, kid: string = randomUUID()): Key {
  const { privateKey, publicKey } =
    alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: alg === 'ES256' ? 'P-256' : 'P-384' });
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } };
}

export class OidcIssuer {
  readonly issuer: string;
  readonly #server: http.Server | https.Server;
  readonly #keys = new Map<KeyAlgorithm, Key>();
  /** Answers of other paths, by method and path behind the issuer. */
  readonly routes = new Map<string, (body: URLSearchParams) => { status: number; json: unknown }>();
  /** What discovery says beside issuer and jwks_uri. */
  metadata: Record<string, unknown> = {};
  /** Instead of the key set. */
  keySet: unknown = null;
  /** Instead of it, an answer as it stands. */
  keySetAnswer: { readonly status?: number; readonly text: string } | null = null;
  /** Requests for keys so far. */
  keyRequests = 0;
  isDown = false;

  private constructor(issuer: string, server: http.Server | https.Server) {
    this.issuer = issuer;
    this.#server = server;
  }

  static async start(
    options: { readonly path?: string; readonly tls?: { key: string; cert: string } } = {},
  ): Promise<OidcIssuer> {
    const server =
      options.tls === undefined ? http.createServer() : https.createServer(options.tls);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const scheme = options.tls === undefined ? 'http' : 'https';
    const issuer = `${scheme}://127.0.0.1:${port}${options.path ?? ''}`;
    const made = new OidcIssuer(issuer, server);
    server.on('request', (request: http.IncomingMessage, response: http.ServerResponse) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = new URLSearchParams(Buffer.concat(chunks).toString());
        const { status, json } = made.#answer(request, options.path ?? '', body);
        const isText = typeof json === 'string';
        response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json' });
        response.end(isText ? json : JSON.stringify(json));
      });
    });
    return made;
  }

  #answer(
    request: http.IncomingMessage,
    base: string,
    body: URLSearchParams,
  ): { status: number; json: unknown } {
    if (this.isDown) return { status: 503, json: {} };
    const at = (request.url ?? '').slice(base.length);
    const route = this.routes.get(`${request.method ?? ''} ${at}`);
    if (route !== undefined) return route(body);
    if (at === '/.well-known/openid-configuration') {
      const jwksUri = `${this.issuer}/v1/keys`;
      return { status: 200, json: { issuer: this.issuer, jwks_uri: jwksUri, ...this.metadata } };
    }
    if (at === '/v1/keys') {
      this.keyRequests++;
      if (this.keySetAnswer !== null) {
        return { status: this.keySetAnswer.status ?? 200, json: this.keySetAnswer.text };
      }
      return { status: 200, json: this.keySet ?? { keys: this.jwks() } };
    }
    return { status: 404, json: {} };
  }

  jwks(): Record<string, unknown>[] {
    return [...this.#keys.values()].map(({ jwk }) => jwk);
  }

  key(alg: KeyAlgorithm): Key {
    const key = this.#keys.get(alg) ?? newKey(alg);
    this.#keys.set(alg, key);
    return key;
  }

  rotateKeys(): void {
    for (const alg of this.#keys.keys()) this.#keys.set(alg, newKey(alg));
  }

  /** Another key under the id of the one before, or under an id of choice. */
  replaceKey(alg: KeyAlgorithm, kid = this.key(alg).kid): void {
    this.#keys.set(alg, newKey(alg, kid));
  }

  /** `null` for a claim leaves it out. The key is that of `alg`, whatever the header says. */
  mint(
    claims: Record<string, unknown>,
    options: { readonly alg?: KeyAlgorithm; readonly header?: Record<string, unknown> } = {},
  ): string {
    const { alg = 'RS256', header = {} } = options;
    const key = this.key(alg);
    const nowSeconds = Math.floor(Date.now() / 1000);
    const all = { iss: this.issuer, iat: nowSeconds, exp: nowSeconds + 3600, ...claims };
    const payload = Object.fromEntries(
      Object.entries<unknown>(all).filter(([, value]) => value !== null),
    );
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg, typ: 'JWT', kid: key.kid, ...header })}.${part(payload)}`;
    const signature = sign(alg === 'ES384' ? 'sha384' : 'sha256', Buffer.from(signed), {
      key: key.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
    return `${signed}.${signature.toString('base64url')}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
