// What a revocation covers, and what it leaves alone.
import { describe, expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import type { Principal } from '../../src/identity/principal.ts';
import {
  newRevocation,
  Revocations,
  type Revocable,
  type Revocation,
} from '../../src/revocation/revocations.ts';

const NOW_MS = 1_000_000_000_000;
const PIPELINE = '{77AA1D4E-7D36-4F4F-8EC7-6A3F3A8A1B11}';
const STEP = '{0F1E2D3C-4B5A-4968-8776-655443322110}';
const TOKEN = 'ab'.repeat(32);

const principal = (claims: Principal['claims'] = {}): Principal => ({
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'job',
  claims: { iat: NOW_MS / 1000 - 60, pipelineUuid: PIPELINE, stepUuid: STEP, ...claims },
  tokenSha256: TOKEN,
  isHuman: false,
  expiresAtMs: wallAt(NOW_MS + 1),
});

const revocation = (what: Revocable, value: string, issuer: string | null = null): Revocation => {
  const asked = { what, value, issuer, reason: 'leaked', revokedBy: 'people me' };
  const made = newRevocation(asked, wallAt(NOW_MS));
  if ('problem' in made) throw new Error(made.problem);
  return made;
};

const revoking = (what: Revocable, value: string, issuer: string | null = null) => {
  const revocations = new Revocations();
  revocations.add([revocation(what, value, issuer)]);
  return (who: Principal) => revocations.find(who) !== null;
};

describe('a revocation', () => {
  it.each([
    ['issuer', 'pipelines', 'people'],
    ['subject', 'job', 'job2'],
    ['pipeline', PIPELINE.toLowerCase(), STEP],
    ['pipeline', PIPELINE.slice(1, -1), STEP.slice(1, -1)],
    ['step', STEP, PIPELINE],
    ['token', TOKEN, 'cd'.repeat(32)],
    ['token', TOKEN.toUpperCase(), 'CD'.repeat(32)],
  ] as const)('by %s %s is of that, and not of %s', (what, value, other) => {
    expect(revoking(what, value)(principal())).toBe(true);
    expect(revoking(what, other)(principal())).toBe(false);
  });

  it.each([
    ['pipeline', '1234', 'a UUID'],
    ['pipeline', `${PIPELINE} `, 'a UUID'],
    ['step', '', 'a UUID'],
    ['token', TOKEN.slice(1), '64 hex digits'],
    ['token', 'eyJhbGciOi.eyJpc3Mi.c2ln', '64 hex digits'],
  ] as const)('by %s is not of %j, which covers nothing', (what, value, text) => {
    const asked = { what, value, issuer: null, reason: 'x', revokedBy: 'y' };
    expect(newRevocation(asked, wallAt(NOW_MS))).toEqual({
      problem: expect.stringContaining(text) as string,
    });
  });

  it('may be limited to an issuer', () => {
    expect(revoking('subject', 'job', 'pipelines')(principal())).toBe(true);
    expect(revoking('subject', 'job', 'people')(principal())).toBe(false);
  });

  it.each(['issuer', 'subject'] as const)(
    'by %s is of what was issued until then, by a clock that is ahead too, and of what does not say when',
    (what) => {
      const isRevoked = revoking(what, what === 'issuer' ? 'pipelines' : 'job');
      expect(isRevoked(principal({ iat: NOW_MS / 1000 }))).toBe(true);
      expect(isRevoked(principal({ iat: NOW_MS / 1000 + 60 }))).toBe(true);
      expect(isRevoked(principal({ iat: NOW_MS / 1000 + 61 }))).toBe(false);
      expect(isRevoked(principal({ iat: 'yesterday' }))).toBe(true);
    },
  );

  it.each([
    ['pipeline', PIPELINE],
    ['step', STEP],
    ['token', TOKEN],
  ] as const)(
    'by %s is of later tokens too: its next step is no more to be trusted',
    (what, value) => {
      expect(revoking(what, value)(principal({ iat: NOW_MS / 1000 + 3600 }))).toBe(true);
    },
  );

  it('does not match a claim that is missing or no text', () => {
    for (const claim of [null, '', 1, [PIPELINE], { a: PIPELINE }]) {
      expect(revoking('pipeline', PIPELINE)(principal({ pipelineUuid: claim }))).toBe(false);
    }
  });
});

describe('the list', () => {
  it('changes its epoch only when it changes, and forgets nothing', () => {
    const revocations = new Revocations();
    const one = revocation('subject', 'job');
    revocations.add([]);
    expect(revocations.epoch).toBe(0);
    revocations.add([one]);
    revocations.add([one]);
    revocations.add([{ ...one }]);
    expect(revocations.epoch).toBe(1);
    // A replica that lags behind has another one only.
    revocations.add([revocation('subject', 'job', 'people')]);
    revocations.add([]);
    expect([revocations.epoch, revocations.all.length]).toEqual([2, 2]);
    expect(revocations.find(principal())).toBe(one);
  });

  it('is looked up by name, however long it is', () => {
    const revocations = new Revocations();
    revocations.add(Array.from({ length: 5_000 }, (_, n) => revocation('subject', `other${n}`)));
    const startMs = performance.now();
    for (let n = 0; n < 10_000; n++) expect(revocations.find(principal()) === null).toBe(true);
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });
});
