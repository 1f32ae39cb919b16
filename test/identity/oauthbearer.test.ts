// OAUTHBEARER messages as RFC 7628 has them, and what only looks like one.
import { describe, expect, it } from 'vitest';
import { AuthFault } from '../../src/errors.ts';
import {
  bearerChallenge,
  decodeOAuthBearer,
  isOAuthBearer,
} from '../../src/identity/oauthbearer.ts';

const message = (text: string): Buffer => Buffer.from(text.replaceAll('^A', '\u0001'));

describe('OAUTHBEARER', () => {
  it('has the role in its header and the token in auth', () => {
    const full = message('n,a=orders=2Cmigrator,^Ahost=gate^Aport=9042^Aauth=Bearer aa.bb.cc^A^A');
    expect(decodeOAuthBearer(full)).toEqual({ role: 'orders,migrator', token: 'aa.bb.cc' });
    expect(decodeOAuthBearer(message('y,,^Aauth=bearer aa.b-_~+/b==^A^A'))).toEqual({
      role: null,
      token: 'aa.b-_~+/b==',
    });
  });

  it.each([
    ['n,a=x', /GS2 header/],
    ['n,,^Aauth=Bearer a', /end as it must/],
    ['n,,^Aauth=Bearer a^A', /end as it must/],
    ['n,,^A^A', /no bearer token/],
    ['n,,^Aauth=Basic a^A^A', /no bearer token/],
    ['n,,^Aauth=Bearer a^Aauth=Bearer b^A^A', /no bearer token/],
    ['n,a=,^Aauth=Bearer a^A^A', /authzid/],
    ['n,a=x=2Z,^Aauth=Bearer a^A^A', /authzid/],
    ['p=tls-unique,,^Aauth=Bearer a^A^A', /channel binding/],
  ])('refuses %s, and does not repeat it', (text, expected) => {
    const decode = () => decodeOAuthBearer(message(text));
    expect(decode).toThrow(AuthFault);
    expect(decode).toThrow(expected);
    expect(decode).not.toThrow(/Basic|Bearer a\b|Bearer b/);
  });

  it('is told from PLAIN', () => {
    expect(isOAuthBearer(message('n,,^Aauth=Bearer a^A^A'))).toBe(true);
    for (const plain of ['\0n,\0pw', 'n,\0n,\0pw', 'user\0user\0pw', 'nobody', '']) {
      expect(isOAuthBearer(Buffer.from(plain))).toBe(false);
    }
  });

  it('fails with a JSON that names the discovery document', () => {
    expect(JSON.parse(bearerChallenge('https://issuer').toString())).toEqual({
      status: 'invalid_token',
      'openid-configuration': 'https://issuer/.well-known/openid-configuration',
    });
    expect(JSON.parse(bearerChallenge(null).toString())).toEqual({ status: 'invalid_token' });
  });
});
