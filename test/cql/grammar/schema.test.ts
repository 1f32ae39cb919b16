// CREATE, ALTER and DROP of keyspaces and types, and what none of them makes.
import { describe, expect, it } from 'vitest';
import { needsIn, read, ruleOf } from '../statements.ts';

describe('a schema statement', () => {
  it.each([
    ['ALTER KEYSPACE IF EXISTS ks WITH durable_writes = true', ['ALTER ON KEYSPACE ks']],
    ['DROP COLUMNFAMILY IF EXISTS ks.t', ['DROP ON TABLE ks.t']],
    ['ALTER TYPE ks.u ALTER a TYPE int', ['ALTER ON ALL TABLES IN KEYSPACE ks']],
    [
      'ALTER TYPE IF EXISTS ks.u ADD IF NOT EXISTS a other.v',
      ['ALTER ON ALL TABLES IN KEYSPACE ks', 'SELECT ON ALL TABLES IN KEYSPACE other'],
    ],
    ['DROP TYPE IF EXISTS ks.u', ['DROP ON ALL TABLES IN KEYSPACE ks']],
  ])('%s', (text, needs) => {
    expect(needsIn(text)).toEqual(needs);
  });

  it('tells what the schema must be asked for: the table of an index, the base of a view', () => {
    expect(read('DROP INDEX ks.i').lookup).toEqual({ type: 'index', keyspace: 'ks', name: 'i' });
    expect(read('DROP MATERIALIZED VIEW v', 'ks').lookup).toEqual({
      type: 'view',
      keyspace: 'ks',
      name: 'v',
    });
  });

  it('touches the type that it makes, changes or drops', () => {
    for (const text of [
      'CREATE TYPE ks.u (a int)',
      'ALTER TYPE ks.u RENAME a TO b',
      'DROP TYPE ks.u',
    ]) {
      expect(read(text).types).toEqual([{ keyspace: 'ks', name: 'u' }]);
    }
  });

  it.each([
    'CREATE KEYSPACE ks',
    'ALTER KEYSPACE ks',
    'CREATE OR REPLACE TABLE ks.t (k int PRIMARY KEY)',
    'CREATE OR REPLACE TYPE ks.u (a int)',
    'ALTER INDEX ks.i',
    'ALTER FUNCTION ks.f',
    'DROP ks.t',
    'CREATE TYPE ks.byte (a int)',
    'ALTER TYPE ks.u DROP a',
  ])('%s is none', (text) => {
    expect(ruleOf(text)).toBe('syntax');
  });
});
