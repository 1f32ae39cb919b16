// A policy file that is another one each time that it is opened: what was checked is what is taken.
import type * as FileSystem from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PolicyWatcher } from '../../src/config/policy-watcher.ts';
import type { IssuerConfig } from '../../src/identity/issuers.ts';
import { Files, POLICY } from '../config/files.ts';

/** What each reading of the policy file finds, once a test sets it; the last stays. */
const script: string[] = [];
let reads = 0;

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof FileSystem>();
  const readFile = async (file: string, ...rest: unknown[]): Promise<unknown> => {
    if (script.length === 0 || !file.endsWith('policy.yaml')) {
      return (real.readFile as (...args: unknown[]) => Promise<unknown>)(file, ...rest);
    }
    const content = script[Math.min(reads, script.length - 1)]!;
    reads++;
    return rest[0] === 'utf8' ? content : Buffer.from(content);
  };
  return { ...real, readFile };
});

const ISSUERS: IssuerConfig[] = [
  { name: 'pipelines', type: 'bitbucket', workspace: 'acme', audience: 'a' },
];
const checked = POLICY.replaceAll('migrator', 'checked');
const swapped = POLICY.replaceAll('migrator', 'swapped');

let files: Files;
let watcher: PolicyWatcher;
let taken: string[];

beforeEach(async () => {
  files = await Files.create();
  taken = [];
  reads = 0;
});

afterEach(async () => {
  script.length = 0;
  watcher.close();
  await files.remove();
});

describe('a policy file that is swapped between two readings', () => {
  it('is taken as it was when it was seen twice, not as a third reading finds it', async () => {
    script.push(checked, checked, swapped);
    watcher = new PolicyWatcher(
      {
        file: files.policy,
        context: { issuers: ISSUERS, cassandraRoles: ['ci'], ownLogins: ['ci'] },
        onPolicy: ({ policy, content }) => {
          // Each policy is that of the text that it says it was made of.
          expect(content).toContain(policy.roleNames.join());
          taken.push(policy.roleNames.join());
        },
        onProblem: () => undefined,
        onRestored: () => undefined,
        pollMs: 10,
      },
      POLICY,
    );
    // The swapped one is taken too, but only after it was seen twice itself.
    await expect.poll(() => taken).toEqual(['checked', 'swapped']);
    expect(reads).toBeGreaterThanOrEqual(4);
  });
});
