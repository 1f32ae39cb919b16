// What records and spans say of the commit: signed in the token, else what Bitbucket said, else what
// the client claims, marked as such.
import type { VcsRecord } from '../audit/record.ts';
import type { Principal } from '../identity/principal.ts';
import type { VcsFacts } from '../vcs/facts.ts';
import { repositoryPage, runOf, signedCommit } from '../vcs/pipeline-run.ts';
import type { VcsHints } from '../vcs/hints.ts';

const UNKNOWN: VcsRecord = {
  commit: null,
  source: 'none',
  verified: false,
  url: null,
  build_url: null,
  author: null,
  pull_request: null,
};

export function vcsRecord(
  principal: Principal | null,
  facts: VcsFacts | null,
  hints: VcsHints,
): VcsRecord {
  const signed = principal === null ? null : signedCommit(principal);
  if (facts !== null) {
    return {
      // The two were compared: the signed one may be the shorter.
      commit: facts.commit,
      source: signed === null ? 'rest' : 'token',
      verified: true,
      url: facts.url,
      build_url: facts.buildUrl,
      author: facts.author,
      pull_request: facts.pullRequest,
    };
  }
  if (principal !== null && signed !== null) {
    const run = runOf(principal);
    const url = run === null ? null : `${repositoryPage(run)}/commits/${signed}`;
    return { ...UNKNOWN, commit: signed, source: 'token', verified: true, url };
  }
  const { commit, branch, buildNumber } = hints;
  if (commit === null && branch === null && buildNumber === null) return UNKNOWN;
  return { ...UNKNOWN, commit, source: 'hint', hint: { branch, build_number: buildNumber } };
}
