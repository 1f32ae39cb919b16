// ALTER TABLE again and again under sessions that read by prepared statements, in v4 (leaving the
// metadata out) and v5: every row that is given out can be read by the metadata its session holds.
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodePrepared, decodeRows } from '../../src/protocol/messages/result.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const SKIP_METADATA = 0x02;
const ROUNDS = 15;
const READERS = 8;

describe.skipIf(noNode)('ALTER TABLE under load', () => {
  let gate: TestGate;
  let superuser: Client;

  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE altered WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE altered.t (k int PRIMARY KEY, zz text)');
    await superuser.execute("INSERT INTO altered.t (k, zz) VALUES (1, 'zz')");
    gate = await TestGate.start({
      contactPoint,
      roles: { migrator: { grants: ['ALTER, SELECT, MODIFY ON KEYSPACE altered'] } },
    });
  });

  afterAll(async () => {
    await superuser?.shutdown();
    await gate?.close();
  });

  it('never gives a v4 reader rows of other columns than it prepared', async () => {
    let stop = false;
    let reads = 0;
    const read = async () => {
      const raw = await RawClient.login(gate.port, 'migrator', gate.issuer.mint());
      while (!stop) {
        const prepared = decodePrepared((await raw.prepare('SELECT * FROM altered.t'))!, 4);
        for (;;) {
          if (stop) break;
          const frame = (await raw.execute(prepared.id, { flags: SKIP_METADATA }))!;
          const error = errorOf(frame);
          if (error !== null) {
            expect(error.code).toBe(CqlErrorCode.UNPREPARED);
            break;
          }
          // kind, flags, column count: the rows that follow must have the columns prepared.
          const body = new Reader(frame.buffer, frame.bodyStart, frame.end);
          body.readInt('kind');
          body.readInt('flags');
          expect(body.readInt('columns')).toBe(prepared.resultColumnCount);
          reads++;
        }
      }
      raw.close();
    };
    const readers = Array.from({ length: READERS }, read);
    for (let round = 0; round < ROUNDS; round++) {
      // Half of the changes come through the gate, half behind its back.
      const statement = `ALTER TABLE altered.t ADD c${String(round).padStart(2, '0')} text`;
      if (round % 2 === 0) {
        const raw = await RawClient.login(gate.port, 'migrator', gate.issuer.mint());
        expect(errorOf(await raw.query(statement))).toBeNull();
        raw.close();
      } else await superuser.execute(statement);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    stop = true;
    await Promise.all(readers);
    expect(reads).toBeGreaterThan(ROUNDS * READERS);
  });

  it('tells v5 readers of changed metadata in the answer itself', async () => {
    const raw = await RawClient.login(gate.port, 'migrator', gate.issuer.mint(), 5);
    const prepared = decodePrepared((await raw.prepare('SELECT * FROM altered.t'))!, 5);
    await superuser.execute('ALTER TABLE altered.t ADD last text');
    let frame = await raw.execute(prepared.id, { flags: SKIP_METADATA });
    if (errorOf(frame)?.code === CqlErrorCode.UNPREPARED) {
      await raw.prepare('SELECT * FROM altered.t');
      frame = await raw.execute(prepared.id, { flags: SKIP_METADATA });
    }
    const { columns } = decodeRows(frame!, 5);
    expect(columns.map((column) => column.name)).toContain('last');
    raw.close();
  });
});
