// Tokens: what is believed, what is refused and why, and what a login costs.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import { clocksAt } from '../support/moments.ts';
import { AuthFault } from '../../src/errors.ts';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import { JWKS, TOKENS } from '../../src/limits/identity.ts';
import type { IssuerConfig } from '../../src/identity/issuers.ts';
import { inspectToken } from '../../src/commands/token-inspect.ts';
import { Policy } from '../../src/policy/policy.ts';
import { roleDocument } from '../support/policy.ts';
import {
  AUDIENCE,
  REPOSITORY_UUID,
  startIssuer,
  WORKSPACE_UUID,
  type LocalIssuer,
} from '../support/issuer.ts';

let issuer: LocalIssuer;
let nowMs: number;
let verifier: TokenVerifier;

const row = (): IssuerConfig => ({
  name: 'pipelines',
  type: 'bitbucket',
  workspace: 'acme',
  workspaceUuid: WORKSPACE_UUID.toUpperCase(),
  audience: ['https://other', AUDIENCE],
  issuer: issuer.issuer,
  jwksUri: issuer.jwksUri,
});

const make = (issuers: IssuerConfig[]) => new TokenVerifier({ issuers, ...clocksAt(() => nowMs) });

beforeEach(async () => {
  issuer = await startIssuer();
  nowMs = Date.now();
  verifier = make([row()]);
});

afterEach(async () => issuer.close());

async function reason(token: string, by = verifier): Promise<string> {
  try {
    await by.verify(token);
    return 'verified';
  } catch (error) {
    if (!(error instanceof AuthFault)) throw error;
    const parts = token.split('.').filter((part) => part.length > 20);
    for (const part of parts) expect(error.message).not.toContain(part);
    return error.reason;
  }
}

const seconds = () => Math.floor(nowMs / 1000);

describe('a token', () => {
  it('gives a principal with its claims', async () => {
    const principal = await verifier.verify(issuer.mint());
    expect(principal).toMatchObject({ issuerName: 'pipelines', issuer: issuer.issuer });
    expect(principal.claims['repositoryUuid']).toBe(REPOSITORY_UUID);
    expect(principal.tokenSha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([
    ['audience as a string', { aud: AUDIENCE }, 'verified'],
    ['another audience', { aud: 'https://evil' }, 'audience'],
    ['no audience', { aud: null }, 'audience'],
    ['an audience that only begins alike', { aud: `${AUDIENCE}.evil.com` }, 'audience'],
    ['another workspace', { workspaceUuid: '{other}' }, 'pinned_claim'],
    ['no workspace', { workspaceUuid: null }, 'pinned_claim'],
    ['no subject', { sub: null }, 'no_subject'],
    ['an empty subject', { sub: '' }, 'no_subject'],
    ['no expiry', { exp: null }, 'no_expiry'],
    ['an expiry that is text', { exp: '9999999999' }, 'no_expiry'],
    ['another issuer', { iss: 'https://evil' }, 'issuer_unknown'],
    ['an issuer that only begins alike', { iss: 'http://127.0.0.1' }, 'issuer_unknown'],
  ])('with %s', async (_name, claims, expected) => {
    expect(await reason(issuer.mint(claims))).toBe(expected);
  });

  it('is bounded in time, with a little skew for issue but none for expiry', async () => {
    expect(await reason(issuer.mint({ exp: seconds() - 1 }))).toBe('token_expired');
    expect(await reason(issuer.mint({ nbf: seconds() + 30 }))).toBe('verified');
    expect(await reason(issuer.mint({ nbf: seconds() + 90 }))).toBe('not_yet_valid');
    expect(await reason(issuer.mint({ iat: seconds() + 90 }))).toBe('not_yet_valid');
  });

  it.each([
    ['algorithm none', { alg: 'none' }, 'algorithm'],
    ['a shared secret', { alg: 'HS256' }, 'algorithm'],
    ['another algorithm of the same key', { alg: 'RS512' }, 'algorithm'],
    ['no algorithm', { alg: undefined }, 'no_key_id'],
    ['no key id', { kid: undefined }, 'no_key_id'],
    ['an unknown key id', { kid: 'x' }, 'key_unknown'],
    ['a key of its own', { jwk: { kty: 'RSA' } }, 'key_in_header'],
    ['a key elsewhere', { jku: 'https://evil/keys' }, 'key_in_header'],
    ['a certificate', { x5c: ['x'] }, 'key_in_header'],
    ['an extension', { crit: ['exp'] }, 'crit'],
  ])('with %s in its header', async (_name, header, expected) => {
    expect(await reason(issuer.mint({}, header))).toBe(expected);
  });

  it('is refused when it was changed, or is none', async () => {
    const [header, claims, signature] = issuer.mint().split('.') as [string, string, string];
    const other = issuer.mint({ sub: 'other' }).split('.')[1]!;
    expect(await reason(`${header}.${other}.${signature}`)).toBe('signature');
    expect(await reason(`${header}.${claims}.`)).toBe('signature');
    expect(await reason(`${header}.${claims}`)).toBe('token_malformed');
    expect(await reason('not a token')).toBe('token_malformed');
    expect(await reason('a.b.c')).toBe('token_malformed');
    expect(await reason('x'.repeat(100 * 1024))).toBe('token_too_long');
    const list = Buffer.from('[]').toString('base64url');
    expect(await reason(`${header}.${list}.${signature}`)).toBe('token_malformed');
  });
});

describe('what a login costs', () => {
  it('is nothing but a look-up from the second on, until the token expires', async () => {
    const token = issuer.mint({ exp: seconds() + 100 });
    expect(verifier.verifyCached(token)).toBeNull();
    const principal = await verifier.verify(token);
    const { requests } = issuer;
    for (let i = 0; i < 10; i++) expect(verifier.verifyCached(token)).toBe(principal);
    expect(issuer.requests).toBe(requests);
    nowMs += 100_000;
    expect(verifier.verifyCached(token)).toBeNull();
    expect(await reason(token)).toBe('token_expired');
  });

  it('is one key look-up for all that come at once', async () => {
    await Promise.all(Array.from({ length: 50 }, async () => verifier.verify(issuer.mint())));
    expect(issuer.requests).toBe(1);
  });

  it('is no key look-up at all where keys were got before', async () => {
    await verifier.prefetchKeys();
    expect(issuer.requests).toBe(1);
    await verifier.verify(issuer.mint());
    expect(issuer.requests).toBe(1);
  });

  it('is a key look-up at once where they could not be got before', async () => {
    issuer.fault = 'error';
    await verifier.prefetchKeys();
    issuer.fault = 'none';
    const { requests } = issuer;
    expect(await reason(issuer.mint())).toBe('verified');
    expect(issuer.requests).toBe(requests + 1);
  });

  it('is no flood of look-ups when key ids are made up', async () => {
    for (let i = 0; i < 50; i++)
      expect(await reason(issuer.mint({}, { kid: `k${i}` }))).toBe('key_unknown');
    expect(issuer.requests).toBe(1);
    nowMs += 11_000;
    await reason(issuer.mint({}, { kid: 'late' }));
    expect(issuer.requests).toBe(2);
  });
});

describe('a password', () => {
  it('may be as long as a token is, and no longer', async () => {
    expect(await reason('a'.repeat(TOKENS.maxLength))).toBe('token_malformed');
    expect(await reason('a'.repeat(TOKENS.maxLength + 1))).toBe('token_too_long');
  });
});

describe('keys', () => {
  it('are looked for each time the interval is over, once they are old enough', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      await verifier.prefetchKeys();
      verifier.keepKeysFresh();
      vi.advanceTimersByTime(JWKS.lookMs);
      expect(issuer.requests).toBe(1);
      nowMs += JWKS.refreshMs;
      vi.advanceTimersByTime(JWKS.lookMs - 1);
      expect(issuer.requests).toBe(1);
      vi.advanceTimersByTime(1);
      await vi.waitFor(() => expect(issuer.requests).toBe(2));
    } finally {
      verifier.close();
      vi.useRealTimers();
    }
  });

  it('are found anew after a rotation, and what the old ones signed is forgotten', async () => {
    const old = issuer.mint();
    await verifier.verify(old);
    issuer.rotateKeys();
    nowMs += 11_000;
    expect(await reason(issuer.mint())).toBe('verified');
    expect(verifier.verifyCached(old)).toBeNull();
    nowMs += 11_000;
    expect(await reason(old)).toBe('key_unknown');
  });

  it.each(['error', 'garbage', 'redirect', 'oversize'] as const)(
    'that cannot be had (%s) refuse new tokens, and serve known ones for a day',
    async (fault) => {
      issuer.fault = fault;
      expect(await reason(issuer.mint())).toBe('issuer_unreachable');
      issuer.fault = 'none';
      nowMs += 11_000;
      expect(await reason(issuer.mint())).toBe('verified');
      issuer.fault = fault;
      nowMs += 3_600_000;
      expect(await reason(issuer.mint({ exp: seconds() + 60 }))).toBe('verified');
      nowMs += 24 * 3_600_000;
      expect(await reason(issuer.mint({ exp: seconds() + 60 }))).toBe('issuer_unreachable');
    },
  );

  it('that changed have to fit an expired token too, before it is taken once more', async () => {
    const exp = seconds() + 60;
    const [known, strange] = [issuer.mint({ exp }), issuer.mint({ exp, jti: 'other' })];
    expect(await reason(known)).toBe('verified');
    issuer.rotateKeys(true);
    nowMs += 90_000;
    expect(await reason(issuer.mint())).toBe('verified');
    expect((await verifier.verifyOrRecall(known)).expiresAtMs).toBe(wallAt(exp * 1000));
    const expired = { reason: 'token_expired' };
    await expect(verifier.verifyOrRecall(strange)).rejects.toMatchObject(expired);
    expect(await reason(known)).toBe('token_expired');
    // Its key is published no more: whoever has that may be anybody.
    issuer.rotateKeys();
    nowMs += 11_000;
    expect(await reason(issuer.mint())).toBe('verified');
    const unknown = { reason: 'key_unknown' };
    await expect(verifier.verifyOrRecall(known)).rejects.toMatchObject(unknown);
  });

  it('are found by discovery for a plain OIDC issuer', async () => {
    const oidc = make([
      {
        name: 'other',
        type: 'oidc',
        issuer: issuer.issuer,
        audience: AUDIENCE,
        algorithms: ['RS256'],
      },
    ]);
    expect(await reason(issuer.mint(), oidc)).toBe('verified');
    const wrong = make([
      {
        name: 'other',
        type: 'oidc',
        issuer: issuer.issuer,
        audience: AUDIENCE,
        algorithms: ['ES256'],
      },
    ]);
    expect(await reason(issuer.mint(), wrong)).toBe('algorithm');
  });
});

describe('token inspect', () => {
  const policy = new Policy(
    {
      roles: [
        {
          name: 'r',
          cassandraRole: 'c',
          grants: [],
          deny: [],
          capabilities: [],
          classes: [],
          asCassandra: [],
        },
      ],
      ownLogins: [],
      bindings: [
        { name: 'b', role: 'r', issuer: 'pipelines', where: new Map([['branchName', ['main']]]) },
      ],
    },
    'v',
  );

  it('says who a token would be, and shows no signature', async () => {
    const token = issuer.mint();
    const seen = await inspectToken(token, verifier, policy);
    expect(seen).toMatchObject({ valid: true, issuer: 'pipelines', roles: ['r'], problem: null });
    expect(JSON.stringify(seen)).not.toContain(token.split('.')[2]);
  });

  it('names apart the roles that hang on what the pipeline runs for', async () => {
    const where = new Map([
      ['repositoryUuid', ['*']],
      ['pipelineTarget', ['branch']],
    ]);
    const hanging = new Policy(
      {
        roles: [roleDocument({ name: 'release' }), roleDocument({ name: 'other' })],
        ownLogins: [],
        bindings: [{ name: 'b', role: 'release', issuer: 'pipelines', where }],
      },
      'v',
    );
    const token = issuer.mint({ pipelineTarget: 'branch' });
    expect(await inspectToken(token, verifier, hanging)).toMatchObject({
      valid: true,
      roles: [],
      rolesByPipelineTarget: ['release'],
    });
  });

  it('says why not', async () => {
    const unbound = await inspectToken(issuer.mint({ branchName: 'x' }), verifier, policy);
    expect(unbound).toMatchObject({ valid: true, roles: [] });
    expect(unbound.problem).toContain('No role is bound');
    const expired = await inspectToken(issuer.mint({ exp: 1 }), verifier, policy);
    expect(expired).toMatchObject({ valid: false, claims: { exp: 1 } });
    expect(expired.problem).toContain('expired');
    expect(await inspectToken('nonsense', verifier, policy)).toMatchObject({ valid: false });
  });
});
