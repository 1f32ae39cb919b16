// The pipe beside its image: what it says of itself is one thing in all places, and it says what is missing.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PIPE = path.join(ROOT, 'pipe');
const read = (name: string): string => readFileSync(path.join(ROOT, name), 'utf8');

interface Metadata {
  readonly name: string;
  readonly image: string;
  readonly description: string;
  readonly repository: string;
  readonly maintainer: { readonly name: string };
  readonly variables: readonly { readonly name: string; readonly default?: string }[];
}

const metadata = parse(read('pipe/pipe.yml')) as Metadata;
const script = read('pipe/pipe.sh');

describe('pipe.yml', () => {
  it('has what Bitbucket shows of a pipe, and an image of this release', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(metadata).toMatchObject({
      name: 'cqlgate',
      description: expect.any(String) as string,
      repository: expect.stringMatching(/^https:/) as string,
      maintainer: { name: expect.any(String) as string },
    });
    expect(metadata.image).toMatch(new RegExp(`:${version.replaceAll('.', '\\.')}$`));
    expect(read('pipe/README.md')).toContain(`docker://${metadata.image}`);
    expect(read('pipe/Dockerfile')).toContain(`GATE_IMAGE=cqlgate:${version}\n`);
  });

  it('has the variables of the README and of the script, with their defaults', () => {
    const rows = [
      ...read('pipe/README.md').matchAll(/^\| `([A-Z_]+)`( \*)? \| (?:`(.+?)`)? ?\|/gm),
    ];
    expect(
      rows.map(([, name, isRequired, byDefault]) => [name, isRequired, byDefault ?? '']),
    ).toEqual(
      metadata.variables.map((one) => [
        one.name,
        one.default === undefined ? ' *' : undefined,
        one.default ?? '',
      ]),
    );
    for (const { name, default: byDefault } of metadata.variables) {
      expect(script).toContain(`\${${name}:`);
      if (byDefault) expect(script).toContain(byDefault);
    }
  });
});

describe('the entry of the pipe', () => {
  let dir: string;
  beforeAll(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'cqlgate-pipe-'));
    mkdirSync(path.join(dir, 'bin'));
    mkdirSync(path.join(dir, 'migrations'));
    // Shows what would be started.
    const shows = '#!/bin/sh\nfor one in "$@"; do echo "[$one]"; done\n';
    writeFileSync(path.join(dir, 'bin/cqlgate'), shows);
    chmodSync(path.join(dir, 'bin/cqlgate'), 0o755);
    for (const name of ['10.cql', '1.cql', 'b c.cql', 'B.cql', '$(touch x).cql']) {
      writeFileSync(path.join(dir, 'migrations', name), '');
    }
  });
  afterAll(() => rmSync(dir, { recursive: true }));

  function run(env: Readonly<Record<string, string>>) {
    const { status, stdout, stderr } = spawnSync(path.join(PIPE, 'pipe.sh'), [], {
      cwd: dir,
      env: { PATH: `${dir}/bin:${process.env['PATH'] ?? ''}`, ...env },
      encoding: 'utf8',
    });
    return { status, args: [...stdout.matchAll(/^\[(.*)\]$/gm)].map(([, one]) => one!), stderr };
  }
  const login = { GATE: 'gate:9042', ROLE: 'migrator' };
  const behind = (args: readonly string[]): readonly string[] => args.slice(args.indexOf('--') + 1);
  const files = (env: Readonly<Record<string, string>>) =>
    behind(run({ ...login, ...env }).args).slice(2);

  it.each([
    [{ ROLE: 'x' }, /GATE is missing/],
    [{ GATE: 'x:1' }, /ROLE is missing/],
    [{ ...login, FILES: 'nothing/*.cql' }, /nothing is called nothing\/\*\.cql/],
    [{ ...login, FILES: 'migrations/1.cql seeds/*.cql' }, /nothing is called seeds\/\*\.cql/],
  ])('says what is missing: %j', (env, message) => {
    const { status, args, stderr } = run(env);
    expect([status, args]).toEqual([1, []]);
    expect(stderr).toMatch(message);
  });

  it('runs files in the order of patterns and names, whatever the names are', () => {
    const sorted = ['$(touch x).cql', '1.cql', '10.cql', 'B.cql', 'b c.cql'];
    expect(files({})).toEqual(sorted.map((name) => `migrations/${name}`));
    expect(files({ FILES: 'migrations/B.cql migrations/1*.cql' })).toEqual(
      ['B.cql', '1.cql', '10.cql'].map((name) => `migrations/${name}`),
    );
    expect(
      files({ FILES_COUNT: '2', FILES_0: 'migrations/b c.cql', FILES_1: 'migrations/1.cql' }),
    ).toEqual(['b c.cql', '1.cql'].map((name) => `migrations/${name}`));
  });

  it('runs a command in place of files: a text by a shell, a list as it is', () => {
    const all = { ...login, COMMAND: 'a "b c" && d' };
    expect(behind(run(all).args)).toEqual(['bash', '-ec', 'a "b c" && d']);
    const list = { COMMAND_COUNT: '2', COMMAND_0: 'a', COMMAND_1: '$(b) c' };
    expect(behind(run({ ...login, ...list }).args)).toEqual(['a', '$(b) c']);
  });

  it('passes on where the gate is and how it is known', () => {
    const sidecar = ['sidecar', '--gate', 'gate:9042', '--role', 'migrator', '--listen'];
    expect(run(login).args.slice(0, 8)).toEqual([...sidecar, '127.0.0.1:9042', '--']);
    const options = { CA_FILE: 'a ca.pem', SERVER_NAME: 'gate.example', LISTEN: '127.0.0.1:1' };
    expect(run({ ...login, ...options }).args.slice(0, 12)).toEqual([
      ...sidecar,
      '127.0.0.1:1',
      '--ca',
      'a ca.pem',
      '--server-name',
      'gate.example',
      '--',
    ]);
  });
});
