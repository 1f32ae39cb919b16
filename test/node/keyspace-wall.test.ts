// A job bound to keyspace `orders` can do nothing in `billing`, by whatever way.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const ORDERS = { migrator: { grants: ['CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE orders'] } };

describe.skipIf(noNode).each([4, 5])('the wall between keyspaces, protocol v%i', (version) => {
  let gate: TestGate;
  let raw: RawClient;

  beforeAll(async () => {
    const superuser = await direct();
    const replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    for (const keyspace of ['orders', 'billing']) {
      await superuser.execute(
        `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = ${replication}`,
      );
      await superuser.execute(
        `CREATE TABLE IF NOT EXISTS ${keyspace}.t (k int PRIMARY KEY, v text)`,
      );
    }
    await superuser.execute('CREATE TYPE IF NOT EXISTS billing.money (amount int)');
    await superuser.execute(
      "CREATE FUNCTION IF NOT EXISTS billing.peek (v text) CALLED ON NULL INPUT RETURNS text LANGUAGE java AS 'return v;'",
    );
    await superuser.shutdown();
    gate = await TestGate.start({ contactPoint, roles: ORDERS });
    raw = await RawClient.login(gate.port, 'migrator', gate.issuer.mint(), version);
  });

  afterAll(async () => {
    raw?.close();
    await gate?.close();
  });

  const unauthorized = (text: string) => ({
    code: CqlErrorCode.UNAUTHORIZED,
    message: expect.stringContaining(text) as string,
  });

  it('lets it work in its own keyspace', async () => {
    expect(errorOf(await raw.query("INSERT INTO orders.t (k, v) VALUES (1, 'mine')"))).toBeNull();
    expect(errorOf(await raw.query('USE orders'))).toBeNull();
    expect((await raw.query('SELECT v FROM t WHERE k = 1'))?.opcode).toBe(Opcode.RESULT);
  });

  it.each([
    'SELECT * FROM billing.t',
    "INSERT INTO billing.t (k, v) VALUES (1, 'x')",
    'DROP TABLE billing.t',
    'TRUNCATE billing.t',
    'CREATE TABLE billing.u (k int PRIMARY KEY)',
    'ALTER KEYSPACE billing WITH durable_writes = true',
    "CREATE KEYSPACE orders2 WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    'DESCRIBE KEYSPACE billing',
    'DESCRIBE TABLE billing.t',
  ])('refuses %s', async (text) => {
    expect(errorOf(await raw.query(text))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
  });

  it('refuses USE', async () => {
    expect(errorOf(await raw.query('USE billing'))).toEqual(unauthorized('KEYSPACE billing'));
  });

  it("refuses the request's own keyspace, by the flag that v4 has too", async () => {
    expect(errorOf(await raw.query('SELECT * FROM t', { keyspace: 'billing' }))).toEqual(
      unauthorized('SELECT ON TABLE billing.t'),
    );
    if (version === 5) {
      expect(errorOf(await raw.prepare('SELECT * FROM t', 'billing'))).toEqual(
        unauthorized('SELECT ON TABLE billing.t'),
      );
    }
  });

  it('refuses a USE that Cassandra would confirm and not keep', async () => {
    const error = errorOf(await raw.query('USE orders', { keyspace: 'orders' }));
    expect(error).toMatchObject({ code: CqlErrorCode.INVALID });
    const { id } = decodePrepared((await raw.prepare('USE orders'))!, version);
    expect(errorOf(await raw.execute(id, { keyspace: 'orders' }))?.code).toBe(CqlErrorCode.INVALID);
    if (version === 5) {
      expect(errorOf(await raw.prepare('USE orders', 'orders'))?.code).toBe(CqlErrorCode.INVALID);
    }
  });

  it('describes a keyspace by one word, and nothing of another by it', async () => {
    const fresh = await RawClient.login(gate.port, 'migrator', gate.issuer.mint(), version);
    expect(errorOf(await fresh.query('DESCRIBE orders'))).toBeNull();
    expect(errorOf(await fresh.query('DESCRIBE t'))?.code).toBe(CqlErrorCode.UNAUTHORIZED);
    fresh.close();
  });

  it('refuses it as a child of a BATCH', async () => {
    const mine = "INSERT INTO orders.t (k, v) VALUES (2, 'batch')";
    const theirs = "INSERT INTO billing.t (k, v) VALUES (2, 'batch')";
    expect(errorOf(await raw.batch([mine, theirs]))).toEqual(
      unauthorized('MODIFY ON TABLE billing.t'),
    );
    const text = `BEGIN BATCH ${mine}; ${theirs}; APPLY BATCH`;
    expect(errorOf(await raw.query(text))).toEqual(unauthorized('MODIFY ON TABLE billing.t'));
    expect(errorOf(await raw.batch(["INSERT INTO t (k, v) VALUES (2, 'b')"], 'billing'))).toEqual(
      unauthorized('MODIFY ON TABLE billing.t'),
    );
  });

  it('refuses functions and types of the other keyspace', async () => {
    expect(errorOf(await raw.query('SELECT billing.peek(v) FROM orders.t'))).toEqual(
      unauthorized('EXECUTE ON FUNCTION billing.peek'),
    );
    expect(
      errorOf(
        await raw.query('CREATE TABLE orders.u (k int PRIMARY KEY, v frozen<billing.money>)'),
      ),
    ).toEqual(unauthorized('ALL TABLES IN KEYSPACE billing'));
    expect(
      errorOf(await raw.query("SELECT ('UserType(62696c6c696e67,6d)') v FROM orders.t"))?.code,
    ).toBe(CqlErrorCode.UNAUTHORIZED);
  });

  it('refuses EXECUTE of what was prepared under an older policy', async () => {
    await gate.writePolicy({
      migrator: { grants: [...ORDERS.migrator.grants, 'SELECT, MODIFY ON KEYSPACE billing'] },
    });
    const select = 'SELECT * FROM billing.t';
    await until(async () => errorOf(await raw.query(select)) === null);
    const prepared = decodePrepared((await raw.prepare(select))!, version);
    expect(errorOf(await raw.execute(prepared.id))).toBeNull();
    const insert = decodePrepared(
      (await raw.prepare('DELETE FROM billing.t WHERE k = 1'))!,
      version,
    );

    await gate.writePolicy(ORDERS);
    await until(async () => errorOf(await raw.query(select)) !== null);
    expect(errorOf(await raw.execute(prepared.id))).toEqual(
      unauthorized('SELECT ON TABLE billing.t'),
    );
    expect(errorOf(await raw.batch([insert.id]))).toEqual(
      unauthorized('MODIFY ON TABLE billing.t'),
    );
  });

  it('closes a session whose binding is gone, with the reason', async () => {
    const other = await RawClient.login(gate.port, 'migrator', gate.issuer.mint(), version);
    await gate.writePolicy({ somebody: { grants: ['SELECT ON KEYSPACE orders'] } });
    let last: ReturnType<typeof errorOf> = null;
    await until(async () => {
      last = errorOf(await other.query('SELECT * FROM orders.t'));
      return last !== null;
    });
    expect(last).toEqual(unauthorized('the policy changed'));
    expect(await other.next()).toBeNull();
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
