// Who may use the admin API, and for what.
import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/identity/principal.ts';
import { adminLevelOf, mayDo, type AdminBinding } from '../../src/policy/admins.ts';
import { NO_END } from '../support/moments.ts';

const person = (groups: readonly string[], issuerName = 'people'): Principal => ({
  issuerName,
  issuer: 'https://issuer',
  subject: 'me',
  claims: { groups },
  tokenSha256: '',
  isHuman: true,
  expiresAtMs: NO_END,
});
const admins: AdminBinding[] = [
  { name: 'a', role: 'operator', issuer: 'people', where: new Map([['groups', ['platform']]]) },
  { name: 'b', role: 'viewer', issuer: 'people', where: new Map([['groups', ['dev']]]) },
];

describe('the level of an admin', () => {
  it('is the highest that is bound to a token, in whatever order', () => {
    expect(adminLevelOf(admins, person(['dev']))).toBe('viewer');
    expect(adminLevelOf(admins, person(['platform', 'dev']))).toBe('operator');
    expect(adminLevelOf([...admins].reverse(), person(['dev', 'platform']))).toBe('operator');
    expect(adminLevelOf(admins, person(['other']))).toBeNull();
    expect(adminLevelOf(admins, person(['platform'], 'pipelines'))).toBeNull();
    expect(adminLevelOf([], person(['platform']))).toBeNull();
  });

  it('may do what those below it may, and no more', () => {
    expect([mayDo('viewer', 'viewer'), mayDo('viewer', 'operator')]).toEqual([true, false]);
    expect([mayDo('operator', 'viewer'), mayDo('operator', 'operator')]).toEqual([true, true]);
  });
});
