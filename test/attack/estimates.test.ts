// system.size_estimates and table_estimates hold the sizes of everybody's tables: a role sees those of the
// keyspaces that it reaches, however it asks.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodeRows, encodeRows, type Column } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TypeCode } from '../../src/protocol/types.ts';
import { TestGate } from '../support/gate.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

const TEXT = { code: TypeCode.VARCHAR, bytes: Buffer.from([0, TypeCode.VARCHAR]) };
const COLUMNS = ['keyspace_name', 'table_name', 'range_start', 'partitions_count'];
const OF = ['own', 'other', 'system_auth', 'own', 'ownx', ''];

/** As a node answers: the columns that are asked for, of every keyspace or of the one that is named. */
function answerTo(text: string): Buffer {
  const asked = /^SELECT (.*) FROM/.exec(text)![1]!;
  const names = asked === '*' ? COLUMNS : asked.split(', ').map((one) => one.split(' ')[0]!);
  const shown = asked === '*' ? COLUMNS : asked.split(', ').map((one) => one.split(' ').at(-1)!);
  const columns: Column[] = shown.map((name) => ({
    keyspace: 'system',
    table: 'size_estimates',
    name,
    type: TEXT,
  }));
  return encodeRows({
    columns,
    rows: OF.map((keyspace, i) =>
      names.map((name) => Buffer.from(name === 'keyspace_name' ? keyspace : `${name} ${i}`)),
    ),
  });
}

describe('estimates of sizes', () => {
  let scripted: ScriptedCluster;
  let gate: TestGate;
  let client: RawClient;
  let asked = 0;

  beforeAll(async () => {
    scripted = await ScriptedCluster.start(['dc1']);
    scripted.script = ({ opcode, text, answer }) => {
      if (opcode !== Opcode.QUERY || !text.includes('_estimates')) return false;
      asked++;
      answer(Opcode.RESULT, answerTo(text));
      return true;
    };
    const contactPoint = scripted.name(0);
    gate = await TestGate.start({
      contactPoint,
      roles: {
        tenant: { grants: ['SELECT ON TABLE own.t'] },
        all: { grants: ['SELECT ON TABLE system.size_estimates'] },
      },
      config: { cluster: { contactPoints: [contactPoint], allowUntested: true } },
    });
    client = await RawClient.login(gate.port, 'tenant', gate.issuer.mint());
  }, 30_000);

  afterAll(async () => {
    client?.close();
    await gate?.close();
    await scripted?.close();
  });

  const rowsOf = async (who: RawClient, text: string): Promise<string[][]> => {
    const answer = await who.query(text);
    expect(errorOf(answer), text).toBeNull();
    return decodeRows(answer!, 4).rows.map((row) => row.map((cell) => cell?.toString() ?? ''));
  };

  it.each([
    'SELECT * FROM system.size_estimates',
    'SELECT * FROM system.table_estimates',
    'SELECT keyspace_name, partitions_count FROM system.size_estimates LIMIT 10',
    'SELECT keyspace_name AS k, table_name FROM system.size_estimates',
    'SELECT table_name AS keyspace_name, keyspace_name AS k FROM system.size_estimates',
    "SELECT * FROM system.size_estimates WHERE keyspace_name = 'other'",
  ])('are those of its own keyspaces: %s', async (text) => {
    const rows = await rowsOf(client, text);
    expect(rows).toHaveLength(2);
    for (const row of rows) expect(row).toContain('own');
  });

  it('are given as a connector asks for them, by keyspace and table', async () => {
    const text =
      "SELECT range_start, partitions_count FROM system.size_estimates WHERE keyspace_name = 'own' AND table_name = 't'";
    expect(await rowsOf(client, text)).toHaveLength(OF.length);
    const bound = text.replace("'own'", '?').replace("'t'", '?');
    const values = (keyspace: string) => ({ values: [keyspace, 't'].map((v) => Buffer.from(v)) });
    expect(errorOf(await client.query(bound, values('own')))).toBeNull();
    const before = asked;
    const denied = errorOf(await client.query(bound, values('other')));
    expect(denied?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(errorOf(await client.query(bound))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(asked).toBe(before);
  });

  it.each([
    'SELECT partitions_count FROM system.size_estimates',
    "SELECT partitions_count FROM system.size_estimates WHERE keyspace_name = 'other'",
    "SELECT partitions_count FROM system.size_estimates WHERE keyspace_name IN ('own', 'other')",
    "SELECT partitions_count FROM system.size_estimates WHERE table_name = 't' ALLOW FILTERING",
    'SELECT * FROM system.size_estimates WHERE partitions_count > 9 ALLOW FILTERING',
    "SELECT * FROM system.size_estimates WHERE keyspace_name = 'other' AND partitions_count = 9 ALLOW FILTERING",
    'SELECT JSON * FROM system.size_estimates',
    'SELECT count(*) FROM system.size_estimates',
    'SELECT max(partitions_count) FROM system.size_estimates',
    "SELECT CAST(keyspace_name AS ascii), partitions_count FROM system.size_estimates WHERE keyspace_name = 'own'",
    'SELECT partitions_count FROM system.table_estimates PER PARTITION LIMIT 1',
  ])('are refused where its part can not be told: %s', async (text) => {
    const before = asked;
    expect(errorOf(await client.query(text))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    expect(asked).toBe(before);
  });

  it('are given whole to a role with a grant on them, on that table alone', async () => {
    const all = await RawClient.login(gate.port, 'all', gate.issuer.mint());
    expect(await rowsOf(all, 'SELECT * FROM system.size_estimates')).toHaveLength(OF.length);
    expect(await rowsOf(all, 'SELECT partitions_count FROM system.size_estimates')).toHaveLength(6);
    expect(await rowsOf(all, 'SELECT * FROM system.table_estimates')).toHaveLength(0);
    all.close();
  });
});
