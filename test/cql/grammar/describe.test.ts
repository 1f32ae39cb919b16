// DESCRIBE: what each form shows, and whether it depends on the keyspace of the connection.
import { describe, expect, it } from 'vitest';
import { read, ruleOf } from '../statements.ts';

describe('DESCRIBE', () => {
  it.each([
    ['DESCRIBE CLUSTER', 'cluster', [], true],
    ['DESC FULL SCHEMA', 'cluster', [], false],
    ['DESCRIBE SCHEMA WITH INTERNALS', 'cluster', [], false],
    ['DESCRIBE KEYSPACES', 'names', [], false],
    ['DESCRIBE TABLES', 'keyspace', ['cur'], true],
    ['DESCRIBE KEYSPACE', 'keyspace', ['cur'], true],
    ['DESCRIBE ONLY KEYSPACE ks', 'keyspace', ['ks'], false],
    ['DESCRIBE TABLE t', 'keyspace', ['cur'], true],
    ['DESCRIBE COLUMNFAMILY ks.t', 'keyspace', ['ks'], false],
    ['DESCRIBE INDEX ks.i', 'keyspace', ['ks'], false],
    ['DESCRIBE MATERIALIZED VIEW ks.v', 'keyspace', ['ks'], false],
    ['DESCRIBE TYPE ks.u', 'keyspace', ['ks'], false],
    ['DESCRIBE TYPE', 'either', ['type', 'cur'], true],
    ['DESCRIBE FUNCTION ks.f', 'keyspace', ['ks'], false],
    ['DESCRIBE AGGREGATE token', 'keyspace', ['cur'], true],
    ['DESCRIBE ks.anything', 'keyspace', ['ks'], false],
    ['DESCRIBE billing', 'either', ['billing', 'cur'], true],
  ])('%s is of %s %j', (text, form, keyspaces, usesKeyspace) => {
    expect(read(text, 'cur')).toMatchObject({
      kind: 'DESCRIBE',
      describe: { form, keyspaces },
      usesKeyspace,
    });
  });

  it('lists all keyspaces where the session is in none', () => {
    expect(read('DESCRIBE TABLES').describe).toEqual({ form: 'cluster', keyspaces: [] });
    expect(read('DESCRIBE billing').describe).toEqual({ form: 'keyspace', keyspaces: ['billing'] });
    expect(ruleOf('DESCRIBE KEYSPACE')).toBe('no_keyspace');
  });

  it.each(['DESCRIBE', 'DESCRIBE FULL', 'DESCRIBE ks.t.u', 'DESCRIBE ks WITH', 'DESCRIBE select'])(
    '%s is none',
    (text) => {
      expect(ruleOf(text, 'cur')).toBe('syntax');
    },
  );
});
