// Secrets of this machine: whole or not at all, however the file changes, and never told.
import { mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { wallMs } from '../../src/clock.ts';
import { SECRETS } from '../../src/limits/services.ts';
import { localReader, readLocal } from '../../src/secrets/local.ts';
import type { LocalSecretSpec, LoginSpec } from '../../src/secrets/upstream-login.ts';
import { Logins, unresolvedSecrets } from '../../src/secrets/logins.ts';

let dir: string;
let logins: Logins | null = null;
const events: string[] = [];

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-secrets-'));
  events.length = 0;
});

afterEach(async () => {
  await logins?.close();
  logins = null;
  await rm(dir, { recursive: true, force: true });
});

const write = async (name: string, content: string) => writeFile(path.join(dir, name), content);

async function started(spec: LoginSpec, maxSecretAgeMs = 86_400_000): Promise<() => string> {
  const made = await Logins.create({
    specs: { ci: spec },
    vault: undefined,
    base: dir,
    maxSecretAgeMs,
    listener: {
      changed: (name) => events.push(`changed ${name}`),
      failed: (name, fault) => events.push(`failed ${name}: ${fault.message}`),
      vaultFailed: () => undefined,
    },
  });
  logins = made;
  await made.start();
  return () => {
    const login = made.sources.get('ci')!.current();
    return login.open ? 'open' : login.password;
  };
}

const FILE: LoginSpec = { username: 'ci', password: { file: 'secret' } };

describe('a secret in a file', () => {
  it('is read without its line end, and again when it was written in place', async () => {
    await write('secret', 'first\r\n');
    const password = await started(FILE);
    expect(password()).toBe('first');
    await write('secret', ' second \n');
    await expect.poll(password, { timeout: 5_000 }).toBe(' second ');
    expect(events).toEqual(['changed ci', 'changed ci']);
  });

  it('is taken when a symlink was swapped, as volumes of Kubernetes do', async () => {
    for (const version of ['v1', 'v2']) {
      await mkdir(path.join(dir, version));
      await write(`${version}/secret`, version);
    }
    await symlink('v1', path.join(dir, 'data'));
    const password = await started({ username: 'ci', password: { file: 'data/secret' } });
    await symlink('v2', path.join(dir, 'data.new'));
    await rename(path.join(dir, 'data.new'), path.join(dir, 'data'));
    await expect.poll(password, { timeout: 5_000 }).toBe('v2');
  });

  it('is never taken while it is being written', async () => {
    await write('secret', 'first');
    const password = await started(FILE);
    const seen = new Set<string>();
    for (let length = 1; length <= 40; length++) {
      await write('secret', 'x'.repeat(length));
      await new Promise((resolve) => setTimeout(resolve, 50));
      seen.add(password());
    }
    await expect.poll(password, { timeout: 5_000 }).toBe('x'.repeat(40));
    expect([...seen]).toEqual(['first']);
  });

  it('serves on while the file is gone or empty, and that is told once', async () => {
    await write('secret', 'first');
    const password = await started(FILE);
    await write('secret', '');
    await expect.poll(() => events.length, { timeout: 5_000 }).toBe(2);
    await rm(path.join(dir, 'secret'));
    await expect.poll(() => events.length, { timeout: 10_000 }).toBe(3);
    expect(events[1]).toContain('secret is empty');
    expect(events[2]).toContain('secret cannot be read (ENOENT)');
    expect(logins!.warnings(wallMs()).join()).toContain('cannot be read');
    expect(password()).toBe('first');
    await write('secret', 'second');
    await expect.poll(password, { timeout: 10_000 }).toBe('second');
    expect(logins!.warnings(wallMs())).toEqual([]);
  });

  it('is taken at once where the cluster refused the one before, but not ever again', async () => {
    await write('secret', 'first');
    await started(FILE);
    const source = logins!.sources.get('ci')!;
    const before = source.current();
    expect(await source.refresh()).toBe(before);
    await write('secret', 'second');
    // The cool-down: a refused login can't make the gate read, or lease, without end.
    expect(await source.refresh()).toBe(before);
  });

  it('is as old as the file, and too old a one is told', async () => {
    await write('secret', 'first');
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    await utimes(path.join(dir, 'secret'), twoDaysAgo, twoDaysAgo);
    await started(FILE);
    const [[name, ageMs]] = logins!.ages(wallMs()) as [[string, number]];
    expect(name).toBe('ci');
    expect(ageMs / 86_400_000).toBeCloseTo(2, 2);
    expect(logins!.warnings(wallMs())).toEqual([
      'the secret of Cassandra role ci is 48 h old; rotate it (maxSecretAge)',
    ]);
  });

  it('is refused where it can be none', async () => {
    await write('big', 'x'.repeat(SECRETS.fileBytes + 1));
    await mkdir(path.join(dir, 'folder'));
    await expect(readLocal({ file: 'big' }, dir)).rejects.toThrow('it is no secret');
    await expect(readLocal({ file: 'folder' }, dir)).rejects.toThrow('cannot be read (EISDIR)');
    await write('most', 'x'.repeat(SECRETS.fileBytes));
    expect((await readLocal({ file: 'most' }, dir)).value).toHaveLength(SECRETS.fileBytes);
  });

  it('is looked at again each time its interval is over, and a variable never', async () => {
    await write('secret', 'first');
    const again = async (spec: LocalSecretSpec) =>
      (await localReader('ci', spec, dir).read('due')).againInMs;
    expect(await again({ file: 'secret' })).toBe(SECRETS.filePollMs);
    process.env['SECRET_OF_A_TEST'] = 'x';
    expect(await again({ env: 'SECRET_OF_A_TEST' })).toBeNull();
    delete process.env['SECRET_OF_A_TEST'];
  });
});

describe('a secret in the environment', () => {
  it('is as old as the process', async () => {
    process.env['SECRET_OF_A_TEST'] = 'from outside';
    const password = await started({ username: 'ci', password: { env: 'SECRET_OF_A_TEST' } });
    expect(password()).toBe('from outside');
    expect(logins!.ages(wallMs())[0]![1] / 1000).toBeCloseTo(process.uptime(), 0);
    delete process.env['SECRET_OF_A_TEST'];
  });
});

describe('at start', () => {
  it('names all secrets that are not there', async () => {
    const made = await Logins.create({
      specs: {
        a: FILE,
        b: { username: 'b', password: { env: 'NOT_SET_HERE' } },
        c: { open: true },
      },
      vault: undefined,
      base: dir,
      maxSecretAgeMs: 1,
      listener: { changed: () => undefined, failed: () => undefined, vaultFailed: () => undefined },
    });
    await expect(made.start()).rejects.toMatchObject({
      problems: [
        'the secret of Cassandra role a: secret cannot be read (ENOENT); check the path and its permissions',
        'the secret of Cassandra role b: the environment variable NOT_SET_HERE is not set',
      ],
    });
    await made.close();
  });

  it.each([
    ['secret\n', 'secret'],
    ['secret\r\n', 'secret'],
    ['secret\n\n', 'secret\n'],
    [' secret ', ' secret '],
    ['two\nlines', 'two\nlines'],
  ])('%j is %j, in a file and in a variable', async (text, value) => {
    await write('secret', text);
    process.env['SECRET_WITH_LINE_END'] = text;
    expect((await readLocal({ file: 'secret' }, dir)).value).toBe(value);
    expect((await readLocal({ env: 'SECRET_WITH_LINE_END' }, dir)).value).toBe(value);
  });

  it('is none where there is only a line end', async () => {
    process.env['SECRET_WITH_LINE_END'] = '\n';
    await expect(readLocal({ env: 'SECRET_WITH_LINE_END' }, dir)).rejects.toThrow(
      'SECRET_WITH_LINE_END is empty but for a line end',
    );
  });

  it('is checked before without asking Vault', async () => {
    const found = await unresolvedSecrets(
      { a: FILE, b: { vault: { path: 'database/creds/b' } }, c: { open: true } },
      dir,
    );
    expect(found.problems).toHaveLength(1);
    expect(found.problems[0]).toContain('cassandraRoles.a.password: secret cannot be read');
    expect(found.notChecked).toHaveLength(1);
    expect(found.notChecked[0]).toContain('cassandraRoles.b');
  });
});
