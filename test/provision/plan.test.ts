// The difference between policy and cluster, and the statements that mend it.
import { describe, expect, it } from 'vitest';
import { applicable } from '../../src/cql/grammar/roles.ts';
import { formatNeed } from '../../src/cql/resource.ts';
import {
  creationText,
  differenceOf,
  isDrift,
  stepsOf,
  vaultRoles,
  type Difference,
  type Held,
  type HeldRole,
} from '../../src/provision/plan.ts';
import { cqlText } from '../../src/provision/report.ts';
import { rightsOf } from '../../src/provision/rights.ts';
import { need, desired } from './logins.ts';

const held = (own: readonly string[], rest: Partial<HeldRole> = {}): Held =>
  new Map([
    [
      'ci',
      {
        canLogin: true,
        isSuperuser: false,
        inherited: [],
        own: rightsOf(own.map(need)),
        ...rest,
      },
    ],
  ]);

const POLICY = desired([
  { grants: ['SELECT, MODIFY ON KEYSPACE ks', 'CREATE ON ALL TABLES IN KEYSPACE ks'] },
]);

const difference = (now: Held | null, policy = POLICY): Difference =>
  differenceOf(policy.roles[0]!, now);
const texts = (now: Held | null, revoke = false): string[] =>
  stepsOf(POLICY, [difference(now)], { revoke }).map(({ text }) => text);

const ALL = [
  'CREATE ON ALL TABLES IN KEYSPACE ks',
  'SELECT ON KEYSPACE ks',
  'MODIFY ON KEYSPACE ks',
];

describe('drift', () => {
  it('is none where all is held, by the login itself, more widely, or by a role it was granted', () => {
    expect(isDrift(difference(held(ALL)))).toBe(false);
    const inherited = [{ from: 'group', right: need('SELECT ON KEYSPACE ks') }];
    expect(isDrift(difference(held([ALL[0]!, ALL[2]!], { inherited })))).toBe(false);
  });

  it('is what is missing, and granted', () => {
    const now = held(['SELECT ON KEYSPACE ks']);
    expect(difference(now).missing.map(formatNeed)).toEqual([ALL[2], ALL[0]]);
    expect(texts(now)).toEqual([
      'GRANT MODIFY ON KEYSPACE ks TO ci',
      'GRANT CREATE ON ALL TABLES IN KEYSPACE ks TO ci',
    ]);
  });

  it('is what is wider, which is taken back only where that is asked for', () => {
    const now = held([
      ...ALL,
      'DROP ON KEYSPACE ks',
      'SELECT ON ALL KEYSPACES',
      'SELECT ON TABLE ks.t',
    ]);
    expect(difference(now).wider.map(formatNeed)).toEqual([
      'SELECT ON ALL KEYSPACES',
      'DROP ON KEYSPACE ks',
    ]);
    expect(isDrift(difference(now))).toBe(true);
    expect(texts(now)).toEqual([]);
    expect(texts(now, true)).toEqual([
      'REVOKE SELECT ON ALL KEYSPACES FROM ci',
      'REVOKE DROP ON KEYSPACE ks FROM ci',
    ]);
  });

  it('is what a granted role brings along', () => {
    const inherited = [{ from: 'dba', right: need('DROP ON ALL KEYSPACES') }];
    const now = difference(held(ALL, { inherited }));
    expect(now.widerInherited).toEqual(inherited);
    expect(isDrift(now)).toBe(true);
  });

  it('is not what Cassandra gives to whoever creates a table, as this login may', () => {
    const given = (table: string): string[] =>
      applicable({ type: 'TABLE', keyspace: 'ks', table: 't' }).map(
        (permission) => `${permission} ON TABLE ${table}`,
      );
    const now = difference(held([...ALL, ...given('ks.t')]));
    expect(now.byCreation.map(formatNeed)).toContain('AUTHORIZE ON TABLE ks.t');
    expect(isDrift(now)).toBe(false);
    // Not where it may create nothing, nor where it is not all that is given at creation.
    expect(isDrift(difference(held([...ALL, ...given('other.t')])))).toBe(true);
    expect(isDrift(difference(held([...ALL, 'AUTHORIZE ON TABLE ks.t'])))).toBe(true);
    expect(texts(held([...ALL, ...given('ks.t')]), true)[0]).toContain('AUTHORIZE');
  });

  it('is a superuser, to whom nothing is done', () => {
    const now = held([], { isSuperuser: true });
    expect(isDrift(difference(now))).toBe(true);
    expect(texts(now, true)).toEqual([]);
  });

  it('is a login that is not there, or may not log in', () => {
    expect(isDrift(difference(new Map()))).toBe(true);
    expect(isDrift(difference(held(ALL, { canLogin: false })))).toBe(true);
  });

  it('does not take rights on all keyspaces for rights on those of the system', () => {
    const policy = desired([{ grants: ['SELECT ON KEYSPACE system_views'] }]);
    const now = difference(held(['SELECT ON ALL KEYSPACES']), policy);
    expect(now.missing.map(formatNeed)).toEqual(['SELECT ON KEYSPACE system_views']);
  });
});

describe('statements', () => {
  it('make what is missing and no more, a password as a placeholder', () => {
    expect(texts(null)).toEqual([
      "CREATE ROLE IF NOT EXISTS ci WITH PASSWORD = '<the password of cassandraRoles.ci>' AND LOGIN = true",
      'GRANT SELECT, MODIFY ON KEYSPACE ks TO ci',
      'GRANT CREATE ON ALL TABLES IN KEYSPACE ks TO ci',
    ]);
    expect(texts(held(ALL))).toEqual([]);
  });

  it('quote names and passwords, so that neither ends its literal', () => {
    expect(creationText('My"Role', `x' AND SUPERUSER = true; --$&`)).toBe(
      `CREATE ROLE IF NOT EXISTS "My""Role" WITH PASSWORD = 'x'' AND SUPERUSER = true; --$&' AND LOGIN = true`,
    );
  });

  it('make the own keyspace first', () => {
    const policy = desired([], {
      ownKeyspace: {
        name: 'cqlgate',
        replication: { class: 'SimpleStrategy', replication_factor: 1 },
      },
      gateRole: 'ci',
    });
    const steps = stepsOf(policy, [differenceOf(policy.roles[0]!, null)], { revoke: false });
    expect(steps[0]!.text).toContain('CREATE KEYSPACE IF NOT EXISTS cqlgate');
    expect(steps.at(-1)!.text).toBe('GRANT SELECT, MODIFY ON KEYSPACE cqlgate TO ci');
  });

  it('of Vault put its users into the group that has the rights', () => {
    const policy = desired([], {
      logins: {
        a: { vault: { path: 'database/creds/a' } },
        b: { vault: { path: 'database/static-creds/b' } },
      },
    });
    const [a, b] = vaultRoles(policy);
    expect(a!.creationStatements).toEqual([
      "CREATE ROLE '{{username}}' WITH PASSWORD = '{{password}}' AND LOGIN = true",
      "GRANT a_group TO '{{username}}'",
    ]);
    expect(b).toMatchObject({ creationStatements: null });
    const steps = stepsOf(
      policy,
      policy.roles.map((one) => differenceOf(one, null)),
      {
        revoke: false,
      },
    );
    expect(steps[0]).toEqual({
      text: 'CREATE ROLE IF NOT EXISTS a_group WITH LOGIN = false',
      passwordOf: null,
    });
  });

  it('stand alone outside of comments, whatever a role is called', () => {
    const policy = desired([{ name: 'x\nDROP KEYSPACE orders;\u2028', grants: [] }]);
    const differences = [differenceOf(policy.roles[0]!, held(ALL))];
    const text = cqlText({ desired: policy, differences, steps: [], vault: [] });
    for (const line of text.split(/[\n\r\u2028\u2029]/)) expect(line).toMatch(/^(?:--|$)/);
  });
});

describe('a login by certificate', () => {
  it('is made without a password that anybody could guess', () => {
    const certificate = { cert: 'a.crt', key: 'a.key' };
    const policy = desired([{ grants: ['SELECT ON KEYSPACE ks'] }], {
      logins: { ci: { username: 'ci', certificate } },
    });
    const steps = stepsOf(policy, [differenceOf(policy.roles[0]!, null)], { revoke: false });
    expect(steps[0]).toEqual({
      text: 'CREATE ROLE IF NOT EXISTS ci WITH LOGIN = true',
      passwordOf: null,
    });
    expect(policy.roles[0]!.remarks.join()).toContain('ADD IDENTITY');
  });
});
