// The claims of a token with a good signature: when it is let in, and why not.
import { describe, expect, it } from 'vitest';
import { later, wallAt } from '../../src/clock.ts';
import { AuthFault } from '../../src/errors.ts';
import { checkClaims } from '../../src/identity/check-claims.ts';
import { issuerOf } from '../../src/identity/issuers.ts';
import { TOKENS } from '../../src/limits/identity.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const NOW = NOW_MS / 1000;
const issuer = issuerOf({
  name: 'pipelines',
  type: 'bitbucket',
  workspace: 'acme',
  workspaceUuid: '{a1b2c3d4-0000-4000-8000-000000000000}',
  audience: ['https://gate', 'https://other'],
});
const claims = {
  iss: issuer.issuer,
  aud: 'https://gate',
  sub: 'job',
  exp: NOW + 60,
  iat: NOW,
  workspaceUuid: 'A1B2C3D4-0000-4000-8000-000000000000',
};

function check(changed: object, graceMs = 0): unknown {
  try {
    return checkClaims({ ...claims, ...changed }, issuer, wallAt(NOW_MS), graceMs);
  } catch (error) {
    if (error instanceof AuthFault) return error.reason;
    throw error;
  }
}

describe('claims', () => {
  it('are taken, and say when the token ends', () => {
    expect(check({})).toBe(later(wallAt(NOW_MS), 60_000));
    expect(check({ aud: ['https://elsewhere', 'https://other'] })).toBe(check({}));
  });

  it.each([
    ['of another issuer', { iss: 'https://elsewhere' }, 'issuer_unknown'],
    ['without an end', { exp: undefined }, 'no_expiry'],
    ['with an end that is text', { exp: '2030' }, 'no_expiry'],
    ['with an end beyond all dates', { exp: 1e300 }, 'time_out_of_range'],
    ['with a beginning beyond all dates', { nbf: -1e300 }, 'time_out_of_range'],
    ['that ended', { exp: NOW }, 'token_expired'],
    ['that ended before 1970', { exp: -5 }, 'token_expired'],
    ['that begin later', { nbf: NOW + TOKENS.clockSkewMs / 1000 + 1 }, 'not_yet_valid'],
    ['issued later', { iat: NOW + TOKENS.clockSkewMs / 1000 + 1 }, 'not_yet_valid'],
    ['with a beginning that is text', { nbf: 'now' }, 'not_yet_valid'],
    ['for another audience', { aud: 'https://elsewhere' }, 'audience'],
    ['for no audience', { aud: undefined }, 'audience'],
    ['without a subject', { sub: '' }, 'no_subject'],
    ['of another workspace', { workspaceUuid: '{b1}' }, 'pinned_claim'],
    ['of no workspace', { workspaceUuid: undefined }, 'pinned_claim'],
  ])('%s are refused', (_what, changed, reason) => {
    expect(check(changed)).toBe(reason);
  });

  it('may be ahead by the skew of clocks, and no more', () => {
    const most = NOW + TOKENS.clockSkewMs / 1000;
    expect(check({ nbf: most, iat: most })).toBe(check({}));
  });

  it('may have ended within a grace', () => {
    expect(check({ exp: NOW - 9 }, 10_000)).toBe(later(wallAt(NOW_MS), -9_000));
    expect(check({ exp: NOW - 10 }, 10_000)).toBe('token_expired');
  });
});
