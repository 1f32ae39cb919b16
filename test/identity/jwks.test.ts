// Key sets as RFC 7517 lets them be, and what is said of those that can't be used.
import { generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AuthFault } from '../../src/errors.ts';
import { ASYMMETRIC_ALGORITHMS } from '../../src/identity/issuers.ts';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import { JWKS } from '../../src/limits/identity.ts';
import { clocksAt } from '../support/moments.ts';
import { OidcIssuer } from '../support/oidc-issuer.ts';

const AUDIENCE = 'api://cqlgate';
const CLAIMS = { aud: AUDIENCE, sub: 'job' };

let issuer: OidcIssuer;
let nowMs: number;
let failures: string[];
let withdrawn: string[];
let verifier: TokenVerifier;

beforeEach(async () => {
  issuer = await OidcIssuer.start({ path: '/realms/ci' });
  nowMs = Date.now();
  failures = [];
  withdrawn = [];
  verifier = new TokenVerifier({
    issuers: [
      {
        name: 'keycloak',
        type: 'oidc',
        issuer: issuer.issuer,
        audience: AUDIENCE,
        algorithms: [...ASYMMETRIC_ALGORITHMS],
      },
    ],
    ...clocksAt(() => nowMs),
    onKeysFailed: (_name, error) => failures.push(error.message),
    onKeysWithdrawn: (_name, keyIds) => withdrawn.push(...keyIds),
  });
});

afterEach(async () => issuer.close());

const verified = async (token: string): Promise<string> =>
  verifier.verify(token).then(
    ({ subject }) => subject,
    (error: unknown) => {
      if (!(error instanceof AuthFault)) throw error;
      return error.message;
    },
  );

/** A token that no other is like. */
let count = 0;
const mint = (alg: 'RS256' | 'ES256' | 'ES384' = 'RS256', header = {}): string =>
  issuer.mint({ ...CLAIMS, jti: String(count++) }, { alg, header });

describe('a key set', () => {
  it('may hold keys of different types under one id', async () => {
    issuer.key('RS256');
    for (const alg of ['ES256', 'ES384'] as const) issuer.replaceKey(alg, issuer.key('RS256').kid);
    expect(new Set(issuer.jwks().map(({ kid }) => kid)).size).toBe(1);
    for (const alg of ['RS256', 'ES256', 'ES384'] as const) {
      expect(await verified(mint(alg))).toBe('job');
    }
    // Also where none says what it is for.
    issuer.keySet = { keys: issuer.jwks().map((jwk) => ({ ...jwk, alg: undefined })) };
    nowMs += JWKS.refreshMs + 1;
    for (const alg of ['RS256', 'ES256', 'ES384'] as const) {
      expect(await verified(mint(alg))).toBe('job');
    }
    expect(await verified(mint('ES256', { alg: 'ES384' }))).toMatch(/signature/);
  });

  it('may replace a key and keep its id', async () => {
    const old = mint();
    expect(await verified(old)).toBe('job');
    const { kid } = issuer.key('RS256');
    issuer.replaceKey('RS256');
    nowMs += JWKS.coolDownMs + 1;
    expect(await verified(mint())).toBe('job');
    expect(withdrawn).toEqual([kid]);
    // What the key before signed is good no longer.
    expect(await verified(old)).toMatch(/signature/);
  });

  it('may replace a key by one of another type under its id', async () => {
    expect(await verified(mint())).toBe('job');
    issuer.replaceKey('ES256', issuer.key('RS256').kid);
    const [, other] = issuer.jwks();
    issuer.keySet = { keys: [other] };
    nowMs += JWKS.coolDownMs + 1;
    expect(await verified(mint('ES256'))).toBe('job');
    expect(await verified(mint('RS256'))).toMatch(/does not publish .* for signatures by RS256/);
  });

  it('is not asked for again with every forged signature', async () => {
    const [head, body] = mint().split('.') as [string, string];
    const forged = [head, body, Buffer.alloc(256, 1).toString('base64url')].join('.');
    expect(await verified(mint())).toBe('job');
    for (let i = 0; i < 20; i++) expect(await verified(forged)).toMatch(/signature/);
    expect(issuer.keyRequests).toBe(1);
    nowMs += JWKS.coolDownMs + 1;
    for (let i = 0; i < 20; i++) expect(await verified(forged)).toMatch(/signature/);
    expect(issuer.keyRequests).toBe(2);
    expect(await verified(mint())).toBe('job');
  });

  it('may begin with a byte-order mark, and discovery too', async () => {
    issuer.key('RS256');
    const text = `\ufeff${JSON.stringify({ keys: issuer.jwks() })}`;
    issuer.keySetAnswer = { text };
    issuer.routes.set('GET /.well-known/openid-configuration', () => ({
      status: 200,
      json: `\ufeff${JSON.stringify({ issuer: issuer.issuer, jwks_uri: `${issuer.issuer}/v1/keys` })}`,
    }));
    expect(await verified(mint())).toBe('job');
  });

  it('may hold what cqlgate does not know, beside what it does', async () => {
    issuer.key('RS256');
    const [own] = issuer.jwks();
    issuer.keySet = {
      keys: [
        null,
        'a key',
        [],
        {},
        { kty: 'AKP', kid: 'post-quantum', alg: 'ML-DSA-44', pub: 'AA' },
        { kty: 'oct', kid: 'shared', k: 'AA' },
        { ...own, kid: undefined },
        { ...own, kid: 7 },
        { ...own, kid: 'encryption', use: 'enc' },
        { ...own, kid: 'wrapping', key_ops: ['wrapKey'] },
        { ...own, kid: 'future', alg: 'RS1024' },
        { kty: 'OKP', kid: 'agreement', crv: 'X25519', x: 'AA' },
        { kty: 'EC', kid: 'damaged', crv: 'P-256', x: 'AA', y: 'AA' },
        { ...own, use: undefined, alg: undefined, key_ops: ['verify'], x5c: ['AA'], note: {} },
      ],
      remark: 1,
    };
    expect(await verified(mint())).toBe('job');
    expect(failures).toEqual([]);
  });

  it('may list a key twice, once with what it is for and once without', async () => {
    issuer.key('RS256');
    const [own] = issuer.jwks();
    issuer.keySet = { keys: [own, own, { ...own, alg: undefined, use: undefined }] };
    expect(await verified(mint())).toBe('job');
  });

  it('may hold an Edwards curve', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    issuer.keySet = { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'ed' }] };
    const { sign } = await import('node:crypto');
    for (const alg of ['EdDSA', 'Ed25519']) {
      const [, body] = mint().split('.') as [string, string];
      const head = Buffer.from(JSON.stringify({ alg, kid: 'ed' })).toString('base64url');
      const signed = `${head}.${body}`;
      const signature = sign(null, Buffer.from(signed), privateKey).toString('base64url');
      expect(await verified(`${signed}.${signature}`)).toBe('job');
    }
  });
});

describe('a key set that is of no use says what is wrong with it', () => {
  const rsa = (bits: number) =>
    generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' });

  it.each([
    ['an error', { status: 503, text: 'x' }, 'its key set answered 503. Try again'],
    ['no page', { status: 404, text: 'x' }, 'its key set answered 404. Tell the operators'],
    [
      'a page',
      { text: '<html>sign in</html>' },
      'its key set is no JSON (its content is of type text/html). Tell',
    ],
    ['nothing', { text: '' }, 'its key set is no JSON'],
    ['another document', { text: '{"key": []}' }, "its key set has no list called 'keys'"],
    ['a list', { text: '[]' }, "its key set has no list called 'keys'"],
    ['no key', { text: '{"keys": []}' }, 'holds no usable key (the list is empty)'],
    [
      'keys of other kinds',
      {
        text: JSON.stringify({
          keys: [
            { ...rsa(2048) },
            { ...rsa(2048) },
            { ...rsa(1024), kid: 'small' },
            { ...rsa(2048), kid: 'enc', use: 'enc' },
            { kty: 'oct', kid: 'a', k: 'AA' },
            { ...rsa(2048), kid: 'leaked', d: 'AA' },
            { kty: 'EC', kid: 'curve', crv: 'P-256', x: 'AA', y: 'AA' },
          ],
        }),
      },
      '(2 without a key id (kid), 1 RSA below 2048 bits, 1 not for signatures (use), 1 a shared secret, 1 private, 1 damaged)',
    ],
  ])('%s', async (_name, answer, text) => {
    issuer.keySetAnswer = answer;
    const told = await verified(mint());
    expect(told).toContain('cqlgate cannot get the keys of keycloak: ');
    expect(told).toContain(text);
    // Who logs in need not know where the keys are; who runs the gate does.
    expect(told).not.toContain('127.0.0.1');
    expect(failures).toHaveLength(1);
    expect(failures[0]).toContain(`${issuer.issuer}/v1/keys `);
    // Asked again at once, it is the same, and not that somebody else asked just now.
    expect(await verified(mint())).toBe(told);
    expect(issuer.keyRequests).toBe(1);
  });

  it('a key for other signatures', async () => {
    issuer.key('RS256');
    issuer.keySet = { keys: issuer.jwks().map((jwk) => ({ ...jwk, alg: 'RS512' })) };
    expect(await verified(mint())).toBe(
      'keycloak does not publish the key that this token names (kid) for signatures by RS256.',
    );
  });

  it('different keys under one id', async () => {
    const keys = [rsa(2048), rsa(2048)].map((jwk) => ({ ...jwk, kid: issuer.key('RS256').kid }));
    issuer.keySet = { keys };
    expect(await verified(mint())).toMatch(/several keys under the key id \(kid\) of this token/);
  });

  it('an issuer by another name', async () => {
    issuer.metadata = { issuer: `${issuer.issuer}/` };
    expect(await verified(mint())).toContain(
      `its discovery document is of another issuer: it names "${issuer.issuer}/"`,
    );
  });

  it('an issuer that is not there', async () => {
    await issuer.close();
    const token = mint();
    expect(await verified(token)).toMatch(
      /its discovery document could not be asked \(ECONNREFUSED\)\. Try again/,
    );
    issuer = await OidcIssuer.start();
  });
});
