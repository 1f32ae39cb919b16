// A changed policy is taken when it is whole and valid, however it was changed.
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PolicyWatcher } from '../../src/config/policy-watcher.ts';
import type { IssuerConfig } from '../../src/identity/issuers.ts';
import { Files, POLICY } from './files.ts';

const ISSUERS: IssuerConfig[] = [
  { name: 'pipelines', type: 'bitbucket', workspace: 'acme', audience: 'a' },
];

describe('the policy watcher', () => {
  let files: Files;
  let watcher: PolicyWatcher;
  let taken: string[];
  let problems: string[];

  function watch(file: string): void {
    watcher = new PolicyWatcher(
      {
        file,
        context: { issuers: ISSUERS, cassandraRoles: ['ci'], ownLogins: ['ci'] },
        onPolicy: ({ policy }) => taken.push(policy.roleNames.join()),
        onProblem: (fault, state) => problems.push(`${state}: ${fault.message}`),
        onRestored: () => problems.push('restored'),
        pollMs: 20,
      },
      POLICY,
    );
  }

  beforeEach(async () => {
    files = await Files.create();
    taken = [];
    problems = [];
  });

  afterEach(async () => {
    watcher.close();
    await files.remove();
  });

  const renamed = POLICY.replaceAll('migrator', 'reader');

  it('takes a file that was written in place', async () => {
    watch(files.policy);
    await files.write('policy.yaml', renamed);
    await expect.poll(() => taken).toEqual(['reader']);
  });

  it('takes a symlink that was swapped, as ConfigMaps do', async () => {
    const data = async (name: string, content: string) => {
      await mkdir(path.join(files.dir, name));
      await writeFile(path.join(files.dir, name, 'policy.yaml'), content);
    };
    await data('v1', POLICY);
    await data('v2', renamed);
    await symlink('v1', path.join(files.dir, 'data'));
    watch(path.join(files.dir, 'data', 'policy.yaml'));
    await symlink('v2', path.join(files.dir, 'data.new'));
    await rename(path.join(files.dir, 'data.new'), path.join(files.dir, 'data'));
    await expect.poll(() => taken).toEqual(['reader']);
  });

  it('never takes half of a file', async () => {
    watch(files.policy);
    for (let length = 0; length < renamed.length; length += 8) {
      await files.write('policy.yaml', renamed.slice(0, length));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await files.write('policy.yaml', renamed);
    await expect.poll(() => taken).toEqual(['reader']);
  });

  it('keeps the one before when the new one is not valid, and says so once', async () => {
    watch(files.policy);
    await files.write('policy.yaml', POLICY.replace('version: 1', 'version: 9'));
    await expect.poll(() => problems).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(problems).toHaveLength(1);
    expect(taken).toEqual([]);
    await files.write('policy.yaml', renamed);
    await expect.poll(() => taken).toEqual(['reader']);
    expect(watcher.problem).toBeNull();
  });

  it('says that the file is gone, once, and keeps the policy in force', async () => {
    watch(files.policy);
    await rm(files.policy);
    await expect.poll(() => problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^unreadable: .*ENOENT/);
    expect(watcher.problem).toContain('cannot be read, or is gone');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(problems).toHaveLength(1);
    await files.write('policy.yaml', POLICY);
    await expect.poll(() => problems).toHaveLength(2);
    expect(problems[1]).toBe('restored');
    expect(watcher.problem).toBeNull();
    expect(taken).toEqual([]);
  });

  it('takes a new one that comes after the file was gone, or after one that was not valid', async () => {
    watch(files.policy);
    await rm(files.policy);
    await expect.poll(() => problems).toHaveLength(1);
    await files.write('policy.yaml', 'version: 9');
    await expect.poll(() => problems).toHaveLength(2);
    expect(problems[1]).toMatch(/^invalid: /);
    expect(watcher.problem).toContain('is not valid');
    await files.write('policy.yaml', renamed);
    await expect.poll(() => taken).toEqual(['reader']);
    expect(watcher.problem).toBeNull();
  });
});
