// Verified tokens: kept by hash within a bound of number and memory, and gone once their key is withdrawn.
import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/identity/principal.ts';
import { VerifiedTokens } from '../../src/identity/verified-tokens.ts';
import { TOKENS } from '../../src/limits/identity.ts';
import { NO_END } from '../support/moments.ts';

function principal(tokenSha256: string, fields: Partial<Principal> = {}): Principal {
  return {
    issuerName: 'ci',
    issuer: 'https://issuer',
    subject: 'job',
    claims: { sub: 'job' },
    tokenSha256,
    isHuman: false,
    expiresAtMs: NO_END,
    ...fields,
  };
}

function tokens() {
  let bytes = 0;
  const kept = new VerifiedTokens({ add: (more) => void (bytes += more) });
  return { kept, bytes: () => bytes };
}

describe('verified tokens', () => {
  it('are found by their hash, as the same object', () => {
    const { kept } = tokens();
    const one = principal('a');
    kept.add(one);
    expect(kept.find('a')).toBe(one);
    expect(kept.find('b')).toBeNull();
  });

  it('are gone once their key is withdrawn, and their memory with them', () => {
    const { kept, bytes } = tokens();
    const key = { isWithdrawn: false };
    kept.add(principal('a', { key }));
    expect(kept.find('a')).not.toBeNull();
    expect(bytes()).toBeGreaterThan(0);
    key.isWithdrawn = true;
    expect(kept.find('a')).toBeNull();
    expect(bytes()).toBe(0);
    key.isWithdrawn = false;
    expect(kept.find('a')).toBeNull();
  });

  it('are charged once, however often they are added', () => {
    const { kept, bytes } = tokens();
    kept.add(principal('a'));
    const once = bytes();
    kept.add(principal('a'));
    expect(bytes()).toBe(once);
  });

  it('are bounded in number: those that were not used for longest go', () => {
    const { kept } = tokens();
    for (let i = 0; i < TOKENS.verifiedKept; i++) kept.add(principal(`${i}`));
    expect(kept.find('0')).not.toBeNull();
    kept.add(principal('one more'));
    expect(kept.find('0')).not.toBeNull();
    expect(kept.find('1')).toBeNull();
    expect(kept.find('2')).not.toBeNull();
  });

  it('are bounded in memory, which an issuer decides by its claims', () => {
    const { kept, bytes } = tokens();
    const claims = () => ({ text: Math.random().toString(36).repeat(100_000) });
    for (let i = 0; i < 64; i++) kept.add(principal(`${i}`, { claims: claims() }));
    expect(bytes()).toBeLessThanOrEqual(TOKENS.verifiedBytes);
    expect(kept.find('0')).toBeNull();
    expect(kept.find('63')).not.toBeNull();
  });

  it('give back half of their memory when it is short', () => {
    const { kept, bytes } = tokens();
    for (let i = 0; i < 10; i++) kept.add(principal(`${i}`));
    const before = bytes();
    kept.evict();
    expect(bytes()).toBeLessThanOrEqual(before / 2);
    expect(kept.find('9')).not.toBeNull();
  });
});

describe('hashes of tokens that were good before this process began', () => {
  it('are known, and bounded: the oldest are forgotten', () => {
    const { kept } = tokens();
    kept.sawBefore([
      'first',
      ...Array.from({ length: TOKENS.seenBeforeKept }, (_unused, i) => `${i}`),
    ]);
    expect(kept.wasSeenBefore('first')).toBe(false);
    expect(kept.wasSeenBefore('0')).toBe(true);
    expect(kept.find('0')).toBeNull();
  });
});
