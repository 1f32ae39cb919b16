// What a login must hold: the union of the policy's roles that share it, in Cassandra's words.
import { describe, expect, it } from 'vitest';
import { grantTexts } from '../../src/provision/rights.ts';
import type { DesiredRole } from '../../src/provision/desired.ts';
import { CI, existing, desired } from './logins.ts';

const grants = (role: DesiredRole | undefined): string[] => grantTexts(role?.rights.values() ?? []);

describe('what a login must hold', () => {
  it('is the union over the roles that share it, and nothing of others', () => {
    const { roles } = desired(
      [
        { name: 'a', grants: ['SELECT ON KEYSPACE ks', 'EXECUTE ON FUNCTION ks.f(int, text)'] },
        { name: 'b', grants: ['MODIFY ON KEYSPACE ks', 'SELECT ON TABLE ks2.t'] },
        { name: 'c', cassandraRole: 'other', grants: ['DROP ON KEYSPACE ks'] },
      ],
      { logins: { ci: CI, other: { username: 'Other', password: { env: 'O' } } } },
    );
    expect(roles.map(({ role, policyRoles }) => [role, policyRoles])).toEqual([
      ['Other', ['c']],
      ['ci', ['a', 'b']],
    ]);
    expect(grants(roles[1])).toEqual([
      'SELECT, MODIFY ON KEYSPACE ks',
      'SELECT ON TABLE ks2.t',
      'EXECUTE ON FUNCTION ks.f(int,text)',
    ]);
    expect(roles[1]!.remarks.join()).toContain('each of a, b may what all of them may');
  });

  it('is one for two entries of one username', () => {
    const { roles } = desired(
      [
        { name: 'a', grants: ['SELECT ON KEYSPACE ks'] },
        { name: 'b', cassandraRole: 'again', grants: ['DROP ON KEYSPACE ks'] },
      ],
      { logins: { ci: CI, again: CI } },
    );
    expect(roles).toHaveLength(1);
    expect(grants(roles[0])).toEqual(['DROP, SELECT ON KEYSPACE ks']);
  });

  it('has no AUTHORIZE by ALL, unless the policy says that ALL includes it', () => {
    const all = ['ALL ON KEYSPACE ks'];
    expect(grants(desired([{ grants: all }]).roles[0])[0]).not.toContain('AUTHORIZE');
    const relaxed = desired([{ grants: all, asCassandra: ['authorize'] }]);
    expect(grants(relaxed.roles[0])[0]).toContain('AUTHORIZE');
    expect(grants(desired([{ grants: ['AUTHORIZE ON KEYSPACE ks'] }]).roles[0])).toEqual([
      'AUTHORIZE ON KEYSPACE ks',
    ]);
  });

  it('has a prefix as grants on each keyspace that is there, and CREATE on all, which is told', () => {
    const role = { grants: ['CREATE, SELECT ON KEYSPACE ci_*'] };
    const there = existing('KEYSPACE ci_1', 'KEYSPACE ci_2', 'KEYSPACE cj_1');
    const [asked] = desired([role], { existing: there }).roles;
    expect(grants(asked)).toEqual([
      'CREATE ON ALL KEYSPACES',
      'CREATE, SELECT ON KEYSPACE ci_1',
      'CREATE, SELECT ON KEYSPACE ci_2',
    ]);
    expect(asked!.remarks.join()).toContain('CREATE on ci_* is CREATE ON ALL KEYSPACES');
    const [unasked] = desired([role]).roles;
    expect(grants(unasked)).toEqual(['CREATE ON ALL KEYSPACES']);
    expect(unasked!.remarks.join()).toContain('not printed: grants on ci_*');
    const [reader] = desired([{ grants: ['SELECT ON KEYSPACE ci_*'] }], { existing: there }).roles;
    expect(grants(reader)).toEqual(['SELECT ON KEYSPACE ci_1', 'SELECT ON KEYSPACE ci_2']);
  });

  it('never reaches a system keyspace or that of the gate by a prefix', () => {
    const there = existing('KEYSPACE system_auth', 'KEYSPACE systematic');
    const [role] = desired([{ grants: ['SELECT, MODIFY ON KEYSPACE sys*'] }], {
      existing: there,
    }).roles;
    expect(grants(role)).toEqual(['SELECT, MODIFY ON KEYSPACE systematic']);
    const own = existing('KEYSPACE cqlgate', 'KEYSPACE cqltest');
    expect(
      grants(desired([{ grants: ['SELECT ON KEYSPACE cql*'] }], { existing: own }).roles[0]),
    ).toEqual(['SELECT ON KEYSPACE cqltest']);
  });

  it('leaves out what Cassandra would refuse: things not there, and most on its own keyspaces', () => {
    const [role] = desired(
      [
        {
          grants: [
            'SELECT ON TABLE ks.t',
            'SELECT ON TABLE ks.gone',
            'EXECUTE ON FUNCTION ks.f(text)',
            'ALTER ON ROLE nobody',
            'ALTER ON ROLE ci',
            'SELECT, MODIFY ON KEYSPACE system_traces',
          ],
        },
      ],
      {
        existing: existing('TABLE ks.t', 'FUNCTION ks.f(int)', 'KEYSPACE system_traces'),
      },
    ).roles;
    expect(grants(role)).toEqual([
      'SELECT ON KEYSPACE system_traces',
      'SELECT ON TABLE ks.t',
      'ALTER ON ROLE ci',
    ]);
    expect(role!.pending).toEqual([
      'ALTER ON ROLE nobody',
      'EXECUTE ON FUNCTION ks.f(text)',
      'SELECT ON TABLE ks.gone',
    ]);
  });

  it('gives the gate its own keyspace, and nobody else', () => {
    const { roles } = desired([{ grants: ['SELECT ON KEYSPACE ks'] }], {
      logins: { ci: CI, gate: { username: 'gate_login', password: { env: 'G' } } },
      ownKeyspace: { name: 'cqlgate', replication: { class: 'SimpleStrategy' } },
      existing: existing('KEYSPACE ks'),
    });
    expect(roles.map((one) => [one.role, grants(one)])).toEqual([
      ['ci', ['SELECT ON KEYSPACE ks']],
      ['gate_login', ['SELECT, MODIFY ON KEYSPACE cqlgate']],
    ]);
  });

  it('hangs the rights of users that Vault makes on a group', () => {
    const { roles } = desired([{ grants: ['CREATE, SELECT ON KEYSPACE ks'] }], {
      logins: { ci: { vault: { path: 'database/creds/ci' } } },
    });
    expect(roles[0]).toMatchObject({ role: 'ci_group', vaultPaths: ['database/creds/ci'] });
    expect(roles[0]!.remarks.join()).toContain('what a leased user creates is its own');
  });

  it('tells what the cluster lets through that the policy does not', () => {
    const [role] = desired([
      {
        grants: ['MODIFY ON ALL KEYSPACES', 'ALTER ON ALL ROLES'],
        deny: ['TRUNCATE'],
        capabilities: ['triggers'],
      },
    ]).roles;
    const remarks = role!.remarks.join('\n');
    expect(remarks).toContain('ALL KEYSPACES reaches keyspace cqlgate');
    expect(remarks).toContain('deny: [TRUNCATE]');
    expect(remarks).toContain("ALL ROLES reaches the gate's own logins");
    expect(remarks).toContain('capabilities [triggers]');
    const open = desired([], { logins: { legacy: { open: true } } });
    expect(open).toMatchObject({ roles: [] });
    expect(open.remarks[0]).toContain('no second wall');
  });
});
