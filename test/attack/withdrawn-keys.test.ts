// A key that leaked and was taken back by its issuer: what it signed is believed no longer, though it was
// verified before, and though no token asks for keys any more.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import { clocksAt, monotonic } from '../support/moments.ts';
import { isWithdrawn } from '../../src/identity/principal.ts';
import { TokenVerifier } from '../../src/identity/verifier.ts';
import type { Authority } from '../../src/policy/policy.ts';
import type { Principal } from '../../src/identity/principal.ts';
import { JWKS } from '../../src/limits/identity.ts';
import type { Gate } from '../../src/session/gate.ts';
import { SessionIdentity } from '../../src/session/session-identity.ts';
import { OidcIssuer } from '../support/oidc-issuer.ts';

const AUDIENCE = 'api://cqlgate';

let issuer: OidcIssuer;
let verifier: TokenVerifier;
let nowMs: number;
let withdrawn: string[];

beforeEach(async () => {
  issuer = await OidcIssuer.start();
  for (const alg of ['RS256', 'ES256'] as const) issuer.key(alg);
  nowMs = Date.now();
  withdrawn = [];
  verifier = new TokenVerifier({
    issuers: [
      {
        name: 'people',
        type: 'oidc',
        issuer: issuer.issuer,
        audience: AUDIENCE,
        algorithms: ['RS256', 'ES256'],
      },
    ],
    ...clocksAt(() => nowMs),
    onKeysWithdrawn: (_issuer, keyIds) => withdrawn.push(...keyIds),
  });
});

afterEach(async () => {
  verifier.close();
  await issuer.close();
});

const mint = (alg: 'RS256' | 'ES256' = 'RS256') =>
  issuer.mint({ aud: AUDIENCE, sub: 'alice' }, { alg });

/** As a gate has it that runs, with the time that it waits for passed. */
async function refreshed(): Promise<void> {
  nowMs += JWKS.refreshMs + 1;
  verifier.keepKeysFresh(5);
  await expect.poll(() => verifier.keyAges[0]?.[1]).toBe(0);
}

describe('a key that its issuer withdrew', () => {
  it('ends verified tokens at the next refresh, though nobody asks for a key', async () => {
    const [bad, good] = [mint(), mint('ES256')];
    await verifier.verify(bad);
    await verifier.verify(good);
    const { kid } = issuer.key('RS256');
    issuer.keySet = { keys: issuer.jwks().filter((jwk) => jwk['kid'] !== kid) };
    await refreshed();
    expect(withdrawn).toEqual([kid]);
    expect(verifier.verifyCached(bad)).toBeNull();
    expect(verifier.recall(bad)).toBeNull();
    await expect(verifier.verify(bad)).rejects.toMatchObject({ reason: 'key_unknown' });
    // The other key is not touched by it.
    expect(verifier.verifyCached(good)).not.toBeNull();
  });

  it.each([
    ['other material under its id', () => ({ ...issuer.jwks()[1], kid: issuer.key('RS256').kid })],
    ['a key that is for encryption', () => ({ ...issuer.jwks()[0], use: 'enc' })],
    ['nothing', () => null],
  ])('is withdrawn by %s as well', async (_what, listed) => {
    const bad = mint();
    await verifier.verify(bad);
    const jwk = listed();
    issuer.keySet = { keys: jwk === null ? [] : [jwk] };
    nowMs += JWKS.refreshMs + 1;
    verifier.keepKeysFresh(5);
    await expect.poll(() => withdrawn).toContain(issuer.key('RS256').kid);
    expect(verifier.verifyCached(bad)).toBeNull();
    await expect(verifier.verify(bad)).rejects.toThrow();
  });

  it('is withdrawn though the clock of the machine was set back', async () => {
    let elapsedMs = 0;
    const issuers = [
      {
        name: 'people',
        type: 'oidc' as const,
        issuer: issuer.issuer,
        audience: AUDIENCE,
        algorithms: ['RS256'],
      },
    ];
    const other = new TokenVerifier({
      issuers,
      wallMs: () => wallAt(nowMs),
      monotonicMs: () => monotonic(elapsedMs),
      onKeysWithdrawn: (_issuer, keyIds) => withdrawn.push(...keyIds),
    });
    const bad = mint();
    await other.verify(bad);
    issuer.keySet = { keys: issuer.jwks().slice(1) };
    nowMs -= 3_600_000;
    elapsedMs += JWKS.refreshMs + 1;
    other.keepKeysFresh(5);
    await expect.poll(() => withdrawn).toEqual([issuer.key('RS256').kid]);
    expect(other.verifyCached(bad)).toBeNull();
    other.close();
  });

  it('is not withdrawn by remarks that changed, nor by an issuer that can not be asked', async () => {
    const token = mint();
    await verifier.verify(token);
    issuer.keySet = { keys: issuer.jwks().map((jwk) => ({ x5t: 'new', ...jwk })) };
    await refreshed();
    expect(verifier.verifyCached(token)).not.toBeNull();
    issuer.isDown = true;
    nowMs += JWKS.refreshMs + 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(withdrawn).toEqual([]);
    expect(verifier.verifyCached(token)).not.toBeNull();
  });

  it('never comes back to life in what it signed before', async () => {
    const token = mint();
    const principal = await verifier.verify(token);
    issuer.keySet = { keys: [] };
    nowMs += JWKS.refreshMs + 1;
    verifier.keepKeysFresh(5);
    await expect.poll(() => isWithdrawn(principal)).toBe(true);
    issuer.keySet = null;
    nowMs += JWKS.coolDownMs + 1;
    await verifier.verify(token);
    expect(isWithdrawn(principal)).toBe(true);
  });

  it('ends the sessions that rest on it, and no others', async () => {
    const sessionOf = (principal: Principal): SessionIdentity => {
      const gate = {
        limits: { humanSessionMs: 1e9, machineSessionMs: 1e9 },
        revocations: { epoch: 0, find: () => null },
      } as unknown as Gate;
      const identity = new SessionIdentity(gate, 's', { address: '127.0.0.1:1', tls: null });
      const role = { name: 'reader', session: { graceMs: 0, maxMs: null } };
      identity.loggedIn({ principal, role } as unknown as Authority, null);
      return identity;
    };
    const bad = sessionOf(await verifier.verify(mint()));
    const good = sessionOf(await verifier.verify(mint('ES256')));
    const { kid } = issuer.key('RS256');
    issuer.keySet = { keys: issuer.jwks().filter((jwk) => jwk['kid'] !== kid) };
    expect(bad.over(Date.now())).toBeNull();
    await refreshed();
    expect(bad.over(Date.now())).toMatch(/the issuer withdrew the key/);
    expect(good.over(Date.now())).toBeNull();
  });
});
