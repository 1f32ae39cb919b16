// Tokens of Okta, AWS STS and Kubernetes, in their documented shapes: what is taken, what is refused
// and why, and what stands between a forger and each of them.
import { createHmac } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { clocksAt } from '../support/moments.ts';
import { AuthFault } from '../../src/errors.ts';
import type { IssuerConfig } from '../../src/identity/issuers.ts';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import { JWKS } from '../../src/limits/identity.ts';
import { bindingMatches } from '../../src/policy/bindings.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { OidcIssuer } from '../support/oidc-issuer.ts';

const AUDIENCE = 'api://cqlgate';
const started: OidcIssuer[] = [];

async function start(options: Parameters<typeof OidcIssuer.start>[0] = {}): Promise<OidcIssuer> {
  const issuer = await OidcIssuer.start(options);
  started.push(issuer);
  return issuer;
}

afterEach(async () => {
  for (const issuer of started.splice(0)) await issuer.close();
});

type Type = 'okta' | 'aws' | 'kubernetes';

const verifierOf = (type: Type, { issuer }: OidcIssuer, more: Partial<IssuerConfig> = {}) =>
  new TokenVerifier({
    issuers: [{ name: 'row', type, issuer, audience: AUDIENCE, ...more } as IssuerConfig],
  });

async function reason(verifier: TokenVerifier, token: string): Promise<string> {
  try {
    await verifier.verify(token);
    return 'verified';
  } catch (error) {
    if (!(error instanceof AuthFault)) throw error;
    return error.reason;
  }
}

/** Claims as the documentation of each shows them. */
const CLAIMS: Readonly<Record<Type, Record<string, unknown>>> = {
  okta: {
    ver: 1,
    jti: 'AT.abc',
    aud: AUDIENCE,
    cid: '0oa1',
    uid: '00u1',
    scp: ['openid', 'profile'],
    auth_time: 1,
    sub: 'alice@acme.com',
    groups: ['Everyone', 'data-readers'],
  },
  aws: {
    aud: AUDIENCE,
    sub: 'arn:aws:iam::123456789012:role/migrator',
    jti: 'x',
    'https://sts.amazonaws.com/': {
      aws_account: '123456789012',
      source_region: 'us-east-1',
      org_id: 'o-1',
      principal_tags: { team: 'orders' },
      request_tags: { team: 'admins' },
    },
  },
  kubernetes: {
    aud: [AUDIENCE],
    sub: 'system:serviceaccount:ci:migrator',
    'kubernetes.io': {
      namespace: 'ci',
      pod: { name: 'p', uid: 'u' },
      serviceaccount: { name: 'migrator', uid: 'u' },
    },
  },
};

describe('Okta', () => {
  const custom = { path: '/oauth2/default' };

  it('gives a person by a custom server, with groups that a binding can name', async () => {
    const issuer = await start(custom);
    const principal = await verifierOf('okta', issuer).verify(issuer.mint(CLAIMS.okta));
    expect(principal).toMatchObject({ subject: 'alice@acme.com', isHuman: true });
    const binding = {
      name: 'b',
      role: 'r',
      issuer: 'row',
      where: new Map([['groups', ['data-readers']]]),
    };
    expect(bindingMatches(binding, principal)).toBe(true);
  });

  it('gives a service by its own token', async () => {
    const issuer = await start(custom);
    const claims = { ...CLAIMS.okta, uid: null, sub: '0oa1' };
    expect(await verifierOf('okta', issuer).verify(issuer.mint(claims))).toMatchObject({
      isHuman: false,
    });
  });

  it('refuses an access token of the org server, saying which to use', async () => {
    const issuer = await start();
    const verifier = verifierOf('okta', issuer, { audience: issuer.issuer });
    const token = issuer.mint({ ...CLAIMS.okta, aud: issuer.issuer });
    expect(await reason(verifier, token)).toBe('token_kind');
    await expect(verifier.verify(token)).rejects.toThrow(/custom authorization server/);
  });

  it('takes an ID token of the org server, as a person', async () => {
    const issuer = await start();
    const idToken = issuer.mint({ sub: '00u1', aud: '0oaclient', amr: ['pwd'], idp: '00o1' });
    const verifier = verifierOf('okta', issuer, { audience: '0oaclient' });
    expect(await verifier.verify(idToken)).toMatchObject({ isHuman: true });
  });

  it('refuses a token of another authorization server of the same org', async () => {
    const [one, other] = [await start(custom), await start({ path: '/oauth2/aus2' })];
    expect(await reason(verifierOf('okta', one), other.mint(CLAIMS.okta))).toBe('issuer_unknown');
    // Also where it says that it is of this one: the keys are not its keys.
    const forged = other.mint({ ...CLAIMS.okta, iss: one.issuer });
    one.key('RS256');
    expect(await reason(verifierOf('okta', one), forged)).toBe('key_unknown');
  });
});

describe('AWS STS', () => {
  it.each(['RS256', 'ES384'] as const)('is taken signed with %s', async (alg) => {
    const issuer = await start();
    const principal = await verifierOf('aws', issuer).verify(issuer.mint(CLAIMS.aws, { alg }));
    expect(principal.subject).toBe('arn:aws:iam::123456789012:role/migrator');
    const bound = (key: string, pattern: string) =>
      bindingMatches(
        { name: 'b', role: 'r', issuer: 'row', where: new Map([[key, [pattern]]]) },
        principal,
      );
    expect(bound('/https:~1~1sts.amazonaws.com~1/aws_account', '123456789012')).toBe(true);
    expect(bound('/https:~1~1sts.amazonaws.com~1/aws_account', '999999999999')).toBe(false);
    expect(bound('/https:~1~1sts.amazonaws.com~1/principal_tags/team', 'orders')).toBe(true);
    expect(bound('sub', 'arn:aws:iam::123456789012:role/*')).toBe(true);
    expect(bound('sub', 'arn:aws:iam::1234567890*:role/x')).toBe(false);
    expect(bound('aws_account', '123456789012')).toBe(false);
  });

  it('is refused with a curve that it does not use', async () => {
    const issuer = await start();
    const token = issuer.mint(CLAIMS.aws, { alg: 'ES256' });
    expect(await reason(verifierOf('aws', issuer), token)).toBe('algorithm');
  });

  it('is refused of another account, whose issuer is another URL', async () => {
    const [one, other] = [await start({ path: '/a' }), await start({ path: '/a.evil' })];
    expect(await reason(verifierOf('aws', one), other.mint(CLAIMS.aws))).toBe('issuer_unknown');
  });
});

describe('Kubernetes', () => {
  it('is taken by its service account', async () => {
    const issuer = await start({ path: '/id/ABC' });
    expect(
      await verifierOf('kubernetes', issuer).verify(issuer.mint(CLAIMS.kubernetes)),
    ).toMatchObject({ subject: 'system:serviceaccount:ci:migrator', isHuman: false });
  });

  it("is refused with the API server's audience", async () => {
    const issuer = await start();
    const token = issuer.mint({ ...CLAIMS.kubernetes, aud: ['sts.amazonaws.com'] });
    expect(await reason(verifierOf('kubernetes', issuer), token)).toBe('audience');
  });
});

describe.each(['okta', 'aws', 'kubernetes'] as const)('a forger of %s', (type) => {
  const path = { path: '/oauth2/default' };

  it('gets nowhere with algorithms', async () => {
    const issuer = await start(path);
    const verifier = verifierOf(type, issuer);
    const [header, payload] = issuer.mint(CLAIMS[type]).split('.') as [string, string];
    const withHeader = (changes: object) => {
      const old = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
      return Buffer.from(JSON.stringify({ ...old, ...changes })).toString('base64url');
    };
    const none = `${withHeader({ alg: 'none' })}.${payload}.`;
    expect(await reason(verifier, none)).toBe('algorithm');
    // The public key, which everybody has, as a shared secret.
    const secret = JSON.stringify(issuer.jwks()[0]);
    const signed = `${withHeader({ alg: 'HS256' })}.${payload}`;
    const mac = createHmac('sha256', secret).update(signed).digest('base64url');
    expect(await reason(verifier, `${signed}.${mac}`)).toBe('algorithm');
    // A curve that is not the algorithm's, where the key set does not say which it is for.
    const other = issuer.mint(CLAIMS[type], { alg: 'ES384', header: { alg: 'ES256' } });
    issuer.keySet = { keys: issuer.jwks().map((jwk) => ({ ...jwk, alg: undefined })) };
    const taking = verifierOf(type, issuer, { type: 'oidc', algorithms: ['ES256'] });
    expect(await reason(taking, other)).toBe('key_unknown');
    issuer.keySet = null;
    // An EC key under an RSA header, and the other way round.
    const swapped = issuer.mint(CLAIMS[type], { alg: 'ES384', header: { alg: 'RS256' } });
    expect(await reason(verifier, swapped)).toBe('key_unknown');
  });

  it.each([
    ['none', undefined],
    ['a number', 7],
    ['a path', '../../../../etc/passwd'],
    ['a URL', 'https://evil.example.com/keys'],
    ['an SQL text', "' OR 1=1 --"],
    ['very much', 'k'.repeat(8_000)],
    ['a prototype', '__proto__'],
    ['a constructor', 'constructor'],
  ])('gets nowhere with %s as a key id', async (_name, kid) => {
    const issuer = await start(path);
    const token = issuer.mint(CLAIMS[type], { header: { kid } });
    expect(['key_unknown', 'no_key_id']).toContain(await reason(verifierOf(type, issuer), token));
  });

  it.each([
    ['oct', { kty: 'oct', k: 'c2VjcmV0', alg: 'RS256' }],
    ['private', { kty: 'RSA', n: 'x'.repeat(342), e: 'AQAB', d: 'x' }],
    ['small', { kty: 'RSA', n: 'x'.repeat(171), e: 'AQAB' }],
    ['padded', { kty: 'RSA', n: 'A'.repeat(171) + 'x'.repeat(171), e: 'AQAB' }],
    ['encryption', { kty: 'RSA', n: 'x'.repeat(342), e: 'AQAB', use: 'enc' }],
  ])('gets nowhere with a key set that holds %s keys', async (_name, jwk) => {
    const issuer = await start(path);
    const token = issuer.mint(CLAIMS[type], { header: { kid: 'planted' } });
    issuer.keySet = { keys: [{ ...jwk, kid: 'planted' }] };
    expect(await reason(verifierOf(type, issuer), token)).toBe('issuer_unreachable');
    issuer.keySet = { keys: [...issuer.jwks(), { ...jwk, kid: 'planted' }] };
    expect(await reason(verifierOf(type, issuer), token)).toBe('key_unknown');
  });

  it('gets nowhere with a second key of the same id', async () => {
    const issuer = await start(path);
    const token = issuer.mint(CLAIMS[type]);
    const [own] = issuer.jwks();
    const other = (await start(path)).key('RS256').jwk;
    issuer.keySet = { keys: [own, { ...other, kid: own!['kid'] }, { ...other, kid: 'good' }] };
    const verifier = verifierOf(type, issuer);
    expect(await reason(verifier, token)).toBe('key_unknown');
    await expect(verifier.verify(token)).rejects.toThrow(/several keys under the key id/);
  });

  it.each([
    ['of another issuer', { issuer: 'https://evil.example.com' }],
    ['that points to plain http', { jwks_uri: 'http://evil.example.com/keys' }],
    ['without keys', { jwks_uri: null }],
  ])('gets nowhere with discovery %s', async (_name, metadata) => {
    const issuer = await start(path);
    issuer.metadata = metadata;
    const token = issuer.mint(CLAIMS[type]);
    expect(await reason(verifierOf(type, issuer), token)).toBe('issuer_unreachable');
  });

  it.each([
    ['a slash', (url: string) => `${url}/`],
    ['capitals', (url: string) => url.toUpperCase()],
    ['a suffix', (url: string) => `${url}.evil.com`],
    ['a path', (url: string) => `${url}/../aus2`],
    ['credentials', (url: string) => url.replace('://', '://x@')],
    ['a query', (url: string) => `${url}?x`],
  ])('gets nowhere with an issuer that has %s more', async (_name, change) => {
    const issuer = await start(path);
    const token = issuer.mint({ ...CLAIMS[type], iss: change(issuer.issuer) });
    expect(await reason(verifierOf(type, issuer), token)).toBe('issuer_unknown');
  });

  it.each([
    ['a list of lists', [[AUDIENCE]]],
    ['an object', { 0: AUDIENCE }],
    ['a list without it', ['a', 'b']],
    ['a longer one', `${AUDIENCE}/x`],
    ['all of them in one', `x ${AUDIENCE}`],
    ['null in a list', [null]],
  ])('gets nowhere with %s as audience', async (_name, aud) => {
    const issuer = await start(path);
    const token = issuer.mint({ ...CLAIMS[type], aud });
    expect(await reason(verifierOf(type, issuer), token)).toBe('audience');
  });

  it.each([
    ['text', { exp: '99999999999' }, 'no_expiry'],
    ['a list', { exp: [99999999999] }, 'no_expiry'],
    ['infinity', { exp: 1e400 }, 'no_expiry'],
    ['the past', { exp: -1 }, 'token_expired'],
    ['nothing', { exp: null }, 'no_expiry'],
    ['a future nbf', { nbf: 99999999999 }, 'not_yet_valid'],
    ['an nbf that is text', { nbf: '0' }, 'not_yet_valid'],
    ['a future iat', { iat: 99999999999 }, 'not_yet_valid'],
  ])('gets nowhere with %s as time', async (_name, claims, expected) => {
    const issuer = await start(path);
    const token = issuer.mint({ ...CLAIMS[type], ...claims });
    expect(await reason(verifierOf(type, issuer), token)).toBe(expected);
  });

  it('gets nowhere with what is no compact token', async () => {
    const issuer = await start(path);
    const verifier = verifierOf(type, issuer);
    const [header, payload, signature] = issuer.mint(CLAIMS[type]).split('.') as [
      string,
      string,
      string,
    ];
    expect(await reason(verifier, `${header}.x.${payload}.x.${signature}`)).toBe('token_malformed');
    const notUtf8 = Buffer.from([0x7b, 0xff, 0x7d]).toString('base64url');
    expect(await reason(verifier, `${header}.${notUtf8}.${signature}`)).toBe('token_malformed');
    const unencoded = issuer.mint(CLAIMS[type], { header: { b64: false, crit: ['b64'] } });
    expect(await reason(verifier, unencoded)).toBe('crit');
  });
});

describe('an issuer that is down', () => {
  it('is served by the keys at hand for a day, and no longer', async () => {
    const issuer = await start();
    let nowMs = Date.now();
    const failures: string[] = [];
    const verifier = new TokenVerifier({
      issuers: [{ name: 'row', type: 'aws', issuer: issuer.issuer, audience: AUDIENCE }],
      ...clocksAt(() => nowMs),
      onKeysFailed: (name) => failures.push(name),
    });
    const token = (exp: number) =>
      issuer.mint({ ...CLAIMS.aws, exp: Math.floor(nowMs / 1000) + exp, jti: String(nowMs) });
    expect(verifier.keyAges).toEqual([]);
    expect(await reason(verifier, token(60))).toBe('verified');
    issuer.isDown = true;
    nowMs += JWKS.staleMs / 2;
    expect(await reason(verifier, token(60))).toBe('verified');
    expect(failures).toEqual(['row']);
    expect(verifier.keyAges).toEqual([['row', JWKS.staleMs / 2000]]);
    nowMs += JWKS.staleMs / 2 + 1;
    expect(await reason(verifier, token(60))).toBe('issuer_unreachable');
    issuer.isDown = false;
    nowMs += JWKS.coolDownMs + 1;
    expect(await reason(verifier, token(60))).toBe('verified');
  });
});

describe('an issuer with a certificate of its own', () => {
  it('is asked only where its CA is configured', async () => {
    const [own, other] = [new CertificateAuthority(), new CertificateAuthority()];
    const issuer = await start({ tls: own.issue(), path: '/id/1' });
    const token = issuer.mint(CLAIMS.kubernetes);
    expect(await reason(verifierOf('kubernetes', issuer), token)).toBe('issuer_unreachable');
    const trusting = verifierOf('kubernetes', issuer, { ca: own.pem });
    expect(await reason(trusting, token)).toBe('verified');
    const foreign = verifierOf('kubernetes', issuer, { ca: other.pem });
    expect(await reason(foreign, token)).toBe('issuer_unreachable');
    own.remove();
    other.remove();
  });
});
