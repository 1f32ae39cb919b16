// What a revocation covers, and what it leaves alone.
import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/identity/principal.ts';
import { newRevocation, Revocations, type Revocable } from '../../src/revocation/revocations.ts';

const NOW_MS = 1_000_000_000_000;
const PIPELINE = '{77AA1D4E-7D36-4F4F-8EC7-6A3F3A8A1B11}';

const principal = (claims: Principal['claims'] = {}): Principal => ({
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'job',
  claims: { iat: NOW_MS / 1000 - 60, pipelineUuid: PIPELINE, stepUuid: '{S}', ...claims },
  tokenSha256: 'abc',
  isHuman: false,
  expiresAtMs: NOW_MS + 1,
});

const revoking = (what: Revocable, value: string, issuer: string | null = null) => {
  const revocations = new Revocations();
  const asked = { what, value, issuer, reason: 'leaked', revokedBy: 'people me' };
  revocations.add(newRevocation(asked, NOW_MS));
  return (who: Principal) => revocations.find(who) !== null;
};

describe('a revocation', () => {
  it.each([
    ['issuer', 'pipelines', 'people'],
    ['subject', 'job', 'job2'],
    ['pipeline', PIPELINE.toLowerCase(), '{other}'],
    ['pipeline', PIPELINE.slice(1, -1), PIPELINE.slice(1, -2)],
    ['step', 's', 't'],
    ['token', 'abc', 'ABC'],
  ] as const)('by %s %s is of that, and not of %s', (what, value, other) => {
    expect(revoking(what, value)(principal())).toBe(true);
    expect(revoking(what, other)(principal())).toBe(false);
  });

  it('may be limited to an issuer', () => {
    expect(revoking('subject', 'job', 'pipelines')(principal())).toBe(true);
    expect(revoking('subject', 'job', 'people')(principal())).toBe(false);
  });

  it('is of what was issued until then, and of what does not say when it was', () => {
    const isRevoked = revoking('subject', 'job');
    expect(isRevoked(principal({ iat: NOW_MS / 1000 }))).toBe(true);
    expect(isRevoked(principal({ iat: NOW_MS / 1000 + 1 }))).toBe(false);
    expect(isRevoked(principal({ iat: 'yesterday' }))).toBe(true);
  });

  it('does not match a claim that is missing or no text', () => {
    expect(revoking('pipeline', '')(principal({ pipelineUuid: null }))).toBe(false);
    expect(revoking('step', '1')(principal({ stepUuid: 1 }))).toBe(false);
  });
});

describe('the list', () => {
  const asked = {
    what: 'subject',
    value: 'job',
    issuer: null,
    reason: 'x',
    revokedBy: 'y',
  } as const;

  it('changes its epoch only when it changes', () => {
    const revocations = new Revocations();
    const one = newRevocation(asked, NOW_MS);
    revocations.share([], []);
    expect(revocations.epoch).toBe(0);
    revocations.add(one);
    revocations.add(one);
    expect(revocations.epoch).toBe(1);
    revocations.share([{ ...one }], []);
    expect(revocations.epoch).toBe(1);
    revocations.share([], [one]);
    expect(revocations.epoch).toBe(1);
    revocations.share([newRevocation(asked, NOW_MS)], [one]);
    expect([revocations.epoch, revocations.all.length]).toEqual([2, 2]);
    revocations.share([], []);
    expect([revocations.epoch, revocations.all.length]).toEqual([3, 0]);
  });
});
