// What records say of the commit, by what is known of it: signed, found at Bitbucket, or only claimed.
import { describe, expect, it } from 'vitest';
import type { ClaimValue, Principal } from '../../src/identity/principal.ts';
import { vcsRecord } from '../../src/session/vcs-record.ts';
import type { VcsFacts } from '../../src/vcs/facts.ts';
import { NO_HINTS, type VcsHints } from '../../src/vcs/hints.ts';
import { COMMIT } from '../support/bitbucket.ts';
import { PIPELINE_UUID, REPOSITORY_UUID, WORKSPACE_UUID } from '../support/issuer.ts';
import { NO_END } from '../support/moments.ts';

const OF_A_RUN = {
  workspaceUuid: WORKSPACE_UUID,
  repositoryUuid: REPOSITORY_UUID,
  pipelineUuid: PIPELINE_UUID,
};

const principal = (claims: Record<string, ClaimValue> = {}): Principal => ({
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'me',
  claims,
  isHuman: false,
  tokenSha256: '',
  expiresAtMs: NO_END,
});

const FACTS: VcsFacts = {
  commit: COMMIT,
  target: 'branch',
  ref: { type: 'branch', name: 'main' },
  url: 'https://bitbucket/commits/1',
  buildUrl: 'https://bitbucket/builds/1',
  author: 'Alice',
  pullRequest: 7,
};

const HINTS: VcsHints = { commit: 'abcdef1', branch: 'main', buildNumber: 12 };

const NONE = { commit: null, url: null, build_url: null, author: null, pull_request: null };

describe('the commit in records', () => {
  it('is all that Bitbucket said where it was asked, whatever a client claims', () => {
    expect(vcsRecord(principal(OF_A_RUN), FACTS, HINTS)).toEqual({
      commit: COMMIT,
      source: 'rest',
      verified: true,
      url: FACTS.url,
      build_url: FACTS.buildUrl,
      author: 'Alice',
      pull_request: 7,
    });
  });

  it('is of the token where that names it, in the full length that Bitbucket gave it', () => {
    const signed = principal({ ...OF_A_RUN, commitSha: COMMIT.slice(0, 7) });
    expect(vcsRecord(signed, FACTS, HINTS)).toMatchObject({ commit: COMMIT, source: 'token' });
  });

  it('is verified by a signature alone, with a link where the run is known', () => {
    const of = (claims: Record<string, ClaimValue>) =>
      vcsRecord(principal({ ...claims, commitSha: COMMIT }), null, HINTS);
    expect(of({})).toEqual({ ...NONE, commit: COMMIT, source: 'token', verified: true });
    const { url, ...rest } = of(OF_A_RUN);
    expect(rest).toMatchObject({ commit: COMMIT, source: 'token', verified: true });
    expect(url).toMatch(new RegExp(`^https://bitbucket\\.org/.*/commits/${COMMIT}$`));
  });

  it.each([
    ['a commit', { ...NO_HINTS, commit: 'abcdef1' }],
    ['a branch', { ...NO_HINTS, branch: 'main' }],
    ['a build', { ...NO_HINTS, buildNumber: 0 }],
  ])('is a hint, never verified and without links, where a client says %s', (_what, hints) => {
    for (const who of [null, principal(OF_A_RUN), principal({ commitSha: 'not hex' })]) {
      expect(vcsRecord(who, null, hints)).toEqual({
        ...NONE,
        commit: hints.commit,
        source: 'hint',
        verified: false,
        hint: { branch: hints.branch, build_number: hints.buildNumber },
      });
    }
  });

  it('is unknown where nobody says anything', () => {
    for (const who of [null, principal(OF_A_RUN)]) {
      expect(vcsRecord(who, null, NO_HINTS)).toEqual({ ...NONE, source: 'none', verified: false });
    }
  });
});
