// Secrets that every user of the machine may read are told of, and those of a group are not.
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/commands/check-config.ts';
import { exposedSecrets, exposure } from '../../src/config/exposed-files.ts';
import { CONFIG, Files } from './files.ts';

let files: Files;

beforeEach(async () => {
  files = await Files.create();
});

afterEach(async () => files.remove());

async function put(name: string, mode: number): Promise<string> {
  const file = path.join(files.dir, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, 'secret');
  await chmod(file, mode);
  return file;
}

describe.skipIf(process.platform === 'win32')('a file with a secret', () => {
  it.each([
    [0o600, null],
    [0o400, null],
    [0o440, null],
    [0o660, null],
    [0o644, /can be read by every user .*mode 0644/],
    [0o444, /can be read by/],
    [0o604, /can be read by/],
    [0o602, /can be changed by/],
    [0o666, /can be read and changed by/],
  ])('of mode %o', async (mode, warning) => {
    const said = await exposure('x', await put('secret', mode));
    if (warning === null) expect(said).toBeNull();
    else expect(said).toMatch(warning);
    expect(said ?? '').not.toContain('secret is');
  });

  it('is looked at behind the links by which Kubernetes projects it', async () => {
    await put('..data_1/token', 0o644);
    await symlink('..data_1', path.join(files.dir, '..data'));
    await symlink('..data/token', path.join(files.dir, 'token'));
    expect(await exposure('x', path.join(files.dir, 'token'))).toMatch(/mode 0644/);
    await put('..data_1/token', 0o440);
    expect(await exposure('x', path.join(files.dir, 'token'))).toBeNull();
  });

  it('is found wherever the configuration names one', async () => {
    for (const name of ['p', 'k1', 'k2', 'k3', 't1', 't2', 't3', 'b']) await put(name, 0o644);
    const config = {
      listen: { tls: { cert: 'p', key: 'k1' } },
      cluster: { tls: { key: 'k2' } },
      cassandraRoles: {
        a: { username: 'a', password: { file: 'p' } },
        b: { certificate: { cert: 'p', key: 'k3' } },
        c: { password: { env: 'p' } },
      },
      vault: { auth: { approle: { secretId: { file: 't1' } }, kubernetes: { tokenFile: 't2' } } },
      bitbucket: { token: { file: 'b' } },
    };
    const told = await exposedSecrets(config, files.dir);
    expect(told.map((one) => one.split(': ')[0])).toEqual([
      'listen.tls.key',
      'cluster.tls.key',
      'cassandraRoles.a.password.file',
      'cassandraRoles.b.certificate.key',
      'vault.auth.approle.secretId.file',
      'vault.auth.kubernetes.tokenFile',
      'bitbucket.token.file',
    ]);
  });

  it('is told of by check-config, and by nothing where it is missing', async () => {
    const file = await put('password', 0o644);
    await files.write(
      'cqlgate.yaml',
      CONFIG.replace(/password: \{[^}]*\}/, `password: {file: ${file}}`),
    );
    const { problems, warnings } = await checkConfig(files.config);
    expect(problems).toEqual([]);
    expect(warnings.join('\n')).toMatch(/password\.file: .* can be read by every user/);
    expect(await exposure('x', path.join(files.dir, 'no-such-file'))).toBeNull();
  });
});
