// Roles, users, identities, GRANT, REVOKE and LIST: words that are names as well, and what superusers alone may.
import { describe, expect, it } from 'vitest';
import { applicable } from '../../../src/cql/grammar/roles.ts';
import { PERMISSIONS } from '../../../src/cql/statement.ts';
import { needsIn, read, ruleOf } from '../statements.ts';

describe('GRANT and REVOKE', () => {
  it.each([
    ['GRANT all TO r', 'GRANT ROLE', ['AUTHORIZE ON ROLE all']],
    ['GRANT select TO r', null, []],
    ['GRANT "select" TO r', 'GRANT ROLE', ['AUTHORIZE ON ROLE "select"']],
    [
      'GRANT modify ON role.t TO r',
      'GRANT',
      ['AUTHORIZE ON TABLE role.t', 'MODIFY ON TABLE role.t'],
    ],
    ['REVOKE DESCRIBE ON ROLE x FROM r', 'REVOKE', ['AUTHORIZE ON ROLE x', 'DESCRIBE ON ROLE x']],
    [
      'GRANT SELECT PERMISSION, MODIFY PERMISSION ON ks.t TO r',
      'GRANT',
      ['AUTHORIZE ON TABLE ks.t', 'SELECT ON TABLE ks.t', 'MODIFY ON TABLE ks.t'],
    ],
    [
      'GRANT EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks TO r',
      'GRANT',
      ['AUTHORIZE ON ALL FUNCTIONS IN KEYSPACE ks', 'EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks'],
    ],
    [
      "GRANT SELECT ON MBEANS 'd:type=*' TO r",
      'GRANT',
      ["AUTHORIZE ON MBEANS 'd:type=*'", "SELECT ON MBEANS 'd:type=*'"],
    ],
    ["GRANT a TO 'B'", 'GRANT ROLE', ['AUTHORIZE ON ROLE a']],
  ])('%s', (text, kind, needs) => {
    if (kind === null) {
      expect(ruleOf(text)).toBe('syntax');
      return;
    }
    expect(read(text).kind).toBe(kind);
    expect(needsIn(text)).toEqual(needs);
  });

  it('of all permissions needs each that applies to the resource', () => {
    expect(needsIn('GRANT ALL PERMISSIONS ON FUNCTION ks.f(int) TO r')).toEqual(
      ['AUTHORIZE', 'ALTER', 'DROP', 'EXECUTE'].map((one) => `${one} ON FUNCTION ks.f(int)`),
    );
    expect(applicable({ type: 'ALL KEYSPACES' })).toEqual(
      PERMISSIONS.filter((one) => one !== 'DESCRIBE' && one !== 'EXECUTE'),
    );
    expect(applicable({ type: 'TABLE', keyspace: 'ks', table: 't' })).not.toContain('CREATE');
  });

  it.each([
    'GRANT EXECUTE ON KEYSPACE ks TO r',
    'GRANT CREATE ON TABLE ks.t TO r',
    'GRANT SELECT ON ALL ROLES TO r',
    'GRANT SELECT ON KEYSPACE ks FROM r',
    'REVOKE SELECT ON KEYSPACE ks TO r',
    'GRANT SELECT, x ON KEYSPACE ks TO r',
    'GRANT SELECT ON ALL TABLES TO r',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });

  it.each([
    "MBEAN 'd:type=*'",
    "MBEANS 'd:type=x'",
    "MBEANS '*:*'",
    "MBEAN 'nothing'",
    "MBEAN 'd:a=1,a=2'",
  ])('on %s is not understood', (where) => {
    expect(ruleOf(`GRANT SELECT ON ${where} TO r`)).toBe('not_understood');
  });
});

describe('roles and users', () => {
  it('are named exactly: a role in lower case or quoted, a user as it is written', () => {
    expect(read('CREATE ROLE "Ro"').roles).toEqual(['Ro']);
    expect(read('CREATE ROLE Ro').roles).toEqual(['ro']);
    expect(read("CREATE ROLE 'Ro'").roles).toEqual(['Ro']);
    expect(read('CREATE USER Us').roles).toEqual(['Us']);
    expect(ruleOf('CREATE USER "Us"')).toBe('syntax');
    expect(read('GRANT a TO b').roles).toEqual(['a', 'b']);
    expect(read("ADD IDENTITY 'x' TO ROLE Ro").roles).toEqual(['Ro']);
    expect(read("DROP IDENTITY IF EXISTS 'x'").identity).toBe('x');
  });

  it.each([
    ['CREATE ROLE r WITH SUPERUSER = false', null],
    ['CREATE ROLE r WITH SUPERUSER = true AND LOGIN = false', 'superuser'],
    ['ALTER ROLE r WITH SUPERUSER = false', 'superuser'],
    ["ALTER ROLE r WITH PASSWORD = 'x' AND OPTIONS = {'a': 1}", null],
    ['CREATE USER u NOSUPERUSER', null],
    ["CREATE USER u WITH HASHED PASSWORD 'x' SUPERUSER", 'superuser'],
    ['ALTER USER u NOSUPERUSER', 'superuser'],
    ["ALTER USER u WITH PASSWORD 'x'", null],
    ["ALTER ROLE r WITH ACCESS TO DATACENTERS {'a'} AND ACCESS TO DATACENTERS {'b'}", 'superuser'],
  ])('%s asks for the capability %s', (text, capability) => {
    expect(read(text).capability).toBe(capability);
  });

  it.each([
    "CREATE ROLE r WITH PASSWORD = 'a' AND PASSWORD = 'b'",
    'CREATE ROLE r WITH LOGIN = 1',
    'CREATE ROLE r WITH PASSWORD = x',
    "CREATE ROLE r WITH ACCESS TO ALL DATACENTERS AND ACCESS TO DATACENTERS {'a'}",
    'CREATE ROLE r WITH ACCESS FROM ALL DATACENTERS',
    'CREATE ROLE IF EXISTS r',
    'DROP ROLE IF NOT EXISTS r',
    'ADD IDENTITY "x" TO ROLE r',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });
});

describe('LIST', () => {
  it.each([
    ['LIST ROLES', ['DESCRIBE ON ALL ROLES']],
    ['LIST ROLES OF r NORECURSIVE', ['DESCRIBE ON ALL ROLES']],
    ['LIST SELECT ON ks.t OF r', ['DESCRIBE ON ROLE r']],
    ['LIST ALL', ['DESCRIBE ON ALL ROLES']],
  ])('%s', (text, needs) => {
    expect(needsIn(text)).toEqual(needs);
  });
});
