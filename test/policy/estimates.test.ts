// Estimates of tables' sizes: a role reads what is of the keyspaces that it reaches.
import { describe, expect, it } from 'vitest';
import {
  estimatesDenial,
  estimatesFilter,
  mayReadOwnEstimates,
  readsEstimates,
} from '../../src/policy/estimates.ts';
import { read } from '../cql/statements.ts';
import { roleUnderPolicy } from '../support/policy.ts';

const { role } = roleUnderPolicy({ grants: ['SELECT ON KEYSPACE ks'] });
const { role: allowed } = roleUnderPolicy({ grants: ['SELECT ON TABLE system.size_estimates'] });
const from = (selection: string, tail = '') =>
  read(`SELECT ${selection} FROM system.size_estimates ${tail}`);

describe('estimates', () => {
  it('are those of two tables of keyspace system', () => {
    expect(readsEstimates(from('*'))).toBe(true);
    expect(readsEstimates(read('SELECT * FROM system.table_estimates'))).toBe(true);
    expect(readsEstimates(read('SELECT * FROM system.local'))).toBe(false);
    expect(readsEstimates(read('SELECT * FROM ks.size_estimates'))).toBe(false);
  });

  it.each([
    ['*', '', true],
    ['mean_partition_size, keyspace_name', '', true],
    ['mean_partition_size', '', false],
    ['mean_partition_size', "WHERE keyspace_name = 'ks'", true],
    ['mean_partition_size', "WHERE keyspace_name = 'other'", false],
    ['mean_partition_size', "WHERE keyspace_name IN ('ks', 'other')", false],
    ['mean_partition_size', 'WHERE keyspace_name = ?', true],
    ['*', 'WHERE mean_partition_size = 5 ALLOW FILTERING', false],
    ['*', "WHERE keyspace_name > 'a' ALLOW FILTERING", false],
    ['count(*)', '', false],
    ['max(mean_partition_size), keyspace_name', '', false],
  ])('of %s %s are a role’s own part: %s', (selection, tail, isOwn) => {
    expect(mayReadOwnEstimates(role, from(selection, tail))).toBe(isOwn);
  });

  it('have the rows of other keyspaces left out, by the column that tells them', () => {
    expect(estimatesFilter(role, from('*'))?.column).toBe(-1);
    const filter = estimatesFilter(role, from('table_name, keyspace_name'))!;
    expect([filter.column, filter.keeps('ks'), filter.keeps('other')]).toEqual([1, true, false]);
    expect(estimatesFilter(role, from('table_name', "WHERE keyspace_name = 'ks'"))).toBeNull();
    expect(estimatesFilter(allowed, from('*'))).toBeNull();
  });

  it('of a keyspace that is bound are refused where the role does not reach it', () => {
    const bound = from('table_name', 'WHERE keyspace_name = ?');
    const denial = (keyspace: string | null, who = role) =>
      estimatesDenial(who, bound, () => (keyspace === null ? null : Buffer.from(keyspace)));
    expect(denial('ks')).toBeNull();
    expect(denial('other')).toMatchObject({ reason: 'no_grant_in_keyspace' });
    expect(denial(null)).toMatchObject({ reason: 'no_grant_in_keyspace' });
    expect(denial('other', allowed)).toBeNull();
  });
});
