// Prepared statements and a schema that changes under them: nobody reads a wrong column.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { decodePrepared, decodeRows } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const SKIP_METADATA = 0x02;
/** In the metadata of rows. */
const METADATA_CHANGED = 0x08;
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
    await superuser.execute('ALTER TABLE prepared.repair WITH gc_grace_seconds = 1');
    expect(errorOf(await raw.execute(id))).toBeNull();

    await superuser.execute('ALTER TABLE prepared.repair ADD a text');
    expect(errorOf(await raw.execute(id))?.code).toBe(CqlErrorCode.UNPREPARED);
    const again = decodePrepared((await raw.prepare(select))!, 4);
    expect(again.resultColumnCount).toBe(3);
    expect(errorOf(await raw.execute(again.id))).toBeNull();
    raw.close();
  });

  describe('in v5, where EXECUTE says by which result metadata its client reads', () => {
    /** The node forgets the statements of a table, and nothing about it changes for clients. */
    let seconds = 1_000;
    const evict = async (table: string): Promise<unknown> =>
      superuser.execute(`ALTER TABLE prepared.${table} WITH gc_grace_seconds = ${++seconds}`);

    async function prepare(client: RawClient, text: string) {
      const frame = await client.prepare(text);
      expect(errorOf(frame)).toBeNull();
      const { id, resultMetadataId, resultColumnCount } = decodePrepared(frame!, 5);
      const metadataId = Buffer.from(resultMetadataId!);
      return { id: Buffer.from(id), metadataId, resultColumnCount };
    }

    /** Flags of the metadata of rows. */
    const flagsOf = (frame: Frame): number => frame.buffer.readInt32BE(frame.bodyStart + 4);

    it.each([0, SKIP_METADATA])(
      'repeats only for who has the present one, of two that prepared before ALTER (flags %i)',
      async (flags) => {
        const table = `two${flags}`;
        await superuser.execute(`CREATE TABLE prepared.${table} (k int PRIMARY KEY, z text)`);
        await superuser.execute(`INSERT INTO prepared.${table} (k, z) VALUES (1, 'z')`);
        const [one, other] = [await login(5), await login(5)];
        const text = `SELECT * FROM prepared.${table}`;
        const old = await prepare(one, text);
        expect((await prepare(other, text)).metadataId).toEqual(old.metadataId);
        const execute = async (client: RawClient, { id, metadataId }: typeof old) =>
          (await client.execute(id, { flags, metadataId }))!;

        // Nothing changed: neither notices that the node had forgotten it.
        await evict(table);
        expect(errorOf(await execute(one, old))).toBeNull();

        await superuser.execute(`ALTER TABLE prepared.${table} ADD a text`);
        expect(errorOf(await execute(one, old))?.code).toBe(CqlErrorCode.UNPREPARED);
        const present = await prepare(one, text);
        expect(present.id).toEqual(old.id);
        expect(present.metadataId).not.toEqual(old.metadataId);
        expect(present.resultColumnCount).toBe(3);
        expect(errorOf(await execute(one, present))).toBeNull();

        // The node knows it by now, and tells the other itself.
        const told = await execute(other, old);
        expect(errorOf(told)).toBeNull();
        expect(flagsOf(told) & METADATA_CHANGED).not.toBe(0);
        expect(told.bytes().includes(present.metadataId)).toBe(true);
        expect(decodeRows(told, 5).columns.map(({ name }) => name)).toEqual(['k', 'a', 'z']);

        // What is registered is the present one, which says nothing of who still has the old one.
        await evict(table);
        expect(errorOf(await execute(other, old))?.code).toBe(CqlErrorCode.UNPREPARED);
        await evict(table);
        expect(errorOf(await execute(one, present))).toBeNull();
        one.close();
        other.close();
      },
    );

    it('repeats conditional statements and batches', async () => {
      await superuser.execute('CREATE TABLE prepared.lwt (k int PRIMARY KEY, z text)');
      const client = await login(5);
      const conditional = await prepare(
        client,
        "UPDATE prepared.lwt SET z = 'a' WHERE k = 1 IF z = null",
      );
      const plain = await prepare(client, "UPDATE prepared.lwt SET z = 'b' WHERE k = 2");
      for (let i = 0; i < 3; i++) {
        await evict('lwt');
        expect(errorOf(await client.execute(conditional.id, conditional))).toBeNull();
        await evict('lwt');
        expect(errorOf(await client.batch([plain.id, plain.id]))).toBeNull();
      }
      client.close();
    });

    it('does not repeat by types of values that its client was not told', async () => {
      await superuser.execute('CREATE TABLE prepared.types (k int PRIMARY KEY, z text)');
      const [one, other] = [await login(5), await login(5)];
      const text = 'INSERT INTO prepared.types (k, z) VALUES (?, ?)';
      const old = await prepare(one, text);
      await superuser.execute('DROP TABLE prepared.types');
      await superuser.execute('CREATE TABLE prepared.types (k int PRIMARY KEY, z int)');
      const present = await prepare(other, text);
      expect(present.id).toEqual(old.id);
      await evict('types');
      const values = [Buffer.from([0, 0, 0, 1]), Buffer.from('text')];
      const answer = await one.execute(old.id, { metadataId: old.metadataId, values });
      expect(errorOf(answer)?.code).toBe(CqlErrorCode.UNPREPARED);
      values[1] = Buffer.from([0, 0, 0, 2]);
      await evict('types');
      expect(errorOf(await other.execute(present.id, { ...present, values }))).toBeNull();
      one.close();
      other.close();
    });
  });

  it('prepares in the keyspace of the session, wherever the statement is repaired', async () => {
    await superuser.execute('CREATE TABLE prepared.own (k int PRIMARY KEY, v text)');
    const raw = await login();
    await raw.query('USE prepared');
    await raw.query("INSERT INTO own (k, v) VALUES (1, 'mine')");
    const { id } = decodePrepared((await raw.prepare('SELECT v FROM own'))!, 4);
    await superuser.execute('ALTER TABLE prepared.own WITH gc_grace_seconds = 1');
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
