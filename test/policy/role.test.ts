// A role: which grant gives a permission on a resource, and which reaches what.
import { describe, expect, it } from 'vitest';
import type { Permission, Resource } from '../../src/cql/statement.ts';
import { Role } from '../../src/policy/role.ts';
import { roleDocument, type TestRoleDocument } from '../support/policy.ts';

const roleOf = (grants: readonly string[], more: TestRoleDocument = {}) =>
  new Role(roleDocument({ grants, ...more }));
const table = (keyspace: string, name = 't'): Resource => ({
  type: 'TABLE',
  keyspace,
  table: name,
});
const fn = (keyspace: string, type: string | null): Resource => ({
  type: 'FUNCTION',
  keyspace,
  name: 'f',
  signature: type === null ? null : [{ kind: 'native', name: type }],
});

describe('a permission', () => {
  const cases: [grants: string[], permission: Permission, resource: Resource, by: string | null][] =
    [
      [['SELECT ON TABLE ks.t'], 'SELECT', table('ks'), 'SELECT ON TABLE ks.t'],
      [['SELECT ON TABLE ks.t'], 'MODIFY', table('ks'), null],
      [['SELECT ON TABLE ks.t'], 'SELECT', table('ks', 'u'), null],
      [['SELECT ON TABLE ks.t'], 'SELECT', table('Ks'), null],
      [['SELECT ON KEYSPACE ks'], 'SELECT', table('ks'), 'SELECT ON KEYSPACE ks'],
      [
        ['SELECT ON ALL TABLES IN KEYSPACE ks'],
        'SELECT',
        { type: 'KEYSPACE', keyspace: 'ks' },
        null,
      ],
      [['SELECT ON KEYSPACE ci_*'], 'SELECT', table('ci_1'), 'SELECT ON KEYSPACE ci_*'],
      [['SELECT ON KEYSPACE ci_*'], 'SELECT', table('ci'), null],
      [['SELECT ON ALL KEYSPACES'], 'SELECT', table('ks'), 'SELECT ON ALL KEYSPACES'],
      [['SELECT ON ALL KEYSPACES'], 'SELECT', table('system_auth', 'roles'), null],
      [
        ['SELECT ON KEYSPACE system_auth'],
        'SELECT',
        table('system_auth', 'roles'),
        'SELECT ON KEYSPACE system_auth',
      ],
      [['SELECT ON KEYSPACE system_*'], 'SELECT', table('system_auth', 'roles'), null],
      [['SELECT ON ALL KEYSPACES'], 'SELECT', table('cqlgate', 'locks'), null],
      [['SELECT ON KEYSPACE cq*'], 'SELECT', table('cqlgate', 'locks'), null],
      [[], 'SELECT', table('system', 'local'), 'SELECT on system tables that every login may read'],
      [[], 'MODIFY', table('system', 'local'), null],
      [[], 'SELECT', table('system_traces', 'events'), null],
      [
        ['EXECUTE ON FUNCTION ks.f(int)'],
        'EXECUTE',
        fn('ks', 'int'),
        'EXECUTE ON FUNCTION ks.f(int)',
      ],
      [['EXECUTE ON FUNCTION ks.f(int)'], 'EXECUTE', fn('ks', 'text'), null],
      [
        ['EXECUTE ON FUNCTION ks.f(int)'],
        'EXECUTE',
        fn('ks', null),
        'EXECUTE ON FUNCTION ks.f(int)',
      ],
      [['EXECUTE ON ALL FUNCTIONS'], 'EXECUTE', fn('ks', 'text'), 'EXECUTE ON ALL FUNCTIONS'],
      [['EXECUTE ON ALL FUNCTIONS'], 'EXECUTE', fn('cqlgate', 'text'), null],
      [['AUTHORIZE ON ROLE a'], 'AUTHORIZE', { type: 'ROLE', role: 'a' }, 'AUTHORIZE ON ROLE a'],
      [['AUTHORIZE ON ROLE a'], 'AUTHORIZE', { type: 'ROLE', role: 'b' }, null],
      [['DROP ON ALL ROLES'], 'DROP', { type: 'ROLE', role: 'b' }, 'DROP ON ALL ROLES'],
      [[], 'SELECT', { type: 'ALL MBEANS' }, null],
    ];

  it.each(cases)('by %j: %s on %j is given by %s', (grants, permission, resource, by) => {
    expect(roleOf(grants).find(permission, resource)).toBe(by);
  });

  it('that ALL would give is not AUTHORIZE, unless the policy says so', () => {
    const grants = ['ALL ON KEYSPACE ks'];
    const where: Resource = { type: 'KEYSPACE', keyspace: 'ks' };
    expect(roleOf(grants).find('AUTHORIZE', where)).toBeNull();
    expect(roleOf(grants, { asCassandra: ['authorize'] }).find('AUTHORIZE', where)).toBe(grants[0]);
    expect(roleOf(['AUTHORIZE ON KEYSPACE ks']).find('AUTHORIZE', where)).not.toBeNull();
  });

  it('to read traces is given by the policy alone, of those tables alone', () => {
    const role = roleOf([], { asCassandra: ['traces'] });
    expect(role.find('SELECT', table('system_traces', 'sessions'))).not.toBeNull();
    expect(role.find('SELECT', table('system_traces', 'other'))).toBeNull();
  });

  it('to create a keyspace is given by a prefix or by all, never by that very keyspace', () => {
    const may = (grant: string, keyspace: string) => roleOf([grant]).findCreateKeyspace(keyspace);
    expect(may('CREATE ON KEYSPACE ci_*', 'ci_1')).not.toBeNull();
    expect(may('CREATE ON ALL KEYSPACES', 'ks')).not.toBeNull();
    expect(may('CREATE ON KEYSPACE ks', 'ks')).toBeNull();
    expect(may('CREATE ON ALL KEYSPACES', 'cqlgate')).toBeNull();
    expect(may('CREATE ON ALL KEYSPACES', 'system_auth')).toBeNull();
  });

  it('reaches the keyspaces that a grant names, whatever it gives there', () => {
    const role = roleOf([
      'SELECT ON TABLE ks.t',
      'MODIFY ON KEYSPACE ci_*',
      'EXECUTE ON FUNCTION f.f(int)',
    ]);
    const reached = ['ks', 'ci_9', 'f', 'other', 'system', 'cqlgate'].filter((one) =>
      role.reaches(one),
    );
    expect([reached, role.reachesAll]).toEqual([['ks', 'ci_9', 'f'], false]);
    const all = roleOf(['SELECT ON ALL KEYSPACES']);
    expect([
      all.reaches('any'),
      all.reaches('system_auth'),
      all.reaches('cqlgate'),
      all.reachesAll,
    ]).toEqual([true, false, false, true]);
  });
});
