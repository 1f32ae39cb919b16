// Certificate files: what is wrong with them is said before they are used, and a change is taken only
// when it is whole.
import { mkdtemp, rm, symlink, rename, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { later, wallMs } from '../../src/clock.ts';
import { CERTIFICATES } from '../../src/limits/services.ts';
import {
  areCertificates,
  CertificateWatcher,
  expiryWarning,
  readCertificates,
  type Certificates,
} from '../../src/tls/certificates.ts';
import { CertificateAuthority } from '../support/certificates.ts';

let authority: CertificateAuthority;
let dir: string;

beforeAll(async () => {
  authority = new CertificateAuthority();
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-tls-'));
});
afterAll(async () => {
  authority.remove();
  await rm(dir, { recursive: true });
});

const file = async (name: string, content: string): Promise<string> => {
  await writeFile(path.join(dir, name), content);
  return path.join(dir, name);
};

async function read(cert: string, key: string, ca?: string) {
  const files = { cert: await file('cert', cert), key: await file('key', key) };
  return readCertificates(ca === undefined ? files : { ...files, ca: await file('ca', ca) });
}

describe('certificates', () => {
  it('are taken with their key and CA', async () => {
    const { cert, key } = authority.issue();
    const found = await read(cert, key, authority.pem);
    expect(areCertificates(found) && found.expiresAtMs! > wallMs()).toBe(true);
    expect(found).toMatchObject({ cert, key, ca: authority.pem });
  });

  it.each([
    ['of another key', () => [authority.issue().cert, authority.issue().key], /is not the key of/],
    ['that are none', () => ['nonsense', authority.issue().key], /holds no PEM certificate/],
    ['with a key that is none', () => [authority.issue().cert, 'x'], /holds no PEM key/],
    [
      'that expired',
      () => {
        const issued = authority.issue({ validity: ['20200101000000Z', '20200102000000Z'] });
        return [issued.cert, issued.key];
      },
      /expired on 2020-01-02/,
    ],
  ] as const)('%s are a problem', async (_name, make, text) => {
    const [cert, key] = make();
    const found = await read(cert!, key!);
    expect(areCertificates(found) ? [] : found.problems).toEqual([expect.stringMatching(text)]);
    expect(JSON.stringify(found)).not.toContain('PRIVATE KEY');
  });

  it('with a broken intermediate behind them are a problem, which OpenSSL alone sees', async () => {
    const { cert, key } = authority.issue();
    const block = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const found = await read(`${cert}${block}`, key);
    expect(areCertificates(found) ? [] : found.problems).toEqual([
      expect.stringMatching(/can't be used for TLS/),
    ]);
  });

  it('that are not there are a problem each', async () => {
    const found = await readCertificates({ cert: '/no/cert', key: '/no/key', ca: '/no/ca' });
    expect(found).toEqual({
      problems: ['/no/cert', '/no/key', '/no/ca'].map((name) => `${name} cannot be read`),
    });
  });

  it('that end soon are warned of', async () => {
    const { cert, key } = authority.issue();
    const found = (await read(cert, key)) as Certificates;
    expect(expiryWarning(found, 'listen.tls')).toMatch(
      /listen\.tls: the certificate ends in 0 days/,
    );
    expect(expiryWarning({ ...found, expiresAtMs: null }, 'x')).toBeNull();
    expect(expiryWarning(found, 'x', later(wallMs(), -20 * 86_400_000))).toBeNull();
    const warnedFrom = later(found.expiresAtMs!, -CERTIFICATES.warnMs);
    expect(expiryWarning(found, 'x', later(warnedFrom, -1))).toBeNull();
    expect(expiryWarning(found, 'x', warnedFrom)).toContain(
      `ends in ${CERTIFICATES.warnMs / 86_400_000} days`,
    );
  });

  it('are no larger than a file of them may be', async () => {
    const { cert, key } = authority.issue();
    const padded = (bytes: number) => `${cert}\n${'#'.repeat(bytes - cert.length - 2)}\n`;
    expect(areCertificates(await read(padded(CERTIFICATES.fileBytes), key))).toBe(true);
    const larger = await read(padded(CERTIFICATES.fileBytes + 1), key);
    expect('problems' in larger && larger.problems[0]).toMatch(/cert cannot be read$/);
  });

  it('are looked at each time the interval is over', async () => {
    const { cert, key } = authority.issue();
    const files = { cert: await file('poll-cert', cert), key: await file('poll-key', key) };
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const changed: Certificates[] = [];
    const watcher = new CertificateWatcher(files, (await readCertificates(files)) as Certificates, {
      changed: (one) => changed.push(one),
      invalid: () => undefined,
    });
    try {
      const next = authority.issue();
      await writeFile(files.cert, next.cert);
      await writeFile(files.key, next.key);
      const looks = async (ms: number) => {
        vi.advanceTimersByTime(ms);
        await new Promise((resolve) => setTimeout(resolve, 100));
        return changed.length;
      };
      // The first look sees it, the second one takes it.
      expect(await looks(CERTIFICATES.pollMs)).toBe(0);
      expect(await looks(CERTIFICATES.pollMs - 1)).toBe(0);
      expect(await looks(1)).toBe(1);
    } finally {
      watcher.close();
      vi.useRealTimers();
    }
  });
});

describe('a change of certificate files', () => {
  it('is taken when whole, by symlink swap as by writing, and told when it is not', async () => {
    const changed: Certificates[] = [];
    const invalid: string[] = [];
    const versions = [authority.issue(), authority.issue(), authority.issue()];
    const put = async (name: string, { cert, key }: { cert: string; key: string }) => {
      await writeFile(path.join(dir, `${name}.crt`), cert);
      await writeFile(path.join(dir, `${name}.key`), key);
    };
    await put('v0', versions[0]!);
    await put('v1', versions[1]!);
    const files = { cert: path.join(dir, 'live.crt'), key: path.join(dir, 'live.key') };
    const point = async (name: string, ends: readonly string[] = ['crt', 'key']) => {
      for (const end of ends) {
        await symlink(path.join(dir, `${name}.${end}`), path.join(dir, `next.${end}`));
        await rename(path.join(dir, `next.${end}`), path.join(dir, `live.${end}`));
      }
    };
    await point('v0');
    const first = (await readCertificates(files)) as Certificates;
    const watcher = new CertificateWatcher(
      files,
      first,
      { changed: (one) => changed.push(one), invalid: (problems) => invalid.push(...problems) },
      20,
    );
    const until = async (condition: () => boolean) => {
      for (let i = 0; i < 200 && !condition(); i++) await new Promise((r) => setTimeout(r, 20));
      expect(condition()).toBe(true);
    };
    await point('v1');
    await until(() => changed.length === 1);
    expect(watcher.current.cert).toBe(versions[1]!.cert);
    // Half of the next one: told once, and not taken.
    await put('v2', versions[2]!);
    await point('v2', ['crt']);
    await until(() => invalid.length > 0);
    expect(watcher.current.cert).toBe(versions[1]!.cert);
    await point('v2', ['key']);
    await until(() => changed.length === 2);
    expect(watcher.current.key).toBe(versions[2]!.key);
    expect(invalid).toHaveLength(1);
    watcher.close();
  });
});
