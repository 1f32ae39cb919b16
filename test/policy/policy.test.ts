// A policy: which role a token may take, and what else hangs on all of its roles.
import { describe, expect, it } from 'vitest';
import type { ClaimValue, Principal } from '../../src/identity/principal.ts';
import { isAuthority, Policy } from '../../src/policy/policy.ts';
import { NO_END } from '../support/moments.ts';
import { roleDocument } from '../support/policy.ts';

const principal = (claims: Record<string, ClaimValue>): Principal => ({
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'me',
  claims,
  tokenSha256: '',
  isHuman: false,
  expiresAtMs: NO_END,
});

const binding = (where: Record<string, string>, role: string) => ({
  name: role,
  role,
  issuer: 'pipelines',
  where: new Map(Object.entries(where).map(([key, value]) => [key, [value]])),
});

describe('roles by username', () => {
  const role = (name: string) => ({
    name,
    cassandraRole: 'c',
    grants: [],
    deny: [],
    capabilities: [],
    classes: [],
    asCassandra: [],
  });
  const policy = new Policy(
    {
      roles: ['one', 'two', 'three'].map(role),
      ownLogins: [],
      bindings: [
        binding({ a: '1' }, 'one'),
        binding({ a: '1' }, 'two'),
        binding({ b: '1' }, 'three'),
      ],
    },
    'v',
  );

  it('take the one asked for, and oidc the only one', () => {
    const named = policy.authorize(principal({ a: '1' }), 'two');
    expect(isAuthority(named) && named.role.name).toBe('two');
    const only = policy.authorize(principal({ b: '1' }), 'oidc');
    expect(isAuthority(only) && only.role.name).toBe('three');
  });

  it('are refused with the names that may be taken', () => {
    expect(policy.authorize(principal({ a: '1' }), 'oidc')).toMatchObject({
      reason: 'several_roles',
      message: expect.stringContaining('one, two') as string,
    });
    expect(policy.authorize(principal({ a: '1' }), 'three')).toMatchObject({
      reason: 'role_not_bound',
    });
    expect(policy.authorize(principal({}), 'oidc')).toMatchObject({ reason: 'unbound' });
  });
});

describe('logins of the gate itself', () => {
  it('are those of the list as it is now: users of leases come and go', () => {
    const ownLogins = ['v_first'];
    const policy = new Policy({ roles: [], ownLogins, bindings: [] }, 'v');
    ownLogins.push('v_second');
    expect(policy.isOwnLogin('v_first') && policy.isOwnLogin('v_second')).toBe(true);
    ownLogins.shift();
    expect(policy.isOwnLogin('v_first')).toBe(false);
  });
});

describe('a role that was asked for', () => {
  it('is repeated in a refusal up to a length, as a text that holds nothing else', () => {
    const policy = new Policy(
      { roles: [roleDocument()], ownLogins: [], bindings: [binding({ a: '1' }, 'r')] },
      'v',
    );
    const refusal = policy.authorize(principal({ a: '1' }), `x"\n${'y'.repeat(500)}`);
    const message = isAuthority(refusal) ? '' : refusal.message;
    expect(message).toContain('"x\\"\\n');
    expect(message).not.toContain('y'.repeat(62));
  });
});

describe('the longest grace', () => {
  it('is that of the role that forgives most, and none where no role forgives', () => {
    const graces = (...ms: readonly number[]) =>
      new Policy(
        {
          roles: ms.map((graceMs, i) =>
            roleDocument({ name: `r${i}`, session: { graceMs, maxMs: null } }),
          ),
          ownLogins: [],
          bindings: [],
        },
        'v',
      ).longestGraceMs;
    expect([graces(), graces(0), graces(5, 700, 30)]).toEqual([0, 0, 700]);
  });
});

describe('explained bindings', () => {
  it('tell of each why it does not match', () => {
    const policy = new Policy(
      {
        roles: [roleDocument()],
        ownLogins: [],
        bindings: [binding({ a: '1' }, 'r'), binding({ b: '1' }, 'r')],
      },
      'v',
    );
    const mismatches = policy
      .explainBindings(principal({ a: '1' }))
      .map(({ mismatch }) => mismatch);
    expect(mismatches).toEqual([null, expect.stringContaining('b') as string]);
  });
});
