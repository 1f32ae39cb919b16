// The Python driver, v5 and v4, through the gate at a real Cassandra.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode } from '../support/nodes.ts';
import { missingForPython, runScenario } from '../support/python.ts';

const missing = missingForPython();
if (missing !== null && process.env['CI'] === 'true') {
  throw new Error(`the Python driver must run in CI: ${missing}`);
}
if (missing !== null) console.warn(`tests with the Python driver are skipped: ${missing}`);

describe.skipIf(noNode || missing !== null)('a job with the Python driver', () => {
  let gate: TestGate;
  const target = (version: number, compression: '' | 'lz4' = '') => ({
    port: gate.port,
    username: 'migrator',
    password: gate.issuer.mint(),
    version,
    compression,
  });

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: {
        migrator: {
          grants: [
            'CREATE, ALTER, DROP, SELECT, MODIFY ON KEYSPACE python_*',
            'SELECT ON KEYSPACE system_traces',
          ],
        },
      },
    });
  });

  afterAll(async () => {
    await gate?.close();
  });

  it('finds v5 when it is left to choose', async () => {
    expect(await runScenario('negotiate', target(5))).toEqual({ version: 5, release: '5.0.9' });
  });

  describe.each([
    [5, ''],
    [4, ''],
    [5, 'lz4'],
    [4, 'lz4'],
  ] as const)('in protocol v%i %s', (version, compression) => {
    it('makes a schema, agrees on it, and sees the gate as the only host', async () => {
      const made = await runScenario('schema', target(version, compression));
      expect(made).toEqual({
        agreed: true,
        tables: ['items'],
        hosts: [`127.0.0.1:${gate.port}`],
        compressed: compression !== '',
      });
    });

    it('inserts, pages, batches, moves 9 MiB, runs LWT, traces, is denied, and goes on', async () => {
      const done = await runScenario('work', target(version, compression));
      expect(done).toMatchObject({
        inserted: 10_000,
        paged: 10_000,
        in_order: true,
        batched: 4,
        blob: true,
        lwt: [true, false],
        trace: true,
        in_system: 'local',
      });
      expect(done.denial).toContain('Role migrator has no SELECT ON TABLE billing.invoices');
    });

    it('never reads a wrong column after ALTER TABLE', async () => {
      const { seen } = await runScenario('alter_between', target(version, compression));
      for (const row of seen as Record<string, string | number | null>[]) {
        for (const [column, value] of Object.entries(row)) {
          // Each column holds its own name, once it is written.
          expect([column === 'k' ? 1 : column, null]).toContain(value);
        }
        expect(row['z']).toBe('z');
      }
    });
  });

  it('goes on after the gate was restarted', async () => {
    const steady = runScenario('steady', target(5));
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    await gate.stop();
    await gate.launch();
    expect(await steady).toMatchObject({ recovered: true });
  });
});
