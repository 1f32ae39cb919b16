// The decision, table by table: what a grant gives, what nothing gives, and what is asked of USE.
import { describe, expect, it } from 'vitest';
import { NO_END } from '../support/moments.ts';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import {
  CAPABILITIES,
  EMPTY_SCHEMA,
  type Statement,
  type StatementKind,
} from '../../src/cql/statement.ts';
import {
  decide,
  hangsOnSchema,
  isPermit,
  mayTrace,
  seesKeyspace,
} from '../../src/policy/decide.ts';
import { RELAXATIONS } from '../../src/policy/role.ts';
import { SchemaSnapshot } from '../../src/upstream/schema.ts';
import type { Authority } from '../../src/policy/policy.ts';
import type { Principal } from '../../src/identity/principal.ts';
import { roleUnderPolicy, type TestRoleDocument } from '../support/policy.ts';

const PRINCIPAL: Principal = {
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'me',
  claims: { sub: 'me' },
  tokenSha256: '',
  isHuman: false,
  expiresAtMs: NO_END,
};

const BINDING = { name: 'b', role: 'r', issuer: 'pipelines', where: new Map([['sub', ['me']]]) };

type Asking = Parameters<typeof decide>[0];

function authority(grants: readonly string[], deny: readonly StatementKind[] = []): Authority {
  const { policy, role } = roleUnderPolicy({ grants, deny });
  return { policy, role, principal: PRINCIPAL, binding: BINDING };
}

function outcome(who: Asking, text: string, keyspace: string | null = null): string {
  const statement = analyse(text, keyspace);
  if (!isStatement(statement)) throw new Error(`${text}: ${statement.reason}`);
  const decision = decide(who, statement, EMPTY_SCHEMA);
  return isPermit(decision) ? 'permit' : decision.reason;
}

const WITH = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";

const TABLE: [string[], string, string][] = [
  [['SELECT ON TABLE ks.t'], 'SELECT * FROM ks.t', 'permit'],
  [['SELECT ON TABLE ks.t'], 'SELECT * FROM ks.u', 'permission_missing'],
  [['SELECT ON TABLE ks.t'], 'INSERT INTO ks.t (k) VALUES (1)', 'permission_missing'],
  [['MODIFY ON TABLE ks.t'], 'INSERT INTO ks.t (k) VALUES (1)', 'permit'],
  [['MODIFY ON TABLE ks.t'], 'INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS', 'permission_missing'],
  [['SELECT, MODIFY ON TABLE ks.t'], 'INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS', 'permit'],
  [['SELECT ON ALL TABLES IN KEYSPACE ks'], 'SELECT * FROM ks.t', 'permit'],
  [['SELECT ON KEYSPACE ks'], 'SELECT * FROM ks.t', 'permit'],
  [['SELECT ON ALL KEYSPACES'], 'SELECT * FROM any.t', 'permit'],
  [['SELECT ON KEYSPACE "Ks"'], 'SELECT * FROM ks.t', 'permission_missing'],
  [['SELECT ON KEYSPACE ci_*'], 'SELECT * FROM ci_42.t', 'permit'],
  [['SELECT ON KEYSPACE ci_*'], 'SELECT * FROM cix.t', 'permission_missing'],
  [['SELECT ON KEYSPACE ci_*'], 'SELECT * FROM "CI_1".t', 'permission_missing'],
  // Cassandra's own keyspaces: the list, and nothing by wide grants.
  [[], 'SELECT * FROM system.local', 'permit'],
  [[], 'SELECT * FROM system_schema.tables', 'permit'],
  [[], 'SELECT * FROM system.prepared_statements', 'permission_missing'],
  [['SELECT ON ALL KEYSPACES'], 'SELECT * FROM system_auth.roles', 'permission_missing'],
  [['SELECT ON ALL KEYSPACES'], 'SELECT * FROM system_traces.events', 'permission_missing'],
  [['SELECT ON KEYSPACE s*'], 'SELECT * FROM system_auth.roles', 'permission_missing'],
  [['SELECT ON TABLE system_auth.roles'], 'SELECT * FROM system_auth.roles', 'permit'],
  [['MODIFY ON ALL KEYSPACES'], 'DELETE FROM system.local WHERE key = 1', 'permission_missing'],
  // Keyspaces are made by ALL KEYSPACES or by prefix, never by a grant on that keyspace.
  [['CREATE ON KEYSPACE ks'], `CREATE KEYSPACE ks ${WITH}`, 'permission_missing'],
  [['CREATE ON ALL KEYSPACES'], `CREATE KEYSPACE ks ${WITH}`, 'permit'],
  [['CREATE ON KEYSPACE ci_*'], `CREATE KEYSPACE ci_9 ${WITH}`, 'permit'],
  [['CREATE ON KEYSPACE ci_*'], `CREATE KEYSPACE other ${WITH}`, 'permission_missing'],
  [['CREATE ON ALL KEYSPACES'], `CREATE KEYSPACE system_auth ${WITH}`, 'permission_missing'],
  [['DROP ON KEYSPACE ks'], 'DROP KEYSPACE ks', 'permit'],
  [['DROP ON TABLE ks.t'], 'DROP KEYSPACE ks', 'permission_missing'],
  [['CREATE ON KEYSPACE ks'], 'CREATE TABLE ks.t (k int PRIMARY KEY)', 'permit'],
  [['ALTER ON TABLE ks.t'], 'ALTER TABLE ks.t ADD v int', 'permit'],
  [['ALTER ON TABLE ks.t'], 'DROP INDEX ks.i', 'permission_missing'],
  [['ALTER ON KEYSPACE ks'], 'DROP INDEX IF EXISTS ks.i', 'permit'],
  // The gate's own keyspace is reachable by nothing.
  [
    ['SELECT, MODIFY, DROP, CREATE ON ALL KEYSPACES'],
    'SELECT * FROM cqlgate.locks',
    'permission_missing',
  ],
  [
    ['SELECT, MODIFY, DROP, CREATE ON ALL KEYSPACES'],
    'DROP KEYSPACE cqlgate',
    'permission_missing',
  ],
  [
    ['SELECT, MODIFY, DROP, CREATE ON ALL KEYSPACES'],
    `CREATE KEYSPACE cqlgate ${WITH}`,
    'permission_missing',
  ],
  [['SELECT ON KEYSPACE cql*'], 'SELECT * FROM cqlgate.locks', 'permission_missing'],
  [['SELECT ON ALL KEYSPACES'], 'USE cqlgate', 'no_grant_in_keyspace'],
  [['SELECT ON ALL KEYSPACES'], 'DESCRIBE KEYSPACE cqlgate', 'no_grant_in_keyspace'],
  // Functions and roles need grants of their own.
  [['SELECT ON ALL KEYSPACES'], 'SELECT ks.f(a) FROM ks.t', 'permission_missing'],
  [
    ['SELECT ON ALL KEYSPACES', 'EXECUTE ON FUNCTION ks.f(int)'],
    'SELECT ks.f(a) FROM ks.t',
    'permit',
  ],
  [['SELECT ON ALL KEYSPACES', 'EXECUTE ON ALL FUNCTIONS'], 'SELECT f(a) FROM ks.t', 'permit'],
  [['ALL PERMISSIONS ON ALL KEYSPACES'], 'CREATE ROLE r', 'permission_missing'],
  [['CREATE ON ALL ROLES'], 'CREATE ROLE r', 'permit'],
  [['ALTER ON ROLE a'], 'ALTER ROLE b WITH LOGIN = true', 'permission_missing'],
  [['AUTHORIZE, SELECT ON KEYSPACE ks'], 'GRANT SELECT ON KEYSPACE ks TO x', 'permit'],
  [['AUTHORIZE ON KEYSPACE ks'], 'GRANT SELECT ON KEYSPACE ks TO x', 'permission_missing'],
  // What no grant gives.
  [['ALL ON ALL ROLES'], 'CREATE ROLE r WITH SUPERUSER = true', 'capability_missing'],
  [['ALL ON ALL KEYSPACES'], "CREATE TRIGGER x ON ks.t USING 'c'", 'capability_missing'],
  [['ALL ON ALL ROLES'], "ADD IDENTITY 'x' TO ROLE 'r'", 'capability_missing'],
  [
    ['ALL ON ALL KEYSPACES'],
    "CREATE CUSTOM INDEX ON ks.t (v) USING 'org.evil.I'",
    'class_not_allowed',
  ],
  // USE and DESCRIBE need some grant there.
  [['SELECT ON TABLE ks.t'], 'USE ks', 'permit'],
  [['SELECT ON TABLE ks.t'], 'USE other', 'no_grant_in_keyspace'],
  [['SELECT ON KEYSPACE ci_*'], 'USE ci_1', 'permit'],
  [[], 'USE system', 'permit'],
  [[], 'USE system_auth', 'no_grant_in_keyspace'],
  [['SELECT ON TABLE ks.t'], 'DESCRIBE KEYSPACE ks', 'permit'],
  [['SELECT ON TABLE ks.t'], 'DESCRIBE TABLE other.t', 'no_grant_in_keyspace'],
  [['SELECT ON TABLE ks.t'], 'DESCRIBE FULL SCHEMA', 'no_grant_in_keyspace'],
  [['SELECT ON ALL KEYSPACES'], 'DESCRIBE SCHEMA', 'permit'],
  [['SELECT ON TABLE ks.t'], 'DESCRIBE other', 'no_grant_in_keyspace'],
];

describe('decide', () => {
  it.each(TABLE)('%j: %s is %s', (grants, text, expected) => {
    expect(outcome(authority(grants), text)).toBe(expected);
  });

  it('asks in both keyspaces where one word of DESCRIBE may mean either', () => {
    const who = authority(['SELECT ON KEYSPACE ks']);
    expect(outcome(who, 'DESCRIBE billing', 'ks')).toBe('no_grant_in_keyspace');
    expect(outcome(who, 'DESCRIBE ks', 'ks')).toBe('permit');
  });

  it('asks only in the keyspace of the session where no keyspace has that name', () => {
    const who = authority(['SELECT ON KEYSPACE ks']);
    const statement = analyse('DESCRIBE items', 'ks') as Statement;
    const schema = new SchemaSnapshot(1, {
      keyspaces: ['ks', 'billing'].map((keyspace) => ({ keyspace, replication: new Map() })),
    });
    expect(isPermit(decide(who, statement, schema))).toBe(true);
    const other = analyse('DESCRIBE billing', 'ks') as Statement;
    expect(isPermit(decide(who, other, schema))).toBe(false);
    const system = analyse('DESCRIBE system_views', 'ks') as Statement;
    expect(isPermit(decide(who, system, schema))).toBe(false);
  });

  describe('of what is not there', () => {
    const whole = new SchemaSnapshot(1, {
      keyspaces: [{ keyspace: 'ks', replication: new Map() }],
      views: [{ keyspace: 'ks', view: 'v', base: 't' }],
      indexes: [{ keyspace: 'ks', index: 'i', table: 't' }],
      functions: [{ keyspace: 'ks', name: 'f', argumentTypes: ['int'], aggregate: null }],
    });
    const decided = (who: Asking, text: string, schema = whole): string => {
      const decision = decide(who, analyse(text, null) as Statement, schema);
      return isPermit(decision) ? 'permit' : decision.reason;
    };

    it.each([
      ['DROP INDEX IF EXISTS ks.gone', 'DROP INDEX IF EXISTS ks.i'],
      ['DROP INDEX ks.gone', 'DROP INDEX ks.i'],
      ['DROP MATERIALIZED VIEW IF EXISTS ks.gone', 'DROP MATERIALIZED VIEW IF EXISTS ks.v'],
      [
        "ALTER MATERIALIZED VIEW IF EXISTS ks.gone WITH comment = ''",
        "ALTER MATERIALIZED VIEW IF EXISTS ks.v WITH comment = ''",
      ],
      ['DROP FUNCTION IF EXISTS ks.gone', 'DROP FUNCTION IF EXISTS ks.f'],
      ['DROP FUNCTION IF EXISTS ks.f(text)', 'DROP FUNCTION IF EXISTS ks.f(int)'],
      ["DROP FUNCTION IF EXISTS ks.f('UTF8Type')", "DROP FUNCTION IF EXISTS ks.f('Int32Type')"],
      ['DROP AGGREGATE IF EXISTS ks.gone(int)', 'DROP AGGREGATE IF EXISTS ks.f(int)'],
    ])('asks for a grant in the keyspace: %s', (absent, present) => {
      const who = authority(['SELECT ON TABLE ks.other']);
      expect(decided(who, absent)).toBe('permit');
      expect(decided(who, present)).toBe('permission_missing');
      expect(decided(authority(['SELECT ON KEYSPACE other']), absent)).toBe('no_grant_in_keyspace');
      // What was not read may be there.
      expect(decided(who, absent, new SchemaSnapshot(1, null))).toBe('permission_missing');
      // And the kind may be denied as ever.
      const { kind } = analyse(absent, null) as Statement;
      expect(decided(authority(['SELECT ON TABLE ks.other'], [kind]), absent)).toBe('kind_denied');
    });

    it.each([
      "DROP FUNCTION IF EXISTS ks.f('DateType')",
      "DROP FUNCTION IF EXISTS ks.f('UserType(other,75)')",
    ])('asks for the permission where it may be there: %s', (text) => {
      const who = authority(['SELECT ON TABLE ks.other', 'SELECT ON KEYSPACE other']);
      expect(decided(who, text)).toBe('permission_missing');
    });

    it('asks for what Cassandra asks for of tables, types and keyspaces', () => {
      const who = authority(['SELECT, ALTER, DROP ON TABLE ks.other']);
      for (const text of [
        'ALTER TABLE IF EXISTS ks.gone ADD a int',
        'DROP TABLE IF EXISTS ks.gone',
        'ALTER TYPE IF EXISTS ks.gone ADD a int',
        'DROP TYPE IF EXISTS ks.gone',
        'ALTER KEYSPACE IF EXISTS ks WITH durable_writes = true',
        'DROP KEYSPACE IF EXISTS ks',
      ]) {
        expect([text, decided(who, text)]).toEqual([text, 'permission_missing']);
      }
    });

    it.each([
      ['DROP INDEX ks.i', 'ALTER ON KEYSPACE ks'],
      ['DROP MATERIALIZED VIEW ks.v', 'ALTER ON ALL TABLES IN KEYSPACE ks'],
      ['DROP FUNCTION ks.f', 'DROP ON ALL FUNCTIONS IN KEYSPACE ks'],
      [
        'CREATE OR REPLACE FUNCTION ks.f(a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$1$$',
        'CREATE, ALTER ON ALL FUNCTIONS IN KEYSPACE ks',
      ],
    ])('has the schema read anew for %s, unless the role has %s', (text, grant) => {
      const statement = analyse(text, null) as Statement;
      expect(hangsOnSchema(authority(['SELECT ON KEYSPACE ks']), statement)).toBe(true);
      expect(hangsOnSchema(authority([grant]), statement)).toBe(false);
      const other = analyse('DROP TABLE ks.t', null) as Statement;
      expect(hangsOnSchema(authority([]), other)).toBe(false);
    });
  });

  it('refuses denied kinds whatever is granted, in a BATCH too', () => {
    const who = authority(['ALL ON ALL KEYSPACES'], ['TRUNCATE', 'DROP KEYSPACE', 'DELETE']);
    expect(outcome(who, 'TRUNCATE ks.t')).toBe('kind_denied');
    expect(outcome(who, 'DROP KEYSPACE ks')).toBe('kind_denied');
    expect(outcome(who, 'DROP TABLE ks.t')).toBe('permit');
    const batch =
      'BEGIN BATCH INSERT INTO ks.t (k) VALUES (1) DELETE FROM ks.t WHERE k = 1 APPLY BATCH';
    expect(outcome(who, batch)).toBe('kind_denied');
  });

  it('gives by a capability what no grant gives', () => {
    const all = ['ALL ON ALL KEYSPACES', 'ALL ON ALL ROLES'];
    const statements = {
      triggers: "CREATE TRIGGER x ON ks.t USING 'c'",
      identities: "ADD IDENTITY 'x' TO ROLE 'r'",
      superuser: 'ALTER ROLE r WITH SUPERUSER = false',
    } as const;
    for (const capability of CAPABILITIES) {
      const who = roleUnderPolicy({ grants: all, capabilities: [capability] });
      for (const other of CAPABILITIES) {
        const expected = other === capability ? 'permit' : 'capability_missing';
        expect(outcome(who, statements[other])).toBe(expected);
      }
    }
    // The capability alone is not enough.
    const bare = roleUnderPolicy({ capabilities: ['triggers'] });
    expect(outcome(bare, statements.triggers)).toBe('permission_missing');
    // A new role that is no superuser is nothing that superusers are kept for.
    expect(outcome(authority(all), 'CREATE ROLE r WITH SUPERUSER = false')).toBe('permit');
  });

  it.each([
    'ALTER ROLE gate_login WITH PASSWORD = $$x$$',
    'DROP ROLE gate_login',
    'CREATE ROLE gate_login',
    'GRANT gate_login TO me',
    'REVOKE gate_login FROM me',
    'GRANT other TO gate_login',
    'GRANT SELECT ON KEYSPACE ks TO gate_login',
    'REVOKE SELECT ON KEYSPACE ks FROM gate_login',
    'GRANT ALTER ON ROLE gate_login TO me',
    'ALTER USER gate_login WITH PASSWORD $$x$$',
    'ADD IDENTITY $$x$$ TO ROLE gate_login',
  ])("refuses %s: it is the gate's own login", (text) => {
    const grants = [
      'ALL ON ALL ROLES',
      'AUTHORIZE ON ALL ROLES',
      'ALL ON ALL KEYSPACES',
      'AUTHORIZE ON ALL KEYSPACES',
    ];
    const who = roleUnderPolicy({ grants, capabilities: CAPABILITIES });
    expect(outcome(who, text)).toBe('own_login');
    expect(outcome(who, text.replace('gate_login', 'gate_login_2'))).not.toBe('own_login');
  });

  it('lets a role name the classes that are its own', () => {
    const text = "CREATE CUSTOM INDEX ON ks.t (v) USING 'com.acme.Index'";
    const grants = ['ALTER ON KEYSPACE ks'];
    expect(outcome(roleUnderPolicy({ grants, classes: ['com.acme.Index'] }), text)).toBe('permit');
    expect(outcome(roleUnderPolicy({ grants, classes: ['com.acme'] }), text)).toBe(
      'class_not_allowed',
    );
  });

  it('asks as Cassandra does where the policy says so', () => {
    const cases: [TestRoleDocument['asCassandra'], string, string][] = [
      [['keyspaces'], 'USE other', 'no_grant_in_keyspace'],
      [['keyspaces'], 'DESCRIBE TABLE other.t', 'no_grant_in_keyspace'],
      [['keyspaces'], 'DESCRIBE SCHEMA', 'no_grant_in_keyspace'],
      [['listing'], 'LIST ROLES', 'permission_missing'],
      [['listing'], 'LIST ALL PERMISSIONS OF r', 'permission_missing'],
      [['traces'], 'SELECT * FROM system_traces.events', 'permission_missing'],
      [['authorize'], 'GRANT SELECT ON TABLE ks.t TO x', 'permission_missing'],
    ];
    for (const [asCassandra, text, strict] of cases) {
      const grants = ['ALL ON TABLE ks.t'];
      expect(outcome(roleUnderPolicy({ grants }), text)).toBe(strict);
      expect(outcome(roleUnderPolicy({ grants, asCassandra: asCassandra ?? [] }), text)).toBe(
        'permit',
      );
    }
    const everything = roleUnderPolicy({ asCassandra: RELAXATIONS });
    expect(outcome(everything, 'USE cqlgate')).toBe('no_grant_in_keyspace');
    expect(outcome(everything, 'SELECT * FROM system_auth.roles')).toBe('permission_missing');
  });

  it('gives an overload by its own grant or a wider one, and no other', () => {
    const schema = new SchemaSnapshot(1, {
      functions: [
        { keyspace: 'ks', name: 'f', argumentTypes: ['int'], aggregate: null },
        { keyspace: 'ks', name: 'f', argumentTypes: ['text'], aggregate: null },
      ],
    });
    const decided = (grants: readonly string[], text: string): string => {
      const decision = decide(authority(grants), analyse(text, null) as Statement, schema);
      return isPermit(decision) ? 'permit' : decision.missing.join();
    };
    const read = 'SELECT ON KEYSPACE ks';
    const call = 'SELECT ks.f(a) FROM ks.t';
    expect(decided([read, 'EXECUTE ON FUNCTION ks.f(int)'], call)).toBe(
      'EXECUTE ON FUNCTION ks.f(text)',
    );
    const both = ['EXECUTE ON FUNCTION ks.f(int)', 'EXECUTE ON FUNCTION ks.f(varchar)'];
    expect(decided([read, ...both], call)).toBe('permit');
    expect(decided([read, 'EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks'], call)).toBe('permit');
    expect(decided([read, ...both], 'SELECT ks.g(a) FROM ks.t')).toBe(
      'EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks',
    );
    expect(decided(['DROP ON FUNCTION ks.f(int)'], 'DROP FUNCTION ks.f')).toBe(
      'DROP ON FUNCTION ks.f(text)',
    );
    expect(decided(['DROP ON FUNCTION ks.f(int)'], 'DROP FUNCTION ks.f(int)')).toBe('permit');
  });

  describe('with masks', () => {
    const rows = { masks: [{ keyspace: 'ks', table: 't', column: 'card' }] };
    /** A login that sees through masks, and one that does not. */
    const [seeing, blind] = [true, false].map((sees) => new SchemaSnapshot(1, rows, () => sees));
    const decided = (grants: readonly string[], text: string, schema = seeing!): string => {
      const decision = decide(authority(grants), analyse(text, null) as Statement, schema);
      return isPermit(decision) ? 'permit' : decision.missing.join();
    };
    const read = 'SELECT ON KEYSPACE ks';

    it('shows what is masked only to a role with UNMASK, where the login would show it', () => {
      for (const text of [
        'SELECT * FROM ks.t',
        'SELECT JSON * FROM ks.t',
        'SELECT card FROM ks.t',
        'SELECT name, max(card) AS m FROM ks.t',
        'SELECT name FROM ks.t ORDER BY card',
        'SELECT [card] FROM ks.t',
        'SELECT "card".x FROM ks.t',
      ]) {
        expect(decided([read], text)).toBe('UNMASK ON TABLE ks.t');
        expect(decided([read], text, blind)).toBe('permit');
        expect(decided([read, 'UNMASK ON TABLE ks.t'], text)).toBe('permit');
        expect(decided([read, 'SELECT_MASKED ON TABLE ks.t'], text)).toBe('UNMASK ON TABLE ks.t');
      }
      for (const text of [
        'SELECT name FROM ks.t',
        'SELECT count(*) FROM ks.t',
        'SELECT "Card" FROM ks.t',
        'SELECT * FROM ks.u',
      ]) {
        expect(decided([read], text)).toBe('permit');
      }
    });

    it('compares with what is masked only for a role with UNMASK or SELECT_MASKED', () => {
      const write = 'MODIFY ON KEYSPACE ks';
      for (const text of [
        'SELECT name FROM ks.t WHERE card = 1 ALLOW FILTERING',
        'SELECT name FROM ks.t WHERE (card) IN ((1))',
        'SELECT name FROM ks.t WHERE token(card) > 1',
        'SELECT name FROM ks.t ORDER BY card ANN OF [1, 2] LIMIT 3',
      ]) {
        expect(decided([read], text, blind)).toBe('SELECT_MASKED ON TABLE ks.t');
        expect(decided([read, 'SELECT_MASKED ON TABLE ks.t'], text, blind)).toBe('permit');
        expect(decided([read, 'UNMASK ON ALL KEYSPACES'], text)).toBe('permit');
      }
      // Cassandra masks no answer of a write, and its answer holds the row that was there.
      for (const text of [
        'UPDATE ks.t SET a = 1 WHERE k = 1 IF card = 2',
        'BEGIN BATCH DELETE FROM ks.t WHERE k = 1 IF card = 2 APPLY BATCH',
        'INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS',
      ]) {
        expect(decided([read, write, 'SELECT_MASKED ON TABLE ks.t'], text, blind)).toBe(
          'UNMASK ON TABLE ks.t',
        );
        expect(decided([read, write, 'UNMASK ON ALL KEYSPACES'], text)).toBe('permit');
      }
      expect(decided([read, write], 'UPDATE ks.t SET a = 1 WHERE k = 1 IF EXISTS')).toBe('permit');
      expect(decided([read, write], 'UPDATE ks.t SET card = 1 WHERE k = 1')).toBe('permit');
    });
  });

  it('names role, permission, resource and what to do', () => {
    const statement = analyse("UPDATE billing.t SET v = f('x') WHERE k = 1 IF EXISTS", null);
    if (!isStatement(statement)) throw new Error(statement.reason);
    const denial = decide(authority(['MODIFY ON KEYSPACE billing']), statement, EMPTY_SCHEMA);
    expect(denial).toEqual({
      reason: 'permission_missing',
      message:
        'Role r has no SELECT ON TABLE billing.t and no EXECUTE ON FUNCTION billing.f. If it should, ask for it in the policy of cqlgate.',
      missing: ['SELECT ON TABLE billing.t', 'EXECUTE ON FUNCTION billing.f'],
    });
  });

  it('names the grant that allowed it', () => {
    const statement = analyse('SELECT * FROM ks.t', null);
    if (!isStatement(statement)) throw new Error(statement.reason);
    const permit = decide(authority(['SELECT ON KEYSPACE ks']), statement, EMPTY_SCHEMA);
    expect(permit).toMatchObject({
      grant: 'SELECT ON KEYSPACE ks',
      policyVersion: 'v1',
      role: 'r',
    });
    // Nothing of the same shape is a Permit.
    expect(isPermit(structuredClone({ grant: 'SELECT ON KEYSPACE ks' }) as never)).toBe(false);
  });

  it('lets trace, and shows keyspaces, by grant', () => {
    expect(mayTrace(authority(['SELECT ON ALL KEYSPACES']))).toBe(false);
    expect(mayTrace(authority(['SELECT ON KEYSPACE system_traces']))).toBe(true);
    expect(seesKeyspace(authority(['SELECT ON TABLE ks.t']), 'ks')).toBe(true);
    expect(seesKeyspace(authority(['SELECT ON TABLE ks.t']), 'other')).toBe(false);
  });
});

describe('what is remembered', () => {
  const analysed = (text: string): Statement => {
    const statement = analyse(text, null);
    if (!isStatement(statement)) throw new Error(statement.reason);
    statement.isKept = true;
    return statement;
  };

  it('is nothing for a statement that nobody keeps', () => {
    const statement = analysed('SELECT * FROM ks.t');
    statement.isKept = false;
    const mayRead = authority(['SELECT ON TABLE ks.t']);
    const first = decide(mayRead, statement, EMPTY_SCHEMA);
    expect(isPermit(first)).toBe(true);
    expect(decide(mayRead, statement, EMPTY_SCHEMA)).not.toBe(first);
  });

  it('is what was permitted, and holds for its role under its policy only', () => {
    const statement = analysed('SELECT * FROM ks.t');
    const mayRead = authority(['SELECT ON TABLE ks.t']);
    const first = decide(mayRead, statement, EMPTY_SCHEMA);
    expect(isPermit(first)).toBe(true);
    expect(decide(mayRead, statement, EMPTY_SCHEMA)).toBe(first);
    const mayNot = authority(['SELECT ON TABLE ks.u']);
    expect(isPermit(decide(mayNot, statement, EMPTY_SCHEMA))).toBe(false);
    const laterPolicy = authority(['SELECT ON TABLE ks.t']);
    expect(decide(laterPolicy, statement, EMPTY_SCHEMA)).not.toBe(first);
  });

  it('is decided anew under another schema: a view made since counts', () => {
    const statement = analysed('INSERT INTO ks.t (k) VALUES (1)');
    const writer = authority(['MODIFY ON TABLE ks.t']);
    expect(isPermit(decide(writer, statement, EMPTY_SCHEMA))).toBe(true);
    const withView = new SchemaSnapshot(1, {
      views: [{ keyspace: 'ks', view: 'v', base: 't' }],
    });
    expect(isPermit(decide(writer, statement, withView))).toBe(false);
    expect(isPermit(decide(writer, statement, EMPTY_SCHEMA))).toBe(true);
  });

  it('is nothing that hangs on what the gate logs in as: that changes under one schema', () => {
    const statement = analysed('SELECT v FROM ks.t');
    const reader = authority(['SELECT ON TABLE ks.t']);
    let unmasks = false;
    const schema = new SchemaSnapshot(
      1,
      { masks: [{ keyspace: 'ks', table: 't', column: 'v' }] },
      () => unmasks,
    );
    expect(isPermit(decide(reader, statement, schema))).toBe(true);
    unmasks = true;
    expect(isPermit(decide(reader, statement, schema))).toBe(false);
  });
});
