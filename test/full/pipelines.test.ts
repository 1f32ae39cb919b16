// The example pipeline, its own policy, a gate and the real node: what a repository copies works as it stands.
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cqlshBin } from '../support/cqlsh.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { runPipeline, type StepResult } from '../support/pipeline.ts';

const EXAMPLE = path.resolve(import.meta.dirname, '../../examples/pipelines');
const PRODUCTION = '{f0e1a2b3-0c4d-4e5f-8a9b-1c2d3e4f5a6b}';

describe.skipIf(noNode)('the example pipeline', () => {
  let gate: TestGate;
  const dirs: string[] = [];

  beforeAll(async () => {
    const admin = await direct();
    await admin.execute(
      "CREATE KEYSPACE IF NOT EXISTS orders WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await admin.execute('DROP TABLE IF EXISTS orders.items');
    await admin.shutdown();
    gate = await TestGate.prepare({
      contactPoint,
      roles: {},
      config: {
        cassandraRoles: {
          ci_orders: { username: 'cassandra', password: { env: 'GATE_PASSWORD' } },
        },
      },
    });
    // The example's own, as it stands.
    await writeFile(
      path.join(gate.dir, 'policy.yaml'),
      await readFile(path.join(EXAMPLE, 'policy.yaml')),
    );
    await gate.launch();
  });

  afterAll(async () => {
    await gate?.close();
    for (const dir of dirs) await rm(dir, { recursive: true });
  });

  async function run(branch: string): Promise<StepResult[]> {
    const { dir, steps } = await runPipeline({
      repository: EXAMPLE,
      branch,
      issuer: gate.issuer,
      environments: { production: PRODUCTION },
      variables: {
        CQLGATE: `127.0.0.1:${gate.port}`,
        CQLGATE_OPTIONS: '--plaintext --listen 127.0.0.1:0',
      },
      programs: [await cqlshBin()],
    });
    dirs.push(dir);
    return steps;
  }

  it('tests, migrates and seeds from the main branch; twice does no harm', async () => {
    for (let i = 0; i < 2; i++) {
      const steps = await run('main');
      expect(steps.map(({ code, output }) => [code, code === 0 ? '' : output])).toEqual([
        [0, ''],
        [0, ''],
      ]);
    }
    const admin = await direct();
    const { rows } = await admin.execute('SELECT id, price FROM orders.items');
    await admin.shutdown();
    expect(rows.map((row) => String(row['price'])).sort()).toEqual(['3.50', '4.20']);
    const record = await gate.record(
      ({ kind, statement, role }) =>
        kind === 'decision' && role === 'orders-migrator' && statement?.kind === 'ALTER TABLE',
    );
    expect(record.vcs).toMatchObject({ source: 'hint', verified: false });
    expect(record.principal.environment_uuid).toContain(PRODUCTION.slice(1, -1));
  });

  it('only tests from a feature branch', async () => {
    const steps = await run('feature/tea');
    expect(steps.map(({ name, code }) => [name, code])).toEqual([
      ['Integration test, in a keyspace of its own', 0],
    ]);
  });

  it('is refused from another branch, with the reason in the output of its step', async () => {
    const [step] = await run('rogue');
    expect(step?.code).toBe(1);
    expect(step?.output).toContain('No role is bound to this token');
    expect(step?.output).not.toContain('an item has a price');
  });

  it('binds only roles that the example names', async () => {
    const policy = parse(await readFile(path.join(EXAMPLE, 'policy.yaml'), 'utf8')) as {
      roles: object;
    };
    const pipeline = await readFile(path.join(EXAMPLE, 'bitbucket-pipelines.yml'), 'utf8');
    for (const [, role] of pipeline.matchAll(/--role (\S+)/g)) {
      expect(Object.keys(policy.roles)).toContain(role);
    }
  });
});
