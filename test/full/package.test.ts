// The npm package as who has only that meets it: what is in it, and the README's lines in an empty
// directory, from `npm install` to a driver's query.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentOf } from '../docs/documents.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { driver } from '../support/clients.ts';
import { issuerRow, startIssuer, type LocalIssuer } from '../support/issuer.ts';
import { contactPoint, direct, failure, noNode } from '../support/nodes.ts';
import { npmEnvironment } from '../support/npm-environment.ts';
import { sbom } from '../support/write-sbom.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const README = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const project = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
};
const run = promisify(execFile);

/** The README's line that begins so, without its remark. */
function documented(beginning: string): string {
  const line = README.split('\n').find((one) => one.startsWith(beginning));
  if (line === undefined) throw new Error(`the README has no line ${beginning}`);
  return line.replace(/ +#.*$/, '');
}

let dir: string;
/** Empty but for the tarball, and for what its user does there. */
let user: string;
let tarball: string;
let packed: string[];

beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-package-'));
  const checkout = path.join(dir, 'checkout');
  const left = new Set(['node_modules', '.git', 'lib', 'coverage']);
  await cp(ROOT, checkout, { recursive: true, filter: (file) => !left.has(path.basename(file)) });
  await symlink(path.join(ROOT, 'node_modules'), path.join(checkout, 'node_modules'));
  // An older build's file, whose source is gone.
  await mkdir(path.join(checkout, 'dist/lib'));
  await writeFile(path.join(checkout, 'dist/lib/gone.js'), '');
  user = path.join(dir, 'user');
  await mkdir(user);
  const env = npmEnvironment();
  await run('sh', ['-c', `${documented('npm pack')} --pack-destination ../user`], {
    cwd: checkout,
    env,
  });
  tarball = path.join(user, (await readdir(user))[0]!);
  packed = (await run('tar', ['tzf', tarball])).stdout.trim().split('\n');
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('the package', () => {
  it('holds the gate built of src as it is now, its documents, and nothing else', async () => {
    const sources = await readdir(path.join(ROOT, 'src'), { recursive: true });
    const built = sources
      .filter((file) => /\.[jt]s$/.test(file) && !file.endsWith('.d.ts'))
      .map((file) => `dist/lib/${file.replace(/\.ts$/, '.js')}`)
      .flatMap((file) => [file, `${file}.map`]);
    const documents = (await readdir(path.join(ROOT, 'docs'))).map((file) => `docs/${file}`);
    const others = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'dist/main.js'];
    const expected = [...others, ...documents, ...built].map((file) => `package/${file}`);
    expect([...packed].sort()).toEqual(expected.sort());
  });

  it('points at no file outside of it', async () => {
    await run('tar', ['xzf', tarball], { cwd: dir });
    for (const file of packed.filter((one) => one.endsWith('.js'))) {
      const text = await readFile(path.join(dir, file), 'utf8');
      expect(text, file).not.toContain(dir);
      if (file !== 'package/dist/main.js') {
        const [, map] = /^\/\/# sourceMappingURL=(.*)$/m.exec(text)!;
        expect(packed, file).toContain(path.posix.join(path.posix.dirname(file), map!));
      }
      for (const [, imported] of text.matchAll(/from '(\.[^']+)'/g)) {
        expect(packed).toContain(path.posix.join(path.posix.dirname(file), imported!));
      }
    }
  });

  it('has the lines of the sources for debuggers and stack traces, in maps that need no other file', async () => {
    const maps = packed.filter((file) => file.endsWith('.js.map'));
    expect(maps.length).toBeGreaterThan(200);
    for (const file of maps) {
      const map = JSON.parse(await readFile(path.join(dir, file), 'utf8')) as {
        readonly sources: readonly string[];
        readonly sourcesContent: readonly string[];
      };
      expect(map.sources, file).toHaveLength(1);
      const source = path.posix.join(path.posix.dirname(file), map.sources[0]!);
      const text = await readFile(path.join(ROOT, source.replace(/^package\//, '')), 'utf8');
      expect(map.sourcesContent, file).toEqual([text]);
    }
  });

  it('has a semantic version, the newest of the changelog', async () => {
    const [, newest] = /^## (\S+)/m.exec(await readFile(path.join(ROOT, 'CHANGELOG.md'), 'utf8'))!;
    expect(project.version).toBe(newest);
    expect(project.version).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    expect(path.basename(tarball)).toBe(`cqlgate-${project.version}.tgz`);
  });

  it('has a bill of materials: each production dependency once, by release and hash', async () => {
    const lock = JSON.parse(await readFile(path.join(ROOT, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { version: string; dev?: boolean }>;
    };
    const expected = Object.entries(lock.packages)
      .filter(([name, { dev }]) => name !== '' && dev !== true)
      .map(([name, { version }]) => `${name.replace(/^.*node_modules\//, '')}@${version}`);
    const document = sbom(ROOT);
    expect(document).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: expect.stringMatching(/^1\.\d$/) as string,
      metadata: { component: { name: project.name, version: project.version } },
    });
    const listed = document.components.map(({ name, version }) => `${name}@${version}`);
    expect(listed.sort()).toEqual([...new Set(expected)].sort());
    const own = document.dependencies.find(({ ref }) => ref === `cqlgate@${project.version}`);
    const needs = own!.dependsOn.map((ref) => ref.replace(/@[^@]+$/, ''));
    expect(needs).toEqual(expect.arrayContaining(Object.keys(project.dependencies)));
    expect(needs).not.toContain('typescript');
    for (const { purl, hashes } of document.components) {
      expect(purl).toMatch(/^pkg:npm\//);
      expect(hashes?.[0], purl).toMatchObject({ alg: 'SHA-512' });
    }
  });
});

describe.skipIf(noNode)('in an empty directory, by the README alone', () => {
  let issuer: LocalIssuer;
  let authority: CertificateAuthority;
  const password = 'from the environment';
  const env = {
    ...npmEnvironment(),
    CI_ORDERS_PASSWORD: password,
    CQLGATE_ADMIN_PASSWORD: 'cassandra',
  };
  const shell = async (line: string): Promise<string> =>
    (await run('sh', ['-c', line], { cwd: user, env })).stdout;

  beforeAll(async () => {
    issuer = await startIssuer();
    authority = new CertificateAuthority();
    const superuser = await direct();
    const replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
    // The cluster that the README's policy speaks of.
    for (const keyspace of ['orders', 'shared']) {
      await superuser.execute(`CREATE KEYSPACE ${keyspace} WITH replication = ${replication}`);
    }
    await superuser.execute('CREATE TABLE shared.countries (code text PRIMARY KEY, name text)');
    await superuser.execute("INSERT INTO shared.countries (code, name) VALUES ('ch', 'Suisse')");
    await superuser.shutdown();
  });

  afterAll(async () => {
    await issuer?.close();
    authority?.remove();
    const superuser = await direct();
    for (const what of ['KEYSPACE IF EXISTS orders', 'KEYSPACE IF EXISTS shared']) {
      await superuser.execute(`DROP ${what}`);
    }
    await superuser.execute('DROP ROLE IF EXISTS ci_orders');
    await superuser.shutdown();
  });

  /** A section of the quick start in an empty directory: its files, and all its lines, as they stand there. */
  async function quickStart(heading: string, port: number, token: string): Promise<string> {
    const job = path.join(dir, 'job');
    await mkdir(job);
    await writeFile(path.join(job, 'ca.crt'), authority.pem);
    const blocks = documentOf('docs/QUICKSTART.md').blocks.filter((one) => one.heading === heading);
    for (const { remark, text } of blocks.filter((one) => one.remark?.key === 'file')) {
      await writeFile(path.join(job, remark!.value), text);
    }
    const lines = blocks.filter(({ language }) => language === 'sh').map(({ text }) => text);
    const where = { DB_HOST: 'localhost', DB_PORT: String(port) };
    const who = { DB_ROLE: 'orders-migrator', DB_TOKEN: token };
    const options = { cwd: job, env: { ...npmEnvironment(), ...where, ...who } };
    return (await run('sh', ['-euc', lines.join('')], options)).stdout;
  }

  it('is installed, with one command', async () => {
    await shell(documented('npm install ./cqlgate-'));
    expect(await shell('npx cqlgate --version')).toBe(`${project.version}\n`);
    expect(await shell('npx cqlgate --help')).toMatch(/^ {2}serve .*\n[^]*^ {2}check-config /m);
  });

  it('checks the configuration of the README, set to this cluster and issuer', async () => {
    const [config, policy] = [...README.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!);
    const { advertise, ...asWritten } = parse(config!) as Record<string, unknown>;
    expect(advertise).toBeDefined();
    const [written] = asWritten['issuers'] as object[];
    const { issuer: url, jwksUri } = issuerRow(issuer);
    const { cert, key } = authority.issue();
    await writeFile(path.join(user, 'tls.crt'), cert);
    await writeFile(path.join(user, 'tls.key'), key);
    const here = {
      ...asWritten,
      listen: { host: '127.0.0.1', port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } },
      cluster: { contactPoints: [contactPoint] },
      issuers: [{ ...written, issuer: url, jwksUri }],
    };
    await writeFile(path.join(user, 'cqlgate.yaml'), stringify(here));
    await writeFile(path.join(user, 'policy.yaml'), policy!);
    const report = await shell(documented('npx cqlgate check-config'));
    expect(report).toContain('the configuration is valid');
    // Its install script is the user's to allow; JavaScript does the same without.
    expect(report).toMatch(/lz4 \((native|javascript)\)/);
    await shell(`${documented('npx cqlgate provision')} --username cassandra --apply`);
  });

  it('serves: a driver migrates and reads, is refused what the policy denies, and the quick start works', async () => {
    // A group of its own, as in a terminal, whose Ctrl-C goes to all of it.
    const gate = spawn('sh', ['-c', documented('npx cqlgate serve')], {
      cwd: user,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const port = await new Promise<number>((resolve, reject) => {
        const output: string[] = [];
        createInterface({ input: gate.stdout }).on('line', (line) => {
          output.push(line);
          const found = /listening on [^ "]*:(\d+)/.exec(line)?.[1];
          if (found !== undefined) resolve(Number(found));
        });
        gate.once('exit', (code) => reject(new Error(`ended with ${code}: ${output.join('\n')}`)));
      });
      const token = issuer.mint({
        deploymentEnvironmentUuid: '{f0e1a2b3-0c4d-4e5f-8a9b-1c2d3e4f5a6b}',
      });
      const sslOptions = { ca: [authority.pem], rejectUnauthorized: true };
      const client = driver(port, 'orders-migrator', token, { sslOptions });
      await client.connect();
      await client.execute('CREATE TABLE orders.items (id int PRIMARY KEY, name text)');
      const insert = 'INSERT INTO orders.items (id, name) VALUES (?, ?)';
      await client.execute(insert, [1, 'first'], { prepare: true });
      const items = await client.execute('SELECT name FROM orders.items WHERE id = 1');
      expect(items.rows[0]?.['name']).toBe('first');
      const countries = await client.execute('SELECT name FROM shared.countries');
      expect(countries.rows[0]?.['name']).toBe('Suisse');
      const refused = await failure(client.execute('TRUNCATE orders.items'));
      expect(refused.message).toContain('TRUNCATE');
      await client.shutdown();
      expect(await quickStart('Node', port, token)).toMatch(/^node$/m);
      process.kill(-gate.pid!, 'SIGINT');
      await once(gate, 'exit');
    } finally {
      if (gate.exitCode === null && gate.signalCode === null) process.kill(-gate.pid!, 'SIGKILL');
    }
    expect(await shell(documented('npx cqlgate audit verify'))).toMatch(/^intact: /m);
    const ledger = (await readdir(path.join(user, 'audit'))).filter((name) => /jsonl$/.test(name));
    const records = await readFile(path.join(user, 'audit', ledger[0]!), 'utf8');
    expect(records).toContain('CREATE TABLE orders.items');
  });
});
