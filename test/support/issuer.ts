// A local OIDC issuer that mints tokens shaped like Bitbucket's, over HTTP on loopback, with the
// faults a real one can have. Usable by tests, the bench and by hand.
import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

export const WORKSPACE_UUID = '{e2b9cba7-4ecf-452c-bb1c-87add4084c99}';
export const REPOSITORY_UUID = '{8864cd24-449d-4441-8862-cf4fe8ad6caa}';
export const PIPELINE_UUID = '{77aa1d4e-7d36-4f4f-8ec7-6a3f3a8a1b11}';
export const STEP_UUID = '{1c2d94f4-52b8-4d10-a6e5-b1f3a0a5d0c2}';
export const AUDIENCE = 'https://cqlgate.example.com';

export type Fault = 'none' | 'error' | 'slow' | 'garbage' | 'redirect' | 'oversize';

export interface LocalIssuer {
  readonly issuer: string;
  readonly jwksUri: string;
  /** Requests for keys so far. */
  readonly requests: number;
  fault: Fault;
  readonly publicKeyPem: string;
  /** `null` for a claim leaves it out. */
  mint(claims?: Record<string, unknown>, header?: Record<string, unknown>): string;
  /** `published`: what was signed before can still be verified. */
  rotateKeys(published?: boolean): void;
  close(): Promise<void>;
}

interface Key {
  readonly kid: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

function newKey(): Key {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid: randomUUID(), ...pair };
}

const base64url = (value: unknown): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');

/** Its row under `issuers:` of a configuration. */
export function issuerRow({ issuer, jwksUri }: LocalIssuer) {
  return {
    name: 'pipelines',
    type: 'bitbucket',
    workspace: 'acme',
    workspaceUuid: WORKSPACE_UUID,
    audience: AUDIENCE,
    issuer,
    jwksUri,
  };
}

export async function startIssuer(): Promise<LocalIssuer> {
  let key = newKey();
  let olderKeys: Key[] = [];
  let requests = 0;
  let fault: Fault = 'none';
  const server = http.createServer((request, response) => {
    requests++;
    if (fault === 'error') response.writeHead(500).end();
    else if (fault === 'redirect') response.writeHead(302, { location: request.url ?? '/' }).end();
    else if (fault === 'garbage') response.end('<html>not a key set</html>');
    else if (fault === 'oversize') response.end('x'.repeat(1024 * 1024));
    else if (fault === 'slow') setTimeout(() => response.end('{}'), 30_000).unref();
    else if (request.url?.endsWith('/.well-known/openid-configuration') === true) {
      response.end(JSON.stringify({ issuer, jwks_uri: jwksUri }));
    } else {
      const keys = [key, ...olderKeys].map(({ kid, publicKey }) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid,
        use: 'sig',
        alg: 'RS256',
      }));
      response.end(JSON.stringify({ keys }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}/2.0/workspaces/acme/pipelines-config/identity/oidc`;
  const jwksUri = `${issuer}/keys.json`;
  return {
    issuer,
    jwksUri,
    get requests() {
      return requests;
    },
    get fault() {
      return fault;
    },
    set fault(value) {
      fault = value;
    },
    get publicKeyPem() {
      return key.publicKey.export({ format: 'pem', type: 'spki' }) as string;
    },
    mint(claims = {}, header = {}) {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const all: Record<string, unknown> = {
        iss: issuer,
        aud: ['ari:cloud:bitbucket::workspace/e2b9cba7-4ecf-452c-bb1c-87add4084c99', AUDIENCE],
        sub: `${REPOSITORY_UUID}:${STEP_UUID}`,
        workspaceUuid: WORKSPACE_UUID,
        repositoryUuid: REPOSITORY_UUID,
        pipelineUuid: PIPELINE_UUID,
        stepUuid: STEP_UUID,
        branchName: 'main',
        iat: nowSeconds,
        exp: nowSeconds + 3600,
        ...claims,
      };

      const payload = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
      const head = base64url({ alg: 'RS256', typ: 'JWT', kid: key.kid, ...header });
      const signed = `${head}.${base64url(payload)}`;
      return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key.privateKey).toString('base64url')}`;
    },
    rotateKeys(published = false) {
      olderKeys = published ? [key, ...olderKeys] : [];
      key = newKey();
    },
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}
