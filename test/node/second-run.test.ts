// Migrations that run twice: of what is absent, and of tables with views, the gate asks a role for what the node
// asks a login that has the same grants.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, node, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
const VIEW = 'SELECT * FROM again.t WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k)';
const BODY = "CALLED ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'";

const SETUP = [
  `CREATE KEYSPACE again WITH ${REPLICATION}`,
  'CREATE TABLE again.t (k int PRIMARY KEY, v int)',
  'CREATE TABLE again.other (k int PRIMARY KEY, v int)',
  'CREATE TYPE again.u (a int)',
  'CREATE INDEX of_other ON again.other (v)',
  `CREATE MATERIALIZED VIEW again.by_v AS ${VIEW}`,
  `CREATE FUNCTION again.f (a int) ${BODY}`,
  'CREATE ROLE again_role',
];

/** Grants of a role that works table by table, and of others that hold more or less. */
const GRANTS: Readonly<Record<string, readonly string[]>> = {
  reader: ['SELECT ON TABLE again.t'],
  tables: [
    'SELECT, MODIFY, ALTER, DROP ON TABLE again.t',
    'SELECT, MODIFY, ALTER, DROP ON TABLE again.other',
  ],
  keyspace: ['CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE again'],
  functions: ['SELECT ON TABLE again.t', 'DROP ON FUNCTION again.f(int)'],
  makers: ['SELECT ON TABLE again.t', 'CREATE ON ALL ROLES', 'ALTER ON ALL ROLES'],
};

/** None of them changes what is there: what would is tried where it must be refused by some. */
const STATEMENTS = [
  'DROP INDEX IF EXISTS again.gone',
  'DROP INDEX again.gone',
  'DROP MATERIALIZED VIEW IF EXISTS again.gone',
  'DROP MATERIALIZED VIEW again.gone',
  "ALTER MATERIALIZED VIEW IF EXISTS again.gone WITH comment = ''",
  'DROP FUNCTION IF EXISTS again.gone',
  'DROP FUNCTION IF EXISTS again.gone(int)',
  'DROP FUNCTION IF EXISTS again.f(text)',
  'DROP FUNCTION again.f(list<int>)',
  'DROP AGGREGATE IF EXISTS again.gone',
  'DROP AGGREGATE IF EXISTS again.f(text)',
  'ALTER TABLE IF EXISTS again.gone ADD a int',
  'ALTER TABLE again.t ADD IF NOT EXISTS v int',
  'ALTER TABLE again.t DROP IF EXISTS gone',
  'DROP TABLE IF EXISTS again.gone',
  'ALTER TYPE IF EXISTS again.gone ADD a int',
  'ALTER TYPE again.u ADD IF NOT EXISTS a int',
  'DROP TYPE IF EXISTS again.gone',
  'CREATE TABLE IF NOT EXISTS again.t (k int PRIMARY KEY)',
  'CREATE INDEX IF NOT EXISTS of_other ON again.other (v)',
  `CREATE MATERIALIZED VIEW IF NOT EXISTS again.by_v AS ${VIEW}`,
  'CREATE TYPE IF NOT EXISTS again.u (a int)',
  "ALTER MATERIALIZED VIEW again.by_v WITH comment = 'x'",
  `CREATE FUNCTION IF NOT EXISTS again.f (a int) ${BODY}`,
  'TRUNCATE again.t',
  "CREATE CUSTOM INDEX IF NOT EXISTS of_other ON again.other (v) USING 'storageattachedINDEX'",
  'CREATE ROLE IF NOT EXISTS again_role WITH ACCESS TO ALL DATACENTERS',
  "CREATE ROLE IF NOT EXISTS again_role WITH ACCESS TO DATACENTERS {'datacenter1'}",
  'CREATE ROLE IF NOT EXISTS again_role WITH ACCESS FROM ALL CIDRS',
  'ALTER ROLE again_role WITH ACCESS TO ALL DATACENTERS',
  'ALTER ROLE again_role WITH ACCESS FROM ALL CIDRS',
  'ALTER ROLE IF EXISTS again_gone WITH LOGIN = false',
  'DROP ROLE IF EXISTS again_gone',
  'DROP USER IF EXISTS again_gone',
];

/** Of the password `p`, by four rounds of bcrypt. */
const HASH = '$2a$04$AoAY7AH37iRnmj6.jv11D.vBob/HtPR6Rgb11q6xkoC5KCdFIzUcu';

describe.skipIf(noNode)('a migration that runs again', () => {
  let superuser: RawClient;
  let gate: TestGate;
  const atNode = new Map<string, RawClient>();
  const atGate = new Map<string, RawClient>();

  const done = async (text: string): Promise<void> => {
    const error = errorOf(await superuser.query(text));
    if (error !== null) throw new Error(`${text}: ${error.message}`);
  };

  beforeAll(async () => {
    superuser = await RawClient.login(node!.port, 'cassandra', 'cassandra');
    for (const text of SETUP) await done(text);
    gate = await TestGate.start({
      contactPoint,
      roles: Object.fromEntries(Object.entries(GRANTS).map(([name, grants]) => [name, { grants }])),
    });
    for (const [name, grants] of Object.entries(GRANTS)) {
      await done(`CREATE ROLE again_${name} WITH HASHED PASSWORD = '${HASH}' AND LOGIN = true`);
      for (const grant of grants) {
        const [, permissions, resource] = /^(.*) ON (.*)$/.exec(grant)!;
        await done(`GRANT ${permissions!} ON ${resource!} TO again_${name}`);
      }
      atNode.set(name, await RawClient.login(node!.port, `again_${name}`, 'p'));
      atGate.set(name, await RawClient.login(gate.port, name, gate.issuer.mint()));
    }
  }, 120_000);

  afterAll(async () => {
    for (const client of [...atNode.values(), ...atGate.values()]) client.close();
    await gate?.close();
    await superuser?.query('DROP KEYSPACE IF EXISTS again');
    for (const name of [...Object.keys(GRANTS), 'role']) {
      await superuser?.query(`DROP ROLE IF EXISTS again_${name}`);
    }
    superuser?.close();
  });

  it.each(STATEMENTS)('is permitted to whom the node permits it: %s', async (text) => {
    const outcomes = async (clients: ReadonlyMap<string, RawClient>) => {
      const found: [string, number | null][] = [];
      for (const [name, client] of clients) {
        found.push([name, errorOf(await client.query(text))?.code ?? null]);
      }
      return found;
    };
    expect(await outcomes(atGate)).toEqual(await outcomes(atNode));
  });

  it('goes by the schema as it is now, whoever changed it', async () => {
    const reader = atGate.get('reader')!;
    const code = async (): Promise<number | null> =>
      errorOf(await reader.query('DROP INDEX IF EXISTS again.comes_and_goes'))?.code ?? null;
    for (let round = 0; round < 5; round++) {
      expect(await code()).toBeNull();
      await done('CREATE INDEX comes_and_goes ON again.t (v)');
      expect(await code()).toBe(CqlErrorCode.UNAUTHORIZED);
      await done('DROP INDEX again.comes_and_goes');
    }
  });

  it('is recorded with what Cassandra answered', async () => {
    const reader = atGate.get('reader')!;
    expect(errorOf(await reader.query('DROP INDEX again.nowhere'))?.code).toBe(
      CqlErrorCode.INVALID,
    );
    const decision = await gate.record(
      ({ kind, statement }) => kind === 'decision' && /nowhere/.test(statement.text as string),
    );
    expect(decision.decision).toMatchObject({
      result: 'permit',
      grant: expect.stringContaining('is not there') as string,
    });
    const outcome = await gate.record(({ kind, of }) => kind === 'outcome' && of === decision.id);
    expect(outcome.outcome).toMatchObject({ status: 'error', error_code: '0x2200' });
  });

  it('asks nothing of a keyspace that a role has no part in', async () => {
    const reader = atGate.get('reader')!;
    for (const text of ['DROP INDEX IF EXISTS other.gone', 'DROP FUNCTION IF EXISTS cqlgate.f']) {
      const error = errorOf(await reader.query(text));
      expect(error).toMatchObject({
        code: CqlErrorCode.UNAUTHORIZED,
        message: expect.stringContaining('has no grant in KEYSPACE') as string,
      });
    }
  });
});
