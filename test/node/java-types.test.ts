// Types written as strings at a real node: what driver's own tests send goes through, and what a node takes to its own
// harm does not.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, node, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}";
const PACKAGE = 'org.apache.cassandra.db.marshal.';

describe.skipIf(noNode)('types in strings', () => {
  let superuser: RawClient;
  let gate: TestGate;
  let job: RawClient;

  beforeAll(async () => {
    superuser = await RawClient.login(node!.port, 'cassandra', 'cassandra');
    for (const text of [
      `CREATE KEYSPACE java_types WITH ${REPLICATION}`,
      `CREATE KEYSPACE java_others WITH ${REPLICATION}`,
      'CREATE TYPE java_types.u (a int)',
      'CREATE TYPE java_others.secret (a int)',
    ]) {
      expect(errorOf(await superuser.query(text))).toBeNull();
    }
    const grants = [
      'CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE java_types',
      'CREATE, ALTER, DROP, EXECUTE ON ALL FUNCTIONS IN KEYSPACE java_types',
    ];
    gate = await TestGate.start({
      contactPoint,
      roles: { job: { grants }, both: { grants: [...grants, 'SELECT ON KEYSPACE java_others'] } },
    });
    job = await RawClient.login(gate.port, 'job', gate.issuer.mint());
  });

  afterAll(async () => {
    job?.close();
    await gate?.close();
    for (const keyspace of ['java_types', 'java_others']) {
      await superuser?.query(`DROP KEYSPACE IF EXISTS ${keyspace}`);
    }
    superuser?.close();
  });

  it("go through where they are Cassandra's own, and the cluster has them as they are meant", async () => {
    for (const text of [
      "CREATE TABLE java_types.t (id uuid, c1 'DynamicCompositeType(s => UTF8Type, i => Int32Type)', c2 'ReversedType(CompositeType(UTF8Type, Int32Type))', c3 'Int32Type', PRIMARY KEY (id, c1, c2))",
      `ALTER TABLE java_types.t ADD (l '${PACKAGE}ListType(${PACKAGE}Int32Type)', v 'VectorType(FloatType,3)', u 'UserType(java_types,75,61:Int32Type)')`,
      "CREATE TYPE java_types.w (a 'MapType(UTF8Type,Int32Type)')",
      "CREATE FUNCTION java_types.f (a 'Int32Type') CALLED ON NULL INPUT RETURNS 'Int32Type' LANGUAGE java AS 'return a;'",
      "SELECT java_types.f(('Int32Type')1) FROM java_types.t",
      "INSERT INTO java_types.t (id, c1, c2, l) VALUES (('UUIDType')uuid(), 0x, 0x, ('ListType(Int32Type)')[1])",
      "DROP FUNCTION java_types.f('Int32Type')",
    ]) {
      expect([text, errorOf(await job.query(text))?.message]).toEqual([text, undefined]);
    }
  });

  it('are refused where they name a class, a user type elsewhere, or one that is not there', async () => {
    const table = (type: string): string =>
      `CREATE TABLE java_types.refused (k int PRIMARY KEY, v '${type}')`;
    const other = 'UserType(java_others,736563726574,61:Int32Type)';
    const both = await RawClient.login(gate.port, 'both', gate.issuer.mint());
    const cases: [RawClient, string, number, string][] = [
      [job, table('java.lang.Runtime'), CqlErrorCode.UNAUTHORIZED, 'java.lang.Runtime'],
      [
        job,
        table(other),
        CqlErrorCode.UNAUTHORIZED,
        'SELECT ON ALL TABLES IN KEYSPACE java_others',
      ],
      [job, `SELECT ('${other}') k FROM java_types.t`, CqlErrorCode.UNAUTHORIZED, 'java_others'],
      [both, table(other), CqlErrorCode.INVALID, 'cannot refer to a user type in keyspace'],
      [job, table('UserType(java_types,6e6f6e65)'), CqlErrorCode.INVALID, 'Unknown type'],
      [
        job,
        "ALTER TABLE java_types.t ADD x 'ListType(UserType(java_types,6e6f6e65))'",
        CqlErrorCode.INVALID,
        'Unknown type',
      ],
    ];
    for (const [client, text, code, message] of cases) {
      const error = errorOf(await client.query(text));
      expect([text, error?.code]).toEqual([text, code]);
      expect(error?.message).toContain(message);
      // Prepared it would be parsed by a node as well.
      expect(errorOf(await client.prepare(text))?.code).toBe(code);
    }
    both.close();
  });
});
