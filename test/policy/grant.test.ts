// Grants as the GRANT texts that they are.
import { describe, expect, it } from 'vitest';
import { parseGrant } from '../../src/policy/grant.ts';

describe('grants', () => {
  it.each([
    'SELECT ON KEYSPACE ks',
    'select, modify on keyspace "Ks"',
    'ALL PERMISSIONS ON ALL KEYSPACES',
    'SELECT PERMISSION ON TABLE ks.t',
    'SELECT ON ks.t',
    'EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks',
    'EXECUTE ON FUNCTION ks.f(int, text)',
    'AUTHORIZE ON ROLE r',
    'CREATE, DROP ON KEYSPACE ci_* ',
  ])('take %s', (text) => {
    expect(parseGrant(text)).not.toHaveProperty('problem');
  });

  it.each([
    ['', 'expected a permission'],
    ['SELECT', 'expected ON'],
    ['READ ON KEYSPACE ks', 'expected a permission'],
    ['SELECT ON KEYSPACE', 'expected a keyspace'],
    ['SELECT ON KEYSPACE *', 'expected a keyspace'],
    ['SELECT ON KEYSPACE a*b', 'expected the end'],
    ['SELECT ON TABLE ks.*', 'expected a table'],
    ['SELECT ON t', 'name the keyspace too'],
    ['CREATE ON TABLE ks.t', 'CREATE cannot be granted on TABLE'],
    ['SELECT ON ROLE r', 'SELECT cannot be granted on ROLE'],
    ['EXECUTE ON KEYSPACE ks', 'EXECUTE cannot be granted on KEYSPACE'],
    ['SELECT ON KEYSPACE ks TO r', 'expected the end'],
    ["SELECT ON KEYSPACE 'ks'", 'expected a keyspace'],
    ['SELECT ON KEYSPACE ks; DROP', 'expected the end'],
    ["SELECT ON 'open", 'a string is not closed'],
  ])('refuse %s', (text, problem) => {
    expect(parseGrant(text)).toMatchObject({ problem: expect.stringContaining(problem) as string });
  });
});

describe('a grant', () => {
  it('has its permissions, its resource and its own text', () => {
    expect(parseGrant('select, Modify PERMISSION on table Ks."T"')).toEqual({
      text: 'select, Modify PERMISSION on table Ks."T"',
      permissions: ['SELECT', 'MODIFY'],
      isAll: false,
      resource: { type: 'TABLE', keyspace: 'ks', table: 'T' },
    });
    expect(parseGrant('CREATE ON KEYSPACE CI_* ')).toMatchObject({
      resource: { type: 'KEYSPACE PREFIX', prefix: 'ci_' },
    });
  });

  it('of ALL is of all that applies to its resource, and remembers that it was ALL', () => {
    expect(parseGrant('ALL ON TABLE ks.t')).toMatchObject({
      isAll: true,
      permissions: ['ALTER', 'DROP', 'SELECT', 'MODIFY', 'AUTHORIZE', 'UNMASK', 'SELECT_MASKED'],
    });
  });
});
