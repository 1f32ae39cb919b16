// The kinds of statements and their families, and a schema of which nothing is known.
import { describe, expect, it } from 'vitest';
import { EMPTY_SCHEMA, PERMISSIONS, STATEMENT_KINDS } from '../../src/cql/statement.ts';

describe('kinds of statements', () => {
  it('are of the family by which they are recorded and forwarded', () => {
    const of = (family: string) =>
      Object.entries(STATEMENT_KINDS)
        .filter(([, one]) => one === family)
        .map(([kind]) => kind);
    expect(of('read')).toEqual(['SELECT']);
    expect(of('write')).toEqual(['INSERT', 'UPDATE', 'DELETE', 'BATCH']);
    expect(of('session')).toEqual(['USE']);
    expect(of('describe')).toEqual(['LIST PERMISSIONS', 'LIST ROLES', 'LIST USERS', 'DESCRIBE']);
    expect(of('role').every((kind) => /ROLE|USER|IDENTITY|GRANT|REVOKE/.test(kind))).toBe(true);
    expect(
      of('schema').every((kind) => /^(?:TRUNCATE|(?:CREATE|ALTER|DROP) [A-Z ]+)$/.test(kind)),
    ).toBe(true);
    expect(of('role').length + of('schema').length).toBe(Object.keys(STATEMENT_KINDS).length - 10);
  });

  it('have the permissions of Cassandra, each once', () => {
    expect(new Set(PERMISSIONS).size).toBe(PERMISSIONS.length);
    expect(PERMISSIONS).toHaveLength(10);
  });
});

describe('a schema of which nothing is known', () => {
  it('rules nothing out, and adds nothing', () => {
    expect(EMPTY_SCHEMA.isWhole).toBe(false);
    expect(EMPTY_SCHEMA.hasKeyspace('ks')).toBe(true);
    expect(EMPTY_SCHEMA.hasType('ks', 'u')).toBe(true);
    expect(EMPTY_SCHEMA.lacksSystemTable('system', 't')).toBe(false);
    expect(EMPTY_SCHEMA.overloads('ks', 'f')).toBeNull();
    expect(EMPTY_SCHEMA.baseOfView('ks', 'v')).toBeNull();
    expect(EMPTY_SCHEMA.tableOfIndex('ks', 'i')).toBeNull();
    expect(EMPTY_SCHEMA.viewsOf('ks', 't')).toEqual([]);
    // Whose login sees through masks is not known: then a mask must be taken for one.
    expect(EMPTY_SCHEMA.unmasks('gate', 'ks', 't')).toBe(true);
    expect(EMPTY_SCHEMA.maskedColumns('ks', 't')).toBeNull();
  });
});
