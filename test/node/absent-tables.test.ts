// Drivers look for system tables that other releases have. Of one that this cluster lacks the gate says what a node
// says, and nothing is recorded as refused; of tables of users it never tells whether they exist.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, node, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

/** What gocql 1.7 asks with TokenAwareHostPolicy on each connect to a keyspace. */
const GOCQL_PROBES = [
  'SELECT durable_writes, strategy_class, strategy_options FROM system.schema_keyspaces WHERE keyspace_name = ?',
  'SELECT columnfamily_name, key_validator, comparator, default_validator FROM system.schema_columnfamilies WHERE keyspace_name = ?',
  'SELECT columnfamily_name, column_name, component_index, validator, type FROM system.schema_columns WHERE keyspace_name = ?',
  'SELECT type_name, field_names, field_types FROM system.schema_usertypes WHERE keyspace_name = ?',
  'SELECT function_name, argument_types FROM system.schema_functions WHERE keyspace_name = ?',
  'SELECT aggregate_name, argument_types FROM system.schema_aggregates WHERE keyspace_name = ?',
];

/** Of other releases and products, and in each keyspace of Cassandra's own. */
const OTHERS = [
  'SELECT * FROM system."Local"',
  'SELECT JSON count(*) FROM system.hints LIMIT 1',
  'SELECT * FROM system_schema.scylla_tables',
  'SELECT * FROM system_auth.users',
  'SELECT * FROM system_traces.constructor',
  'SELECT * FROM system_distributed.cdc_streams',
  'SELECT * FROM system_views.slow_queries',
  'SELECT * FROM system_virtual_schema.views',
  'INSERT INTO system.range_xfers (a) VALUES (1)',
  'UPDATE system.range_xfers SET a = 1 WHERE b = 2 IF c = 3',
  'DELETE FROM system.range_xfers WHERE a = 1',
  'BEGIN BATCH INSERT INTO system.range_xfers (a) VALUES (1) APPLY BATCH',
];

describe.skipIf(noNode)('a system table that this cluster lacks', () => {
  let gate: TestGate;

  beforeAll(async () => {
    const superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE IF NOT EXISTS absent WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE IF NOT EXISTS absent.there (k int PRIMARY KEY)');
    await superuser.shutdown();
    gate = await TestGate.start({
      contactPoint,
      roles: {
        none: { grants: ['SELECT ON TABLE absent.nothing'] },
        all: {
          grants: [
            'SELECT, MODIFY ON KEYSPACE system',
            'SELECT ON KEYSPACE system_views',
            'SELECT ON KEYSPACE system_distributed',
          ],
        },
      },
    });
  });

  afterAll(async () => {
    await gate?.close();
    const superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS absent');
    await superuser.shutdown();
  });

  describe.each([4, 5])('in v%i', (version) => {
    it.each(['none', 'all'])('is answered as by a node, to role %s too', async (role) => {
      const straight = await RawClient.login(node!.port, 'cassandra', 'cassandra', version);
      const through = await RawClient.login(gate.port, role, gate.issuer.mint(), version);
      for (const text of [...GOCQL_PROBES, ...OTHERS]) {
        const expected = errorOf(await straight.prepare(text));
        expect(expected).toMatchObject({ code: CqlErrorCode.INVALID });
        expect({ text, ...errorOf(await through.prepare(text)) }).toEqual({ text, ...expected });
        expect({ text, ...errorOf(await through.query(text)) }).toEqual({ text, ...expected });
      }
      straight.close();
      through.close();
    });
  });

  it('is no refusal in the ledger', async () => {
    const through = await RawClient.login(gate.port, 'none', gate.issuer.mint());
    for (const text of GOCQL_PROBES) await through.query(text);
    // Whatever was to be recorded before stands there when this one does.
    await through.query('SELECT * FROM system.batches');
    await gate.record(({ statement }) => statement?.text?.includes('system.batches') === true);
    through.close();
    const denied = (await gate.records()).filter(({ decision }) => decision?.result === 'deny');
    expect(denied.map(({ statement }) => statement.text)).toEqual(['SELECT * FROM system.batches']);
  });

  it('is told from one that is there, and not from what users have', async () => {
    const through = await RawClient.login(gate.port, 'none', gate.issuer.mint());
    const codeOf = async (text: string) => errorOf(await through.query(text))?.code;
    expect(await codeOf('SELECT * FROM system.batches')).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(await codeOf('SELECT * FROM system_auth.roles')).toBe(CqlErrorCode.UNAUTHORIZED);
    for (const name of ['absent.there', 'absent.not_there', 'system_not_there.t', 'cqlgate.t']) {
      expect(await codeOf(`SELECT * FROM ${name}`)).toBe(CqlErrorCode.UNAUTHORIZED);
    }
    through.close();
  });
});
