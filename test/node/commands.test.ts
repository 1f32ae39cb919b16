// The commands as a user runs them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Files } from '../config/files.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');

async function run(args: readonly string[], input = '') {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

describe('cqlgate', () => {
  let files: Files;
  beforeAll(async () => {
    files = await Files.create();
  });
  afterAll(async () => files.remove());

  it('tells of its commands', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const name of [
      'serve',
      'check-config',
      'analyse',
      'policy',
      'provision',
      'token',
      'audit',
    ]) {
      expect(stdout).toContain(name);
      expect((await run([name, '--help'])).code).toBe(0);
    }
    expect((await run(['nonsense'])).code).not.toBe(0);
  });

  it('analyses lines', async () => {
    const lines = [
      JSON.stringify('UPDATE ks.t SET v = ks2.f(1) WHERE k = 1 IF EXISTS'),
      JSON.stringify('SELECT * FROM t -- \u2028\n'),
      'not json',
      JSON.stringify('SELEC'),
      JSON.stringify('SELECT * FROM "Ks"."t.u"'),
    ];
    const { code, stdout } = await run(
      ['analyse', '--lines', '--keyspace', 'cur'],
      lines.join('\n'),
    );
    expect(code).toBe(0);
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
    expect(answers).toEqual([
      {
        ok: true,
        kind: 'UPDATE',
        lwt: true,
        needs: ['MODIFY ON TABLE ks.t', 'SELECT ON TABLE ks.t', 'EXECUTE ON FUNCTION ks2.f'],
        tables: ['ks.t'],
        functions: ['ks2.f'],
        types: [],
      },
      expect.objectContaining({ ok: true, tables: ['cur.t'] }),
      { ok: false, reason: expect.any(String) as string },
      { ok: false, reason: expect.stringContaining('a CQL statement') as string },
      expect.objectContaining({ tables: ['"Ks"."t.u"'] }),
    ]);
  });

  it('checks a configuration', async () => {
    expect(await run(['check-config', '-c', files.config])).toMatchObject({ code: 0 });
    await files.write('policy.yaml', 'version: 1\nroles: {}\n');
    const { code, stdout } = await run(['check-config', '-c', files.config, '--json']);
    expect(code).toBe(1);
    expect((JSON.parse(stdout) as { problems: string[] }).problems[0]).toContain('bindings');
    expect((await run(['serve', '-c', files.config])).code).toBe(1);
    await rm(files.policy);
    expect((await run(['serve', '-c', files.config])).stderr).toContain('cannot be read');
  });

  it('explains the policy', async () => {
    const own = await Files.create();
    const explain = async (text: string, role = 'migrator') =>
      run(['policy', 'explain', '-c', own.config, '--role', role, text]);
    const permit = await explain('SELECT * FROM orders.t');
    expect(permit).toMatchObject({ code: 0 });
    expect(permit.stdout).toContain('SELECT ON TABLE orders.t: SELECT ON KEYSPACE orders');
    const deny = await explain('DROP TABLE orders.t');
    expect(deny).toMatchObject({ code: 1 });
    expect(deny.stdout).toContain('DROP ON TABLE orders.t: no grant');
    expect(await explain('SELECT 1', 'nobody')).toMatchObject({ code: 1 });
    await own.remove();
  });

  it('holds the policy against expectations', async () => {
    const own = await Files.create();
    const tests = path.join(own.dir, 'tests.yaml');
    const report = path.join(own.dir, 'report.xml');
    const test = async (claim: string) => {
      const token = `{issuer: pipelines, claims: {repositoryUuid: "{${claim}}"}}`;
      await own.write(
        'tests.yaml',
        `version: 1\ntokens: {job: ${token}}\ntests: [{name: reads, token: job, permit: [SELECT * FROM orders.t], deny: [TRUNCATE orders.t]}]\n`,
      );
      return run(['policy', 'test', tests, '-c', own.config, '--junit', report]);
    };
    expect(await test('2')).toMatchObject({ code: 0, stdout: '2 as expected, 0 not\n' });
    expect(await readFile(report, 'utf8')).toContain('tests="2" failures="0"');
    const failed = await test('3');
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain('reads: permit login\n  refused: No role is bound');
    expect(await readFile(report, 'utf8')).toContain('failures="1"');
    await own.remove();
  });

  it('says that there is nothing to verify', async () => {
    expect(await run(['audit', 'verify', files.dir])).toMatchObject({ code: 2 });
    expect((await run(['audit', 'verify', '/nowhere'])).code).toBe(3);
  });
});
