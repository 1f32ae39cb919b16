// The Bitbucket Pipe: its image, built on the gate's as the Dockerfiles say, and its entry for real, called by the
// README's pipeline, over TLS, before a gate and the real node.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { documentOf } from '../docs/documents.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { TestGate } from '../support/gate.ts';
import { buildImage } from '../support/image/stages.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { runPipeline, type PipeProgram, type StepResult } from '../support/pipeline.ts';
import { missingForPython } from '../support/python.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const EXAMPLE = path.join(ROOT, 'examples/pipelines');
const PRODUCTION = '{f0e1a2b3-0c4d-4e5f-8a9b-1c2d3e4f5a6b}';
const PIPE = 'docker://acme/cqlgate-pipe:0.1.0';

const missing = missingForPython();
if (missing !== null) console.warn(`the pipe is skipped: ${missing}`);

describe.skipIf(noNode || missing !== null)('the Bitbucket Pipe', () => {
  let dir: string;
  let gate: TestGate;
  let authority: CertificateAuthority;
  let program: PipeProgram;
  const dirs: string[] = [];

  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-pipe-'));
    for (const name of ['gate', 'pipe']) await mkdir(path.join(dir, name));
    const own = await buildImage(ROOT, path.join(dir, 'gate'));
    const image = await buildImage(
      path.join(ROOT, 'pipe'),
      path.join(dir, 'pipe'),
      {},
      { 'cqlgate:0.1.0': own },
    );
    program = {
      entry: path.join(image.root, image.entrypoint[0]!),
      // Of the image; below it what a Debian has.
      path: [path.join(image.root, 'usr/local/bin'), '/usr/bin', '/bin'].join(':'),
    };

    const admin = await direct();
    await admin.execute(
      "CREATE KEYSPACE IF NOT EXISTS orders WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await admin.execute('DROP TABLE IF EXISTS orders.items');
    await admin.shutdown();
    authority = new CertificateAuthority();
    gate = await TestGate.prepare({
      contactPoint,
      roles: {},
      prepare: async (target) => {
        const { cert, key } = authority.issue();
        await writeFile(path.join(target, 'tls.crt'), cert);
        await writeFile(path.join(target, 'tls.key'), key);
      },
      config: {
        listen: { host: '127.0.0.1', port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } },
        cassandraRoles: {
          ci_orders: { username: 'cassandra', password: { env: 'GATE_PASSWORD' } },
        },
      },
    });
    await cp(path.join(EXAMPLE, 'policy.yaml'), path.join(gate.dir, 'policy.yaml'));
    await gate.launch();
  });

  afterAll(async () => {
    await gate?.close();
    authority?.remove();
    for (const one of [dir, ...dirs]) await rm(one, { recursive: true, force: true });
  });

  /** The README's pipeline, its last line in force, at a port that is free on this machine too. */
  const documented = (): string => {
    const block = documentOf('pipe/README.md').blocks.find(
      ({ remark }) => remark?.value === 'bitbucket-pipelines.yml',
    );
    return block!.text.replace(/^( +)# (CA_FILE.*)$/m, "$1$2\n$1LISTEN: '127.0.0.1:0'");
  };

  async function run(
    pipeline: string,
    options: { readonly branch?: string; readonly files?: Readonly<Record<string, string>> } = {},
  ): Promise<StepResult> {
    const repository = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-repository-'));
    dirs.push(repository);
    await cp(EXAMPLE, repository, { recursive: true });
    const files = {
      'bitbucket-pipelines.yml': pipeline,
      'ca.crt': authority.pem,
      ...options.files,
    };
    for (const [name, text] of Object.entries(files)) {
      await writeFile(path.join(repository, name), text);
    }
    const { dir: clone, steps } = await runPipeline({
      repository,
      branch: options.branch ?? 'main',
      issuer: gate.issuer,
      environments: { production: PRODUCTION },
      variables: { CQLGATE: `localhost:${gate.port}` },
      programs: [],
      pipes: { [PIPE]: program },
    });
    dirs.push(clone);
    expect(steps).toHaveLength(1);
    expect(steps[0]!.output).not.toMatch(/eyJ/);
    return steps[0]!;
  }

  /** A step of one pipe, with variables beside those that say where the gate is. */
  const pipeline = (
    variables: Readonly<Record<string, string | readonly string[]>>,
    step: object = {
      oidc: { audiences: ['https://cqlgate.example.com'] },
      deployment: 'production',
    },
  ): string => {
    const common = {
      GATE: '$CQLGATE',
      ROLE: 'orders-migrator',
      CA_FILE: 'ca.crt',
      LISTEN: '127.0.0.1:0',
    };
    const script = [{ pipe: PIPE, variables: { ...common, ...variables } }];
    return stringify({ pipelines: { default: [{ step: { name: 'the step', ...step, script } }] } });
  };

  async function prices(): Promise<string[]> {
    const admin = await direct();
    const { rows } = await admin.execute('SELECT price FROM orders.items');
    await admin.shutdown();
    return rows.map((row) => String(row['price'])).sort();
  }

  it('migrates and seeds as its README says; twice does no harm', async () => {
    for (let i = 0; i < 2; i++) {
      const { code, output } = await run(documented());
      expect([code, code === 0 ? '' : output]).toEqual([0, '']);
      const order = [...output.matchAll(/^== (.*)$/gm)].map(([, file]) => file);
      expect(order).toEqual(['migrations/001_items.cql', 'migrations/002_price.cql', 'seed.cql']);
    }
    expect(await prices()).toEqual(['3.50', '4.20']);
    const record = await gate.record(
      ({ kind, statement, role }) =>
        kind === 'decision' && role === 'orders-migrator' && statement?.kind === 'ALTER TABLE',
    );
    expect(record.vcs).toMatchObject({ source: 'hint', verified: false });
    expect(record.client.tls).toBeTruthy();
  });

  it('is refused from a wrong branch, with the reason in the output of the step, and runs nothing', async () => {
    const test = { FILES: 'seed.cql', ROLE: 'orders-test' };
    const step = { oidc: { audiences: ['https://cqlgate.example.com'] } };
    const { code, output } = await run(pipeline(test, step), { branch: 'rogue' });
    expect(code).toBe(1);
    expect(output).toContain('No role is bound to this token');
    expect(output).not.toContain('== ');
    // The same from a branch that is bound comes in, and may not write there.
    const bound = await run(pipeline(test, step), { branch: 'feature/tea' });
    expect(bound.code).not.toBe(0);
    expect(bound.output).toContain('== seed.cql');
    expect(bound.output).toContain('MODIFY');
  });

  it('is told what to set where the step has no token', async () => {
    const { code, output } = await run(pipeline({}, { deployment: 'production' }));
    expect(code).toBe(1);
    expect(output).toContain("set 'oidc: true' in the step");
  });

  it('ends with the first file that fails', async () => {
    const files = {
      'a.cql': "INSERT INTO items (id, name, price) VALUES (3, 'milk', 1.10);",
      'b.cql': 'TRUNCATE items;',
      'c.cql': 'DELETE FROM items WHERE id = 3;',
    };
    const { code, output } = await run(
      pipeline({ FILES: Object.keys(files), KEYSPACE: 'orders' }),
      { files },
    );
    expect(code).toBe(2);
    expect(output).toContain('TRUNCATE');
    expect(output).toContain('b.cql failed with exit code 2; the files after it were not run');
    expect(output).not.toContain('== c.cql');
    expect(await prices()).toContain('1.10');
  });

  it('runs a command, and ends with its exit code', async () => {
    const files = {
      'check.sh': `cqlsh "$CASSANDRA_HOST" "$CASSANDRA_PORT" -k orders -e 'SELECT name FROM items WHERE id = 1'\nexit 7\n`,
    };
    const { code, output } = await run(pipeline({ COMMAND: 'sh check.sh' }), { files });
    expect(code).toBe(7);
    expect(output).toContain('tea');
  });
});
