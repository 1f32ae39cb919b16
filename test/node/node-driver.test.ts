// The Node driver (v4) through the gate, at a real Cassandra: what a job does in an ordinary day.
import type { Client } from 'cassandra-driver';
import { types } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, failure, noNode, through } from '../support/nodes.ts';

describe.skipIf(noNode)('a job with the Node driver', () => {
  let gate: TestGate;
  let job: Client;

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: {
        migrator: {
          grants: [
            'CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE nodejs*',
            'SELECT ON KEYSPACE system_traces',
          ],
        },
      },
    });
    job = await through(gate, 'migrator', { pooling: { maxRequestsPerConnection: 8192 } });
    await job.execute(
      "CREATE KEYSPACE nodejs WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await job.execute(
      'CREATE TABLE nodejs.items (k int, c int, v text, b blob, PRIMARY KEY (k, c))',
    );
  });

  afterAll(async () => {
    await job?.shutdown();
    await gate?.close();
  });

  it('sees one host, the gate, and reaches schema agreement after DDL', async () => {
    expect(job.hosts.keys()).toEqual([`127.0.0.1:${gate.port}`]);
    const result = await job.execute('ALTER TABLE nodejs.items ADD added text');
    expect((result.info as { isSchemaInAgreement?: boolean }).isSchemaInAgreement).toBe(true);
  });

  it('keeps its keyspace after USE', async () => {
    const other = await through(gate, 'migrator', { keyspace: 'nodejs' });
    await other.execute("INSERT INTO items (k, c, v) VALUES (1, 1, 'by name')");
    const { rows } = await other.execute('SELECT v FROM items WHERE k = 1 AND c = 1');
    expect(rows[0]?.['v']).toBe('by name');
    await other.shutdown();
  });

  it('carries 5,000 concurrent prepared inserts and pages over 10,000 rows', async () => {
    const insert = 'INSERT INTO nodejs.items (k, c, v) VALUES (?, ?, ?)';
    for (const half of [0, 1]) {
      await Promise.all(
        Array.from({ length: 5_000 }, async (_unused, i) =>
          job.execute(insert, [77, half * 5_000 + i, `row ${i}`], { prepare: true }),
        ),
      );
    }
    let count = 0;
    const rows = job.stream('SELECT c FROM nodejs.items WHERE k = 77', [], { fetchSize: 1_000 });
    for await (const row of rows as unknown as AsyncIterable<types.Row>) {
      expect(row['c']).toBe(count);
      count++;
    }
    expect(count).toBe(10_000);
  });

  it('runs batches of texts and of prepared statements', async () => {
    const query = 'INSERT INTO nodejs.items (k, c, v) VALUES (?, ?, ?)';
    const queries = [1, 2, 3].map((c) => ({ query, params: [5, c, `batch ${c}`] }));
    await job.batch(queries, { prepare: true });
    await job.batch(["INSERT INTO nodejs.items (k, c, v) VALUES (5, 4, 'text')"], {
      prepare: false,
    });
    const { rowLength } = await job.execute('SELECT * FROM nodejs.items WHERE k = 5');
    expect(rowLength).toBe(4);
  });

  it('moves a 9 MiB blob both ways', async () => {
    const blob = Buffer.alloc(9 * 1024 * 1024, 7);
    await job.execute('INSERT INTO nodejs.items (k, c, b) VALUES (9, 9, ?)', [blob], {
      prepare: true,
    });
    const { rows } = await job.execute('SELECT b FROM nodejs.items WHERE k = 9 AND c = 9');
    expect((rows[0]?.['b'] as Buffer).equals(blob)).toBe(true);
  });

  it('runs lightweight transactions', async () => {
    const insert = "INSERT INTO nodejs.items (k, c, v) VALUES (3, 3, 'once') IF NOT EXISTS";
    expect((await job.execute(insert)).wasApplied()).toBe(true);
    expect((await job.execute(insert)).wasApplied()).toBe(false);
  });

  it('traces where the role may read traces', async () => {
    const { info } = await job.execute('SELECT * FROM nodejs.items WHERE k = 3', [], {
      traceQuery: true,
    });
    expect(info.traceId).toBeDefined();
    const trace = await job.execute('SELECT * FROM system_traces.sessions WHERE session_id = ?', [
      info.traceId,
    ]);
    expect(trace.rowLength).toBeLessThanOrEqual(1);
  });

  it('is told what is missing when a statement is denied, and works on', async () => {
    const error = await failure(job.execute('SELECT * FROM billing.invoices'));
    expect(error.code).toBe(types.responseErrorCodes.unauthorized);
    expect(error.message).toContain('Role migrator has no SELECT ON TABLE billing.invoices');
    expect((await job.execute('SELECT * FROM nodejs.items WHERE k = 3')).rowLength).toBe(1);
  });

  it('goes on after the node lost its prepared statements', async () => {
    const select = 'SELECT c, v FROM nodejs.items WHERE k = ?';
    const before = await job.execute(select, [5], { prepare: true });
    const superuser = await direct();
    // Evicts every prepared statement over the table, and changes nothing a client could see.
    await superuser.execute("ALTER TABLE nodejs.items WITH comment = 'touched'");
    await superuser.shutdown();
    const after = await job.execute(select, [5], { prepare: true });
    expect(after.rows).toEqual(before.rows);
  });

  it('never reads a wrong column when ALTER TABLE comes between two EXECUTEs', async () => {
    await job.execute('CREATE TABLE nodejs.wide (k int PRIMARY KEY, z text)');
    await job.execute("INSERT INTO nodejs.wide (k, z) VALUES (1, 'z')");
    const other = await through(gate, 'migrator');
    const select = 'SELECT * FROM nodejs.wide WHERE k = ?';
    for (const column of ['y', 'm', 'a']) {
      await job.execute(select, [1], { prepare: true });
      await other.execute(`ALTER TABLE nodejs.wide ADD ${column} text`);
      await other.execute(`UPDATE nodejs.wide SET ${column} = '${column}' WHERE k = 1`);
      // The node knows the statement again, with the new column, before the first client asks.
      await other.execute(select, [1], { prepare: true });
      const row = (await job.execute(select, [1], { prepare: true })).first();
      expect(row.get('z')).toBe('z');
      for (const name of row.keys().slice(1)) expect(row.get(name)).toBe(name);
    }
    await other.shutdown();
  });

  it('goes on after the gate was restarted', async () => {
    const select = 'SELECT v FROM nodejs.items WHERE k = ?';
    await job.execute(select, [5], { prepare: true });
    await gate.stop();
    await gate.launch();
    const deadline = Date.now() + 30_000;
    for (;;) {
      try {
        expect((await job.execute(select, [5], { prepare: true })).rowLength).toBe(4);
        return;
      } catch (error) {
        if (Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
  });
});
