// A certificate as a login: taken with its key, renewed in place, never by half.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wallMs } from '../../src/clock.ts';
import { Logins, unresolvedSecrets } from '../../src/secrets/logins.ts';
import { CertificateAuthority, type Issued } from '../support/certificates.ts';

const SPEC = { username: 'ci', certificate: { cert: 'own.crt', key: 'own.key' } };
let authority: CertificateAuthority;
let dir: string;

beforeAll(async () => {
  authority = new CertificateAuthority();
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-certificate-'));
});
afterAll(async () => {
  authority.remove();
  await rm(dir, { recursive: true });
});

const put = async ({ cert, key }: Partial<Issued>): Promise<void> => {
  if (cert !== undefined) await writeFile(path.join(dir, 'own.crt'), cert);
  if (key !== undefined) await writeFile(path.join(dir, 'own.key'), key);
};

it('is one login until it is renewed, and then another', async () => {
  const [first, second] = [authority.issue(), authority.issue()];
  await put(first);
  const failures: string[] = [];
  const logins = await Logins.create({
    specs: { ci: SPEC },
    vault: undefined,
    base: dir,
    maxSecretAgeMs: 1,
    listener: {
      changed: () => undefined,
      failed: (_name, fault) => failures.push(fault.message),
      vaultFailed: () => undefined,
    },
  });
  await logins.start();
  const source = logins.sources.get('ci')!;
  const login = source.current();
  expect(login).toMatchObject({ username: 'ci', password: '', certificate: first });
  expect(logins.warnings(wallMs())).toEqual([]);
  await put({ cert: second.cert });
  await expect.poll(() => failures.length, { timeout: 5_000 }).toBe(1);
  expect(failures[0]).toContain('is not the key of');
  expect(failures[0]).not.toContain('BEGIN');
  expect(source.current()).toBe(login);
  await put({ key: second.key });
  await expect.poll(() => source.current(), { timeout: 5_000 }).not.toBe(login);
  expect(source.current()).toMatchObject({ certificate: second });
  await logins.close();
});

it('is checked with the configuration', async () => {
  await put({ cert: 'none' });
  const { problems } = await unresolvedSecrets({ ci: SPEC }, dir);
  expect(problems).toEqual([expect.stringContaining('own.crt holds no PEM certificate')]);
});
