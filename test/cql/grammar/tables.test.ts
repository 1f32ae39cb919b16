// Tables, views and indexes.
import { describe, expect, it } from 'vitest';
import { needsIn, read, ruleOf } from '../statements.ts';

describe('a table', () => {
  it.each([
    'CREATE TABLE ks.t (a int, b text STATIC, PRIMARY KEY ((a, b), c), c int,)',
    "CREATE TABLE ks.t (a text MASKED WITH DEFAULT PRIMARY KEY) WITH comment = ''",
    'ALTER TABLE IF EXISTS ks.t ADD IF NOT EXISTS (a int, b int STATIC)',
    'ALTER TABLE ks.t ALTER a TYPE blob',
    'ALTER TABLE ks.t ALTER IF EXISTS a DROP MASKED',
    'ALTER TABLE ks.t DROP IF EXISTS a USING TIMESTAMP 5',
    'ALTER TABLE ks.t DROP COMPACT STORAGE',
    "ALTER TABLE ks.t WITH comment = 'x'",
  ])('%s is taken', (text) => {
    expect(read(text).tables).toEqual([{ keyspace: 'ks', table: 't' }]);
  });

  it('has the column as the first argument of the function that masks it', () => {
    const text = "CREATE TABLE ks.t (k int PRIMARY KEY, a text MASKED WITH ks.m('x'))";
    expect(read(text).calls).toEqual([{ keyspace: 'ks', name: 'm', arity: 2, mayBeNative: false }]);
    expect(needsIn(text)).toContain('EXECUTE ON FUNCTION ks.m');
  });

  it.each([
    'CREATE TABLE ks.t ()',
    'CREATE TABLE ks.t (a int PRIMARY)',
    'CREATE TABLE ks.t (PRIMARY KEY a)',
    'CREATE TABLE ks.t (a int MASKED)',
    'ALTER TABLE ks.t ALTER IF EXISTS a TYPE int',
    'ALTER TABLE ks.t DROP a USING TIMESTAMP ?',
    'ALTER TABLE ks.t',
    'CREATE TABLE ks.t (a int PRIMARY KEY) WITH CLUSTERING ORDER BY a',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });
});

describe('a view', () => {
  const view = (name: string, base: string) =>
    `CREATE MATERIALIZED VIEW ${name} AS SELECT a FROM ${base} WHERE a IS NOT NULL PRIMARY KEY (a)`;

  it('needs ALTER on its base, in each keyspace that it may be in', () => {
    expect(needsIn(view('ks.v', 't'))).toEqual(['ALTER ON TABLE ks.t']);
    expect(needsIn(view('v', 't'), 'cur')).toEqual(['ALTER ON TABLE cur.t']);
    expect(needsIn(view('v', 'ks.t'), 'cur')).toEqual([
      'ALTER ON TABLE ks.t',
      'ALTER ON TABLE cur.t',
    ]);
    expect(read(view('ks.v', 'ks.t')).tables.map(({ table }) => table)).toEqual(['t', 'v']);
  });
});

describe('an index', () => {
  it.each([
    ['CREATE INDEX ON ks.t (a)', []],
    ['CREATE INDEX IF NOT EXISTS i ON ks.t (keys(a), full("B"), values)', []],
    ["CREATE CUSTOM INDEX i ON ks.t () USING 'org.evil.I' WITH options = {}", ['org.evil.I']],
  ])('%s', (text, classes) => {
    expect(needsIn(text)).toEqual(['ALTER ON TABLE ks.t']);
    expect(read(text).classes).toEqual(classes);
  });

  it.each([
    'CREATE INDEX ks.i ON ks.t (a)',
    'CREATE INDEX i ON ks.t',
    'CREATE INDEX i ON ks.t (f(a))',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });
});
