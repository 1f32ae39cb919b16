// Statements about another Cassandra role, of which it counts whether that is a superuser.
import { describe, expect, it } from 'vitest';
import { superuserTargetOf, targetDenial } from '../../src/policy/superuser-targets.ts';
import { read } from '../cql/statements.ts';
import { roleUnderPolicy } from '../support/policy.ts';

describe('the target of a statement', () => {
  it.each([
    ['DROP ROLE a', { role: 'a' }],
    ['DROP USER a', { role: 'a' }],
    ['ALTER ROLE a WITH LOGIN = true', { role: 'a' }],
    ["ALTER USER a WITH PASSWORD 'x'", { role: 'a' }],
    ['GRANT a TO b', { role: 'a' }],
    ['REVOKE a FROM b', { role: 'a' }],
    ["ADD IDENTITY 'i' TO ROLE 'a'", { role: 'a' }],
    ["DROP IDENTITY 'i'", { identity: 'i' }],
    ['CREATE ROLE a', null],
    ['GRANT SELECT ON ks.t TO a', null],
    ['LIST ROLES OF a', null],
    ['SELECT a FROM ks.t', null],
  ])('%s is %j', (text, target) => {
    expect(superuserTargetOf(read(text))).toEqual(target);
  });
});

describe('what the cluster says of a target', () => {
  const drop = read("DROP IDENTITY 'i'");
  const unknown = { mayBeSuperuser: true, roleOfIdentity: null };

  it('stands in the way where it is a superuser, or may be one, unless the role has the capability', () => {
    const plain = roleUnderPolicy({});
    expect(targetDenial(plain, drop, unknown)).toMatchObject({ reason: 'capability_missing' });
    expect(targetDenial(plain, drop, { ...unknown, mayBeSuperuser: false })).toBeNull();
    const superuser = roleUnderPolicy({ capabilities: ['superuser'] });
    expect(targetDenial(superuser, drop, unknown)).toBeNull();
  });

  it('stands in the way of everybody where the gate itself logs in by it', () => {
    const superuser = roleUnderPolicy({ capabilities: ['superuser'] });
    const own = { mayBeSuperuser: false, roleOfIdentity: 'gate_login' };
    expect(targetDenial(superuser, drop, own)).toMatchObject({ reason: 'own_login' });
    expect(targetDenial(superuser, drop, { ...own, roleOfIdentity: 'other' })).toBeNull();
  });
});
