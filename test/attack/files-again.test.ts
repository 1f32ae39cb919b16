// Files that are read again while the gate runs, and have become something else: a pipe that nobody writes to, which would
// hold a thread that reads files for good, or a file that fills memory. It is told, and what was read before stays.
import { execFileSync } from 'node:child_process';
import { rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PolicyWatcher } from '../../src/config/policy-watcher.ts';
import { FILES } from '../../src/limits/process.ts';
import { readSecretFile } from '../../src/secrets/local.ts';
import { readCertificates } from '../../src/tls/certificates.ts';
import { Files, POLICY } from '../config/files.ts';

let files: Files;

beforeEach(async () => {
  files = await Files.create();
});

afterEach(async () => files.remove());

async function becomesPipe(file: string): Promise<void> {
  await rm(file, { force: true });
  execFileSync('mkfifo', [file]);
}

describe('a file that is read again', () => {
  it.each([
    ['a pipe', becomesPipe],
    ['a huge file', async (file: string) => truncate(file, FILES.configBytes + 1)],
  ])(
    'is reported and not waited for where the policy is %s, and taken again after',
    async (_what, become) => {
      const told: string[] = [];
      const watcher = new PolicyWatcher(
        {
          file: files.policy,
          context: { issuers: [], cassandraRoles: ['ci'], ownLogins: ['ci'] },
          onPolicy: () => undefined,
          onProblem: (fault, state) => void told.push(`${state}: ${fault.message}`),
          onRestored: () => void told.push('restored'),
          pollMs: 10,
        },
        POLICY,
      );
      try {
        await become(files.policy);
        await expect
          .poll(() => told)
          .toEqual([expect.stringMatching(/^unreadable: .*(no regular file|larger than)/)]);
        expect(watcher.problem).toMatch(/cannot be read/);
        await rm(files.policy);
        await writeFile(files.policy, POLICY);
        await expect.poll(() => told).toEqual([expect.any(String), 'restored']);
      } finally {
        watcher.close();
      }
    },
  );

  it('is not waited for where a certificate or a secret became a pipe', async () => {
    const pipe = path.join(path.dirname(files.policy), 'pipe');
    await becomesPipe(pipe);
    expect(await readCertificates({ cert: pipe, key: pipe })).toMatchObject({
      problems: [expect.stringContaining('cannot be read'), expect.any(String)],
    });
    await expect(readSecretFile(pipe, '/')).rejects.toThrow(/no regular file/);
  });
});
