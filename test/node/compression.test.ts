// Clients that compress, against a real node: prepared statements that a node forgot, the tables
// that the gate answers itself, denials, and rows too large for one segment.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodePrepared, decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const LONG = 'x'.repeat(300_000);

describe.skipIf(noNode).each([
  ['none', 4, 'snappy'],
  ['none', 4, 'lz4'],
  ['none', 5, 'lz4'],
  ['lz4', 4, 'snappy'],
  ['lz4', 5, 'lz4'],
])('with %s upstream, a v%i client with %s', (upstream, version, compression) => {
  let gate: TestGate;
  let client: RawClient;

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: { packer: { grants: ['CREATE, SELECT, MODIFY ON KEYSPACE packed'] } },
      config: { cluster: { contactPoints: [contactPoint], compression: upstream } },
    });
    const superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE IF NOT EXISTS packed WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.shutdown();
    client = await RawClient.login(gate.port, 'packer', gate.issuer.mint(), version, {
      COMPRESSION: compression,
    });
    await client.query('CREATE TABLE IF NOT EXISTS packed.t (k int PRIMARY KEY, v text)');
  });

  afterAll(async () => {
    client?.close();
    await gate?.close();
  });

  it('writes and reads what is larger than a segment', async () => {
    const written = await client.query(`INSERT INTO packed.t (k, v) VALUES (1, '${LONG}')`);
    expect(errorOf(written)).toBeNull();
    const before = Buffer.concat(client.received).length;
    const read = await client.query('SELECT v FROM packed.t WHERE k = 1');
    expect(decodeRows(read!, version).rows[0]![0]!.toString()).toBe(LONG);
    // It crossed the wire compressed.
    expect(Buffer.concat(client.received).length - before).toBeLessThan(20_000);
  });

  it('executes a statement that the node forgot', async () => {
    const text = `SELECT v FROM packed.t WHERE k = 1 /* ${'filled '.repeat(400)} */`;
    const prepared = decodePrepared((await client.prepare(text))!, version);
    const superuser = await direct();
    await superuser.execute('TRUNCATE system.prepared_statements');
    await superuser.execute(`ALTER TABLE packed.t WITH comment = '${Date.now()}'`);
    await superuser.shutdown();
    const answer = await client.execute(prepared.id);
    // v4: prepared again behind the client's back, or by it; never a wrong answer.
    if (answer!.opcode === Opcode.ERROR) {
      expect(errorOf(answer)!.code).toBe(CqlErrorCode.UNPREPARED);
      await client.prepare(text);
    }
    const again = await client.execute(prepared.id);
    expect(decodeRows(again!, version).rows[0]![0]!.length).toBe(LONG.length);
  });

  it('is told the gate as the only node, and what is denied', async () => {
    const local = decodeRows((await client.query('SELECT * FROM system.local'))!, version);
    expect(local.rows).toHaveLength(1);
    const denied = await client.query(`SELECT * FROM billing.t /* ${'filled '.repeat(400)} */`);
    expect(errorOf(denied)).toMatchObject({ code: CqlErrorCode.UNAUTHORIZED });
  });
});

describe.skipIf(noNode)('compression that cannot be had', () => {
  let gate: TestGate;
  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: { packer: { grants: ['SELECT ON KEYSPACE packed'] } },
    });
  });
  afterAll(async () => gate?.close());

  it.each([
    [4, 'zstd', /Unknown compression algorithm: zstd/],
    [5, 'snappy', /not supported in protocol V5/],
  ])('is refused in v%i for %s', async (version, compression, expected) => {
    const client = await RawClient.connect(gate.port, version);
    const answer = await client.startup({ CQL_VERSION: '3.0.0', COMPRESSION: compression });
    expect(errorOf(answer)).toMatchObject({ code: CqlErrorCode.PROTOCOL_ERROR });
    expect(errorOf(answer)!.message).toMatch(expected);
    client.close();
  });
});
