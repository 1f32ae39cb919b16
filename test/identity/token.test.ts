// A token as it is written: what is read of it before and after its signature is checked, and what is refused.
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { AuthFault } from '../../src/errors.ts';
import { claimsOf, headerOf, sha256, signedClaims } from '../../src/identity/token.ts';

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (header: object, claims: unknown = {}): string =>
  `${part(header)}.${part(claims)}.AAAA`;

function reasonOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AuthFault) return error.reason;
    throw error;
  }
  return 'taken';
}

describe('the header of a token', () => {
  it('names the algorithm and the key', () => {
    const token = tokenOf({ alg: 'RS256', kid: 'a', typ: 'JWT' });
    expect(headerOf(token)).toEqual({ algorithm: 'RS256', kid: 'a' });
  });

  it.each([
    ['brings a key', { alg: 'RS256', kid: 'a', jwk: {} }, 'key_in_header'],
    ['names an address of keys', { alg: 'RS256', kid: 'a', jku: 'https://a' }, 'key_in_header'],
    ['names an address of a chain', { alg: 'RS256', kid: 'a', x5u: 'https://a' }, 'key_in_header'],
    ['brings a chain', { alg: 'RS256', kid: 'a', x5c: [] }, 'key_in_header'],
    ['has extensions', { alg: 'RS256', kid: 'a', crit: ['b64'] }, 'crit'],
    ['names no key', { alg: 'RS256' }, 'no_key_id'],
    ['names an empty key', { alg: 'RS256', kid: '' }, 'no_key_id'],
    ['names no algorithm', { kid: 'a' }, 'no_key_id'],
  ])('is refused where it %s', (_what, header, reason) => {
    expect(reasonOf(() => headerOf(tokenOf(header)))).toBe(reason);
  });

  it.each(['', 'a', 'a.b.c', '....', `${part([1])}.${part({})}.`])('is none in %j', (text) => {
    expect(reasonOf(() => headerOf(text))).toBe('token_malformed');
  });
});

describe('the claims of a token', () => {
  it('are an object', () => {
    expect(claimsOf(tokenOf({}, { iss: 'a', nested: { b: [1] } }))).toEqual({
      iss: 'a',
      nested: { b: [1] },
    });
    for (const claims of [[], null, 'text', 1]) {
      expect(reasonOf(() => claimsOf(tokenOf({}, claims)))).toBe('token_malformed');
    }
  });

  it('are UTF-8, and in the second of three parts', () => {
    const broken = Buffer.from('{"iss":"\xff"}', 'latin1').toString('base64url');
    for (const token of [`a.${broken}.c`, `a.${part({})}`, `a.${part({})}.c.d`]) {
      expect(reasonOf(() => claimsOf(token))).toBe('token_malformed');
    }
  });
});

describe('a signature', () => {
  let key: CryptoKey;
  let token: string;

  beforeAll(async () => {
    const pair = await generateKeyPair('ES256', { extractable: true });
    expect((await exportJWK(pair.publicKey)).kty).toBe('EC');
    key = pair.publicKey;
    const claims = new SignJWT({ sub: 'job' }).setProtectedHeader({ alg: 'ES256', kid: 'a' });
    token = await claims.sign(pair.privateKey);
  });

  it('is checked before the claims are given out', async () => {
    expect(await signedClaims(token, key, 'ES256')).toEqual({ sub: 'job' });
    const [header, , signature] = token.split('.');
    const changed = `${header}.${part({ sub: 'admin' })}.${signature}`;
    await expect(signedClaims(changed, key, 'ES256')).rejects.toMatchObject({
      reason: 'signature',
    });
  });

  it('is checked by the algorithm that the issuer allows, and no other', async () => {
    await expect(signedClaims(token, key, 'ES384')).rejects.toMatchObject({ reason: 'signature' });
  });
});

it('stands for a token in records by its hash', () => {
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
