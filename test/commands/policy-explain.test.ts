// What `policy explain` says, which is what the gate would do.
import { describe, expect, it } from 'vitest';
import { explain } from '../../src/commands/policy-explain.ts';
import { roleUnderPolicy } from '../support/policy.ts';

const { policy } = roleUnderPolicy({
  grants: ['SELECT ON KEYSPACE ks', 'CREATE ON KEYSPACE ci_*'],
});

describe('explain', () => {
  it('names the grant behind each need', () => {
    expect(explain(policy, 'r', 'SELECT * FROM t', 'ks')).toMatchObject({
      result: 'permit',
      needs: [{ need: 'SELECT ON TABLE ks.t', grant: 'SELECT ON KEYSPACE ks' }],
    });
    const create = "CREATE KEYSPACE ci_1 WITH replication = {'class': 'SimpleStrategy'}";
    expect(explain(policy, 'r', create, null)).toMatchObject({
      result: 'permit',
      needs: [{ grant: 'CREATE ON KEYSPACE ci_*' }],
    });
  });

  it('says what is missing, or not understood, and of whom', () => {
    expect(explain(policy, 'r', 'DROP TABLE ks.t', null)).toMatchObject({
      result: 'deny',
      needs: [{ need: 'DROP ON TABLE ks.t', grant: null }],
      reason: expect.stringContaining('has no DROP ON TABLE ks.t') as string,
    });
    expect(explain(policy, 'r', 'SELEC', null)).toMatchObject({ result: 'deny', kind: null });
    expect(explain(policy, 'nobody', 'SELECT 1', null)).toBeNull();
    expect(explain(policy, 'r', 'DROP INDEX ks.i', null)?.note).toContain('schema');
    expect(explain(policy, 'r', 'DROP FUNCTION ks.f', null)?.note).toContain('some grant');
  });
});
