// The shape of the policy file.
import { describe, expect, it } from 'vitest';
import { POLICY_NOT_YET, policySchema } from '../../src/config/policy-schema.ts';

const role = { cassandraRole: 'c', grants: ['SELECT ON KEYSPACE ks'] };
const binding = { role: 'r', issuer: 'i', where: { sub: 'x' } };
const whole = { version: 1, roles: { r: role }, bindings: [binding] };
const isTaken = (over: object) => policySchema.safeParse({ ...whole, ...over }).success;

describe('a policy file', () => {
  it('has nothing denied, no capability and no admin where it does not say so', () => {
    const { roles, admins } = policySchema.parse(whole);
    expect(roles['r']).toEqual({
      ...role,
      deny: [],
      capabilities: [],
      classes: [],
      asCassandra: [],
    });
    expect(admins).toEqual([]);
  });

  it.each([
    ['another version', { version: 2 }],
    ['an unknown key', { role: {} }],
    ['a role without a name', { roles: { '': role } }],
    ['a role without a login', { roles: { r: { grants: [] } } }],
    ['a grant that is no text', { roles: { r: { ...role, grants: [5] } } }],
    ['limits, which are not enforced', { roles: { r: { ...role, limits: {} } } }],
    ['a grace without a unit', { roles: { r: { ...role, session: { grace: '10' } } } }],
    ['a commit mode that is none', { roles: { r: { ...role, commit: 'always' } } }],
    ['a claim that is a number', { bindings: [{ ...binding, where: { sub: 5 } }] }],
    ['a claim of no pattern', { bindings: [{ ...binding, where: { sub: [] } }] }],
    ['a binding without an issuer', { bindings: [{ role: 'r', where: { sub: 'x' } }] }],
    ['an admin of no level', { admins: [{ level: 'root', issuer: 'i', where: { sub: 'x' } }] }],
  ])('is refused with %s', (_what, over) => {
    expect(isTaken(over)).toBe(false);
  });

  it('takes all that it documents', () => {
    expect(
      isTaken({
        roles: {
          r: {
            ...role,
            session: { grace: '10m', max: '8h' },
            commit: 'best-effort',
            deny: ['TRUNCATE'],
          },
        },
        bindings: [{ ...binding, name: 'n', where: { sub: ['a', 'b/*'] } }],
        admins: [{ level: 'viewer', issuer: 'i', where: { groups: 'g' } }],
      }),
    ).toBe(true);
    expect([...POLICY_NOT_YET]).toEqual(['roles.*.limits']);
  });
});
