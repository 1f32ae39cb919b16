// The permissions of each kind of statement, against a real node: a Cassandra role that holds all that
// the gate asks for may run it there; one that lacks any single permission is refused by both, and
// where the node names what is missing, it names the same. Where the gate is stricter, that is listed.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { needsOf } from '../../src/cql/needs.ts';
import { formatNeed, formatResource } from '../../src/cql/resource.ts';
import { STATEMENT_KINDS, type Need, type Statement } from '../../src/cql/statement.ts';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decide, isPermit } from '../../src/policy/decide.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { OwnQueries } from '../../src/upstream/own-query.ts';
import { SchemaSnapshot } from '../../src/upstream/schema.ts';
import { readSchema } from '../../src/upstream/schema-reader.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode, node } from '../support/nodes.ts';
import { roleUnderPolicy } from '../support/policy.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
const RETURN = "LANGUAGE java AS 'return a;'";

/** Objects that the statements are about; each change has objects of its own. */
const SETUP = [
  `CREATE KEYSPACE perm WITH ${REPLICATION}`,
  `CREATE KEYSPACE perm_dropped WITH ${REPLICATION}`,
  'CREATE TABLE perm.t (k int PRIMARY KEY, v int)',
  'CREATE TABLE perm.changed (k int PRIMARY KEY, v int, w int)',
  'CREATE TABLE perm.dropped (k int PRIMARY KEY)',
  'CREATE TABLE perm.viewed (k int PRIMARY KEY, v int)',
  'CREATE TABLE perm.masked (k int PRIMARY KEY, v text MASKED WITH mask_null())',
  'CREATE INDEX dropped_index ON perm.changed (w)',
  ...['read_view', 'altered_view', 'dropped_view'].map(
    (view) =>
      `CREATE MATERIALIZED VIEW perm.${view} AS SELECT * FROM perm.viewed WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)`,
  ),
  'CREATE TYPE perm.altered_type (a int)',
  'CREATE TYPE perm.dropped_type (a int)',
  `CREATE FUNCTION perm.f (a int) CALLED ON NULL INPUT RETURNS int ${RETURN}`,
  `CREATE FUNCTION perm.over (a int) CALLED ON NULL INPUT RETURNS int ${RETURN}`,
  `CREATE FUNCTION perm.over (a text) CALLED ON NULL INPUT RETURNS text ${RETURN}`,
  `CREATE FUNCTION perm.state (a int, b int) CALLED ON NULL INPUT RETURNS int ${RETURN}`,
  'CREATE AGGREGATE perm.agg (int) SFUNC state STYPE int FINALFUNC f INITCOND 0',
  'CREATE AGGREGATE perm.dropped_agg (int) SFUNC state STYPE int INITCOND 0',
  'CREATE ROLE perm_granted',
  'CREATE ROLE perm_altered',
  'CREATE ROLE perm_dropped',
  'CREATE ROLE perm_altered_user',
  'CREATE ROLE perm_dropped_user',
];

/** Decided by the gate as by Cassandra. Every one runs at the end with all it needs. */
const SAME = [
  'SELECT * FROM perm.t',
  'SELECT perm.f(v) FROM perm.t WHERE k = 1',
  'SELECT perm.agg(v) FROM perm.t',
  'SELECT * FROM perm.read_view WHERE v = 1',
  'INSERT INTO perm.t (k, v) VALUES (1, 1)',
  'INSERT INTO perm.t (k, v) VALUES (1, 1) IF NOT EXISTS',
  'INSERT INTO perm.viewed (k, v) VALUES (1, 1)',
  'UPDATE perm.t SET v = perm.f(3) WHERE k = 1',
  'UPDATE perm.t SET v = 1 WHERE k = 1 IF v = 2',
  'DELETE FROM perm.t WHERE k = 1',
  'DELETE FROM perm.t WHERE k = 1 IF EXISTS',
  'BEGIN BATCH INSERT INTO perm.t (k) VALUES (1) DELETE FROM perm.changed WHERE k = 1 APPLY BATCH',
  'TRUNCATE perm.t',
  `CREATE KEYSPACE perm_made WITH ${REPLICATION}`,
  'ALTER KEYSPACE perm WITH durable_writes = true',
  'DROP KEYSPACE perm_dropped',
  'CREATE TABLE perm.made (k int PRIMARY KEY)',
  'ALTER TABLE perm.changed ADD x int',
  'DROP TABLE perm.dropped',
  'CREATE INDEX made_index ON perm.changed (v)',
  'DROP INDEX perm.dropped_index',
  'CREATE MATERIALIZED VIEW perm.made_view AS SELECT * FROM perm.t WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)',
  "ALTER MATERIALIZED VIEW perm.altered_view WITH comment = 'x'",
  'DROP MATERIALIZED VIEW perm.dropped_view',
  'CREATE TYPE perm.made_type (a int)',
  'ALTER TYPE perm.altered_type ADD b int',
  'DROP TYPE perm.dropped_type',
  `CREATE FUNCTION perm.made_f (a int) CALLED ON NULL INPUT RETURNS int ${RETURN}`,
  `CREATE OR REPLACE FUNCTION perm.f (a int) CALLED ON NULL INPUT RETURNS int ${RETURN}`,
  'DROP FUNCTION perm.over(text)',
  'CREATE AGGREGATE perm.made_agg (int) SFUNC state STYPE int FINALFUNC f INITCOND 0',
  'DROP AGGREGATE perm.dropped_agg',
  'GRANT SELECT, MODIFY ON TABLE perm.t TO perm_granted',
  'GRANT EXECUTE ON FUNCTION perm.f(int) TO perm_granted',
  'REVOKE ALTER ON KEYSPACE perm FROM perm_granted',
  'GRANT perm_granted TO perm_altered',
  'REVOKE perm_granted FROM perm_altered',
  'CREATE ROLE perm_made_role',
  "ALTER ROLE perm_altered WITH PASSWORD = 'q'",
  'DROP ROLE perm_dropped',
  "CREATE USER perm_made_user WITH PASSWORD 'p'",
  "ALTER USER perm_altered_user WITH PASSWORD 'q'",
  'DROP USER perm_dropped_user',
];

/** Where the gate asks for more than Cassandra: what a login without any permission gets from each. */
const STRICTER: readonly [text: string, node: RegExp | 'permitted', gate: string][] = [
  ['USE perm', 'permitted', 'no_grant_in_keyspace'],
  ['DESCRIBE KEYSPACE perm', 'permitted', 'no_grant_in_keyspace'],
  ['LIST ROLES', 'permitted', 'permission_missing'],
  ['LIST USERS', 'permitted', 'permission_missing'],
  ['LIST ALL PERMISSIONS OF perm_granted', /not authorized to view/, 'permission_missing'],
  ["CREATE TRIGGER x ON perm.t USING 'X'", /[Oo]nly superusers/, 'capability_missing'],
  ['DROP TRIGGER x ON perm.t', /[Oo]nly superusers/, 'capability_missing'],
  ["ADD IDENTITY 'x' TO ROLE 'perm_granted'", /sufficient privileges/, 'capability_missing'],
  ["DROP IDENTITY 'x'", /sufficient privileges/, 'capability_missing'],
  ['CREATE ROLE perm_x WITH SUPERUSER = true', /sufficient priv|superuser/, 'capability_missing'],
];

/** Of the password `p`, by four rounds of bcrypt: logins that cost next to nothing. */
const HASH = '$2a$04$AoAY7AH37iRnmj6.jv11D.vBob/HtPR6Rgb11q6xkoC5KCdFIzUcu';

function statementOf(text: string): Statement {
  const found = analyse(text, 'perm');
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

/** What a node's refusal names, as the gate writes it; null where it names nothing. */
function named(message: string): string | null {
  const found = /has no (\w+) permission on <([^>]+)> or any of its parents/.exec(message);
  if (found === null) return null;
  const resource = found[2]!
    .replace(/^all tables in /, 'ALL TABLES IN KEYSPACE ')
    .replace(/^all functions in /, 'ALL FUNCTIONS IN KEYSPACE ')
    .replace(/^all (\w+)$/, (all) => all.toUpperCase())
    .replace(/^(table|keyspace|function|role) /, (type) => type.toUpperCase())
    .replaceAll(', ', ',');
  return `${found[1]!} ON ${resource}`;
}

describe.skipIf(noNode)('permissions, as the node asks for them', () => {
  let superuser: RawClient;
  let schema: SchemaSnapshot;
  let logins = 0;

  const run = async (client: RawClient, text: string) => errorOf(await client.query(text));
  const done = async (text: string): Promise<void> => {
    const error = await run(superuser, text);
    if (error !== null) throw new Error(`${text}: ${error.message}`);
  };

  /** A fresh login: nothing about it is cached anywhere. */
  const loginWith = async (needs: readonly Need[]): Promise<RawClient> => {
    const name = `perm_login_${logins++}`;
    await done(`CREATE ROLE ${name} WITH HASHED PASSWORD = '${HASH}' AND LOGIN = true`);
    for (const { permission, resource } of needs) {
      await done(`GRANT ${permission} ON ${formatResource(resource)} TO ${name}`);
    }
    return RawClient.login(node!.port, name, 'p');
  };

  const decided = (statement: Statement, needs: readonly Need[]) =>
    decide(roleUnderPolicy({ grants: needs.map(formatNeed) }), statement, schema);

  beforeAll(async () => {
    superuser = await RawClient.login(node!.port, 'cassandra', 'cassandra');
    for (const text of SETUP) await done(text);
    // One after another: the raw client takes answers in the order of its questions.
    let last: Promise<unknown> = Promise.resolve();
    const query = async (text: string): Promise<Frame> => {
      const answer = last.then(async () => (await superuser.query(text))!);
      last = answer;
      return answer;
    };
    schema = new SchemaSnapshot(1, await readSchema(new OwnQueries(query)));
  }, 120_000);

  afterAll(async () => {
    for (const keyspace of ['perm', 'perm_made']) {
      await superuser?.query(`DROP KEYSPACE IF EXISTS ${keyspace}`);
    }
    superuser?.close();
  });

  it('are compared for every kind of statement', () => {
    const texts = [...SAME, ...STRICTER.map(([text]) => text)];
    const kinds = new Set(texts.map((text) => statementOf(text).kind));
    expect(kinds).toEqual(new Set(Object.keys(STATEMENT_KINDS)));
  });

  it.each(SAME)('are the same for %s', async (text) => {
    const statement = statementOf(text);
    const unique = new Map(needsOf(statement, schema).map((need) => [formatNeed(need), need]));
    const needs = [...unique.values()];
    expect(needs.length).toBeGreaterThan(0);
    for (const lacking of needs) {
      const others = needs.filter((need) => need !== lacking);
      const decision = decided(statement, others);
      expect(isPermit(decision) ? [] : decision.missing).toEqual([formatNeed(lacking)]);
      const login = await loginWith(others);
      const error = await run(login, text);
      login.close();
      expect([formatNeed(lacking), error?.code]).toEqual([
        formatNeed(lacking),
        CqlErrorCode.UNAUTHORIZED,
      ]);
      // Of roles Cassandra says only that the privileges do not suffice.
      const its = named(error!.message);
      if (its === null) expect(error!.message).toMatch(/sufficient privileges|not authorized/);
      else expect(its).toBe(formatNeed(lacking));
    }
    expect(isPermit(decided(statement, needs))).toBe(true);
    const login = await loginWith(needs);
    expect(await run(login, text)).toBeNull();
    login.close();
  });

  it('are the same for what a mask hides: whoever may not see it may not compare with it', async () => {
    const text = "SELECT k FROM perm.masked WHERE v = 'x' ALLOW FILTERING";
    const statement = statementOf(text);
    const where = { resource: { type: 'TABLE', keyspace: 'perm', table: 'masked' } } as const;
    const select = [{ permission: 'SELECT', ...where } as const];
    const lacking = await loginWith(select);
    const error = await run(lacking, text);
    expect(error?.message).toMatch(
      /has no UNMASK nor SELECT_MASKED permission on table perm.masked/,
    );
    const denied = decided(statement, select);
    expect(denied).toMatchObject({ missing: ['SELECT_MASKED ON TABLE perm.masked'] });
    lacking.close();
    for (const permission of ['UNMASK', 'SELECT_MASKED'] as const) {
      const needs = [...select, { permission, ...where }];
      const login = await loginWith(needs);
      expect(await run(login, text)).toBeNull();
      expect(isPermit(decided(statement, needs))).toBe(true);
      login.close();
    }
  });

  it.each(STRICTER)('are stricter here for %s', async (text, atNode, gate) => {
    const decision = decided(statementOf(text), []);
    expect(isPermit(decision) ? 'permit' : decision.reason).toBe(gate);
    const login = await loginWith([]);
    const error = await run(login, text);
    login.close();
    if (atNode === 'permitted') expect(error).toBeNull();
    else expect(error?.message).toMatch(atNode);
  });
});

describe.skipIf(noNode)('masks, behind a login that sees what they hide', () => {
  let superuser: RawClient;
  let gate: TestGate;

  beforeAll(async () => {
    superuser = await RawClient.login(node!.port, 'cassandra', 'cassandra');
    for (const text of [
      `CREATE KEYSPACE masks WITH ${REPLICATION}`,
      'CREATE TABLE masks.t (k int PRIMARY KEY, v text MASKED WITH mask_null())',
      "INSERT INTO masks.t (k, v) VALUES (1, 'hidden')",
    ]) {
      expect(errorOf(await superuser.query(text))).toBeNull();
    }
    gate = await TestGate.start({
      contactPoint,
      roles: {
        reader: { grants: ['SELECT ON KEYSPACE masks'] },
        unmasker: { grants: ['SELECT, UNMASK ON KEYSPACE masks'] },
      },
    });
  });

  afterAll(async () => {
    await gate?.close();
    await superuser?.query('DROP KEYSPACE IF EXISTS masks');
    superuser?.close();
  });

  it.each([
    ['reader', 'SELECT k FROM masks.t', null],
    ['reader', 'SELECT v FROM masks.t', 'has no UNMASK ON TABLE masks.t'],
    ['reader', 'SELECT * FROM masks.t', 'has no UNMASK ON TABLE masks.t'],
    ['reader', 'SELECT JSON k, v FROM masks.t', 'has no UNMASK ON TABLE masks.t'],
    ['reader', 'SELECT max(v) FROM masks.t', 'has no UNMASK ON TABLE masks.t'],
    ['unmasker', 'SELECT v FROM masks.t', null],
  ])('answer to %s: %s', async (role, text, refusal) => {
    const client = await RawClient.login(gate.port, role, gate.issuer.mint());
    const error = errorOf(await client.query(text));
    client.close();
    if (refusal === null) expect(error).toBeNull();
    else expect(error?.message).toContain(refusal);
  });
});
