// The pieces that schema statements share: IF, lists with commas, renames.
import { describe, expect, it } from 'vitest';
import { ALTER_TABLE, onTables } from '../../../src/cql/grammar/schema-statement.ts';
import { formatNeed } from '../../../src/cql/resource.ts';
import { ruleOf } from '../statements.ts';

describe('schema statements', () => {
  it('ask for a table, or for all tables of a keyspace', () => {
    expect(ALTER_TABLE({ keyspace: 'ks', table: 't' }).map(formatNeed)).toEqual([
      'ALTER ON TABLE ks.t',
    ]);
    expect(onTables('CREATE', 'ks').map(formatNeed)).toEqual([
      'CREATE ON ALL TABLES IN KEYSPACE ks',
    ]);
  });

  it.each([
    ['CREATE TYPE ks.u (a int,)', null],
    ['CREATE TYPE ks.u (a int,,)', null],
    ['CREATE TYPE ks.u (,a int)', 'syntax'],
    ['CREATE TYPE ks.u (a int,,b int)', null],
    ['ALTER TABLE ks.t DROP (a,)', 'syntax'],
    ['ALTER TABLE ks.t DROP (a, b)', null],
    ['ALTER TABLE ks.t DROP a, b', 'syntax'],
    ['ALTER TABLE ks.t RENAME IF EXISTS a TO b AND c TO "D"', null],
    ['ALTER TABLE ks.t RENAME a TO "" ', 'syntax'],
    ['ALTER TYPE ks.u RENAME a AND b', 'syntax'],
    ['CREATE TYPE IF EXISTS ks.u (a int)', 'syntax'],
    ['DROP TYPE IF NOT EXISTS ks.u', 'syntax'],
  ])('%s: %s', (text, rule) => {
    expect(ruleOf(text)).toBe(rule);
  });
});
