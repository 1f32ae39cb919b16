// The image that the Dockerfile describes, built and run without a container engine (test/support/image).
import { readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { once } from 'node:events';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, start, missingForContainers, type Volume } from '../support/image/container.ts';
import { buildImage, contextFiles, type Image } from '../support/image/stages.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, noNode, through } from '../support/nodes.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const REVISION = '0123456789abcdef0123456789abcdef01234567';

interface Package {
  readonly version: string;
  readonly license: string;
}
interface Lock {
  readonly packages: Readonly<Record<string, { dev?: boolean; optional?: boolean }>>;
}
const json = (file: string): unknown => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8'));

const missing = missingForContainers();
if (missing !== null && process.env['CI'] === 'true') throw new Error(missing);

describe.skipIf(noNode || missing !== null)('the image', () => {
  let dir: string;
  let image: Image;
  let files: string[];

  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-image-'));
    image = await buildImage(ROOT, dir, { REVISION });
    files = await readdir(image.root, { recursive: true });
  });

  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  it('holds the production dependencies, all of them and no other', () => {
    const { packages } = json('package-lock.json') as Lock;
    const found = files
      .filter((file) => /node_modules\/(@[^/]+\/)?[^/@.][^/]*\/package\.json$/.test(file))
      .map((file) => file.slice('app/'.length, -'/package.json'.length));
    const locked = Object.entries(packages).filter(([name]) => name !== '');
    const needed = locked.filter(([, { dev, optional }]) => !dev && !optional);
    expect(found).toEqual(expect.arrayContaining(needed.map(([name]) => name)));
    const allowed = new Set(locked.filter(([, { dev }]) => dev !== true).map(([name]) => name));
    expect(found.filter((name) => !allowed.has(name))).toEqual([]);
  });

  it('holds the compiled gate and nothing else of the project', async () => {
    expect((await readdir(path.join(image.root, 'app'))).sort()).toEqual([
      'LICENSE',
      'dist',
      'node_modules',
      'package.json',
    ]);
    const own = files.filter((file) => file.startsWith('app/dist/'));
    expect(own).toContain('app/dist/lib/main.js');
    // Maps name the sources in stack traces, where Node is asked to read them.
    expect(own.filter((file) => !/(\.js|\.js\.map|\/[^.]+)$/.test(file))).toEqual([]);
  });

  it('is built of nothing but what .dockerignore lets in', async () => {
    const sent = await contextFiles(ROOT);
    const tops = new Set(sent.map((file) => (file.startsWith('src/') ? 'src' : file)));
    expect([...tops].sort()).toEqual([
      '.npmrc',
      'LICENSE',
      'dist/main.js',
      'package-lock.json',
      'package.json',
      'src',
      'tsconfig.build.json',
      'tsconfig.json',
    ]);
  });

  it('has one program, and no shell among its files', async () => {
    const programs: string[] = [];
    for (const file of files.filter((one) => !one.startsWith('app/') && !/\.so\b/.test(one))) {
      const { mode } = await stat(path.join(image.root, file));
      if ((mode & 0o170111) > 0o100000) programs.push(file);
    }
    expect(programs).toEqual(['nodejs/bin/node']);
    for (const command of [image.entrypoint, image.healthcheck]) {
      expect(command[0]).toBe('/nodejs/bin/node');
    }
  });

  it('says what it is', () => {
    const { version, license } = json('package.json') as Package;
    expect(image.labels).toMatchObject({
      'org.opencontainers.image.title': 'cqlgate',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': license,
      'org.opencontainers.image.revision': REVISION,
    });
  });

  it('runs as a numeric user without rights, on a root that nobody can write', async () => {
    expect(image.user).toMatch(/^[1-9]\d+:[1-9]\d+$/);
    const probe = `
      const refused = (file) => { try { fs.writeFileSync(file, ''); return 'written'; } catch (e) { return e.code; } };
      const files = ['/x', '/tmp/x', '/app/dist/main.js', '/etc/cqlgate/x'];
      console.log(JSON.stringify([process.getuid(), ...new Set(files.map(refused))]));`;
    const { output } = await run({ image }, [image.entrypoint[0]!, '-e', probe]);
    const uid = process.getuid!() === 0 ? Number(image.user.split(':')[0]) : 0;
    expect(JSON.parse(output)).toEqual([uid, 'EROFS']);
  });

  describe('before a real Cassandra', () => {
    let gate: TestGate;
    let volumes: Volume[];

    beforeAll(async () => {
      gate = await TestGate.prepare({
        contactPoint,
        roles: { reader: { grants: ['SELECT ON KEYSPACE system'] } },
        config: { audit: { dir: '/var/lib/cqlgate' }, admin: { port: 0 } },
      });
      // As a ConfigMap is mounted; and a volume as an engine makes it: with the owner that its place
      // in the image has.
      await chmod(gate.dir, 0o755);
      const ledger = path.join(gate.dir, 'audit');
      await mkdir(ledger);
      const { uid, gid } = await stat(path.join(image.root, image.volumes[0]!));
      await chown(ledger, uid, gid);
      volumes = [
        { source: gate.dir, target: '/etc/cqlgate', readOnly: true },
        { source: ledger, target: image.volumes[0]!, readOnly: false },
      ];
    });

    afterAll(async () => {
      await gate?.close();
    });

    it('finds its configuration, and LZ4 and Snappy native', async () => {
      const { code, output } = await run({ image, volumes, env: { GATE_PASSWORD: 'cassandra' } }, [
        ...image.entrypoint,
        'check-config',
      ]);
      expect(output).toContain('compression: snappy (native), lz4 (native)');
      expect(output).toContain('the configuration is valid');
      expect(code).toBe(0);
    });

    it('serves a query, is healthy while it runs, and ends with 0 at SIGTERM', async () => {
      const child = start({ image, volumes, env: { GATE_PASSWORD: 'cassandra' } }, [
        ...image.entrypoint,
        ...image.command,
      ]);
      try {
        const output: string[] = [];
        child.stderr!.on('data', (chunk: Buffer) => output.push(chunk.toString()));
        const lines = createInterface({ input: child.stdout! });
        const ports = await new Promise<Record<string, string>>((resolve, reject) => {
          const found: Record<string, string> = {};
          lines.on('line', (line) => {
            output.push(line);
            const [, what, port] = /(listening|admin port) on [^ "]*:(\d+)/.exec(line) ?? [];
            if (what !== undefined) found[what] = port!;
            if (Object.keys(found).length === 2) resolve(found);
          });
          child.once('exit', (code) =>
            reject(new Error(`ended with ${code}: ${output.join('\n')}`)),
          );
        });
        gate.port = Number(ports['listening']);
        const client = await through(gate, 'reader');
        const { rows } = await client.execute('SELECT cluster_name FROM system.local');
        expect(rows[0]?.['cluster_name']).toBeTypeOf('string');
        await client.shutdown();

        const health = `http://127.0.0.1:${ports['admin port']!}/healthz`;
        expect(image.env['CQLGATE_HEALTH_URL']).toBe('http://127.0.0.1:9180/healthz');
        const env = { CQLGATE_HEALTH_URL: health };
        expect(await run({ image, env }, image.healthcheck)).toEqual({ code: 0, output: '' });
        // What another path of the same port answers is not health.
        const elsewhere = { CQLGATE_HEALTH_URL: health.replace('healthz', 'nothing') };
        expect(await run({ image, env: elsewhere }, image.healthcheck)).toMatchObject({
          code: 1,
          output: expect.stringContaining('answered 404') as string,
        });

        child.kill('SIGTERM');
        expect(await once(child, 'exit')).toEqual([0, null]);
        const { code } = await run({ image, env }, image.healthcheck);
        expect(code).toBe(1);
        expect(await gate.ledgerText()).toContain('"kind":"session_start"');
      } finally {
        child.kill('SIGKILL');
      }
    });

    it('keeps the ledger on the volume, owned by its user', async () => {
      const owner = image.user.split(':').map(Number);
      for (const file of await readdir(path.join(gate.dir, 'audit'))) {
        const { uid } = await stat(path.join(gate.dir, 'audit', file));
        expect(uid, file).toBe(process.getuid!() === 0 ? owner[0] : process.getuid!());
      }
    });
  });
});
