// What Bitbucket's answer is checked for, what each kind of target is called, and what a client's own
// word is worth.
import { describe, expect, it } from 'vitest';
import { NO_END } from '../support/moments.ts';
import type { ClaimValue, Principal } from '../../src/identity/principal.ts';
import { vcsRecord } from '../../src/session/vcs-record.ts';
import { type Pipeline } from '../../src/vcs/bitbucket.ts';
import { checked } from '../../src/vcs/facts.ts';
import { runOf, type PipelineRun } from '../../src/vcs/pipeline-run.ts';
import { hintsOf, NO_HINTS } from '../../src/vcs/hints.ts';
import { COMMIT, pipelineDocument, TARGETS } from '../support/bitbucket.ts';
import { PIPELINE_UUID, REPOSITORY_UUID, WORKSPACE_UUID } from '../support/issuer.ts';

const CLAIMS = {
  workspaceUuid: WORKSPACE_UUID,
  repositoryUuid: REPOSITORY_UUID,
  pipelineUuid: PIPELINE_UUID,
  branchName: 'main',
};

const principal = (claims: Record<string, ClaimValue> = {}): Principal => ({
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'me',
  claims: { ...CLAIMS, ...claims },
  isHuman: false,
  tokenSha256: '',
  expiresAtMs: NO_END,
});

const run = (claims: Record<string, ClaimValue> = {}): PipelineRun => runOf(principal(claims))!;

const check = (over: Record<string, unknown> = {}, claims: Record<string, ClaimValue> = {}) =>
  checked(pipelineDocument(over) as unknown as Pipeline, run(claims));

describe('a pipeline run', () => {
  it('is named by signed UUIDs, in one form', () => {
    expect(runOf(principal({ pipelineUuid: PIPELINE_UUID.toUpperCase().slice(1, -1) }))).toEqual(
      run(),
    );
  });

  it.each([
    ['none', { pipelineUuid: null }],
    ['a path', { pipelineUuid: '{../../../user}' }],
    ['a list', { repositoryUuid: [REPOSITORY_UUID] }],
    ['a slug', { workspaceUuid: 'acme' }],
  ])('is not what has %s in its place', (_what, claims: Record<string, ClaimValue>) => {
    expect(runOf(principal(claims))).toBeNull();
  });
});

describe("Bitbucket's answer", () => {
  it('gives commit, URLs, author and ref', () => {
    expect(check()).toEqual({
      facts: {
        commit: COMMIT,
        target: 'branch',
        ref: { type: 'branch', name: 'main' },
        url: `https://bitbucket.org/acme/shop-schema/commits/${COMMIT}`,
        buildUrl: 'https://bitbucket.org/acme/shop-schema/pipelines/results/42',
        author: 'Alice',
        pullRequest: null,
      },
    });
  });

  it.each([
    ['another repository', { repository: { uuid: WORKSPACE_UUID } }, {}, 'another repository'],
    ['another pipeline', { uuid: WORKSPACE_UUID }, {}, 'another pipeline'],
    ['a finished pipeline', { state: { name: 'COMPLETED' } }, {}, 'not running'],
    ['one that waits', { state: { name: 'PENDING' } }, {}, 'not running'],
    ['another branch', {}, { branchName: 'feature' }, 'another branch'],
    ['another commit', {}, { commitSha: 'abcdef1' }, 'another commit'],
  ])('is not believed where it is of %s', (_what, over, claims, reason) => {
    expect(check(over, claims)).toEqual({
      problem: { kind: 'unverified', reason: expect.stringContaining(reason) as string },
    });
  });

  it('names pages by UUID where the name is no name', () => {
    const over = { repository: { uuid: REPOSITORY_UUID, full_name: 'acme/../evil?x' } };
    const found = check(over);
    expect('facts' in found && found.facts.url).toBe(
      `https://bitbucket.org/${encodeURIComponent(WORKSPACE_UUID)}/${encodeURIComponent(REPOSITORY_UUID)}/commits/${COMMIT}`,
    );
  });

  it('is recorded without control characters and at most so long', () => {
    const found = check({ creator: { display_name: `A\n\u001b[31m${'x'.repeat(500)}` } });
    const author = 'facts' in found ? found.facts.author! : '';
    expect(author).toMatch(/^A\[31mx+$/);
    expect(author.length).toBe(128);
  });
});

describe('the target of a pipeline', () => {
  it.each([
    ['branch', 'branch', null],
    ['default', 'branch', null],
    ['tag', 'tag', null],
    ['pullRequestFromMain', 'pull_request', 17],
    ['pullRequestFromFork', 'pull_request', 18],
    ['customOnMain', 'custom', null],
    ['commit', 'commit', null],
    ['bookmark', null, null],
  ] as const)('of %s is %s', (name, target, pullRequest) => {
    // The token of each of them says branchName main.
    expect(check({ target: TARGETS[name] })).toMatchObject({ facts: { target, pullRequest } });
  });
});

describe('what a client says of its commit', () => {
  const hints = (options: Record<string, string>) => hintsOf(new Map(Object.entries(options)));

  it('is never a verified commit, and gives way to one', () => {
    const claimed = hints({ CQLGATE_COMMIT: 'abcdef1' });
    expect(vcsRecord(principal(), null, claimed)).toMatchObject({
      commit: 'abcdef1',
      source: 'hint',
      verified: false,
      url: null,
    });
    const found = check();
    if (!('facts' in found)) throw new Error('not found');
    expect(vcsRecord(principal(), found.facts, claimed)).toMatchObject({
      commit: COMMIT,
      source: 'rest',
      verified: true,
      author: 'Alice',
    });
    expect(vcsRecord(principal({ commitSha: COMMIT }), null, claimed)).toMatchObject({
      commit: COMMIT,
      source: 'token',
      verified: true,
    });
    expect(vcsRecord(principal({ commitSha: 'not hex' }), null, NO_HINTS).source).toBe('none');
  });
});
