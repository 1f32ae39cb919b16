// Prepared statements and a schema that changes under them: nobody reads a wrong column.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/errors.ts';
import { decodePrepared, decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const SKIP_METADATA = 0x02;
const SELECT = 'SELECT * FROM prepared.wide';

describe.skipIf(noNode)('prepared statements', () => {
  let gate: TestGate;
  let superuser: Client;
  const login = async (version = 4) =>
    RawClient.login(gate.port, 'migrator', gate.issuer.mint(), version);

  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE prepared WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    gate = await TestGate.start({
      contactPoint,
      roles: { migrator: { grants: ['ALTER, SELECT, MODIFY, CREATE, DROP ON KEYSPACE prepared'] } },
    });
  });

  afterAll(async () => {
    await superuser?.shutdown();
    await gate?.close();
  });

  it('gives rows without metadata only to who was given the present metadata', async () => {
    await superuser.execute('CREATE TABLE prepared.wide (k int PRIMARY KEY, z text)');
    await superuser.execute("INSERT INTO prepared.wide (k, z) VALUES (1, 'z')");
    const one = await login();
    const other = await login();
    const { id } = decodePrepared((await one.prepare(SELECT))!, 4);
    expect(errorOf(await one.execute(id, { flags: SKIP_METADATA }))).toBeNull();
    // Another session knows the id, but nobody knows by which metadata it would read.
    expect(errorOf(await other.execute(id, { flags: SKIP_METADATA }))?.code).toBe(
      CqlErrorCode.UNPREPARED,
    );
    expect(errorOf(await other.execute(id))).toBeNull();

    await other.query('ALTER TABLE prepared.wide ADD a text');
    // The node knows the statement again, with the new column, through another client.
    await other.prepare(SELECT);
    expect(errorOf(await one.execute(id, { flags: SKIP_METADATA }))?.code).toBe(
      CqlErrorCode.UNPREPARED,
    );
    const again = decodePrepared((await one.prepare(SELECT))!, 4);
    expect(again.id).toEqual(id);
    expect(again.resultColumnCount).toBe(3);
    expect(errorOf(await one.execute(id, { flags: SKIP_METADATA }))).toBeNull();
    one.close();
    other.close();
  });

  it('repairs behind the client when nothing changed for it, and never when something did', async () => {
    await superuser.execute('CREATE TABLE prepared.repair (k int PRIMARY KEY, z text)');
    const raw = await login();
    const select = 'SELECT * FROM prepared.repair';
    const { id } = decodePrepared((await raw.prepare(select))!, 4);
    await superuser.execute("ALTER TABLE prepared.repair WITH comment = 'evicts'");
    expect(errorOf(await raw.execute(id))).toBeNull();

    await superuser.execute('ALTER TABLE prepared.repair ADD a text');
    expect(errorOf(await raw.execute(id))?.code).toBe(CqlErrorCode.UNPREPARED);
    const again = decodePrepared((await raw.prepare(select))!, 4);
    expect(again.resultColumnCount).toBe(3);
    expect(errorOf(await raw.execute(again.id))).toBeNull();
    raw.close();
  });

  it('prepares in the keyspace of the session, wherever the statement is repaired', async () => {
    await superuser.execute('CREATE TABLE prepared.own (k int PRIMARY KEY, v text)');
    const raw = await login();
    await raw.query('USE prepared');
    await raw.query("INSERT INTO own (k, v) VALUES (1, 'mine')");
    const { id } = decodePrepared((await raw.prepare('SELECT v FROM own'))!, 4);
    await superuser.execute("ALTER TABLE prepared.own WITH comment = 'evicts'");
    const frame = await raw.execute(id);
    expect(decodeRows(frame!, 4).rows[0]?.[0]?.toString()).toBe('mine');
    raw.close();
  });

  it('runs USE prepared and executed', async () => {
    const raw = await login();
    const { id } = decodePrepared((await raw.prepare('USE prepared'))!, 4);
    expect((await raw.execute(id))?.opcode).toBe(Opcode.RESULT);
    expect(errorOf(await raw.query('SELECT v FROM own'))).toBeNull();
    raw.close();
  });

  it('answers UNPREPARED to an id that was never prepared here, in EXECUTE and in BATCH', async () => {
    const raw = await login();
    const id = Buffer.alloc(16, 3);
    for (const frame of [await raw.execute(id), await raw.batch([id])]) {
      expect(errorOf(frame)?.code).toBe(CqlErrorCode.UNPREPARED);
      expect(frame!.buffer.subarray(frame!.end - 16, frame!.end)).toEqual(id);
    }
    raw.close();
  });
});
