// What is known about the commit behind a job, and the checks that establish it: Bitbucket's answer must be
// about the pipeline that the signed claims name, and that pipeline must be running.
import { normalizeUuid } from '../identity/claims.ts';
import type { PipelineTarget } from '../identity/principal.ts';
import { VCS } from '../limits/services.ts';
import { printable } from '../printable.ts';
import type { Pipeline } from './bitbucket.ts';
import { BITBUCKET, repositoryPage, type PipelineRun } from './pipeline-run.ts';

/** What Bitbucket says about a run, after all checks. */
export interface VcsFacts {
  /** Full hash, in lower case. */
  readonly commit: string;
  /** null for a kind of target that has no name here. */
  readonly target: PipelineTarget | null;
  readonly ref: { readonly type: 'branch' | 'tag'; readonly name: string } | null;
  readonly url: string;
  readonly buildUrl: string | null;
  /** Who started the run by a push or by hand, as Bitbucket names them. */
  readonly author: string | null;
  readonly pullRequest: number | null;
}

/**
 * Why a commit is not known. `unverified`: Bitbucket's answer contradicts the token. `unavailable`: there was no
 * answer, and trying again later may help. `none`: the token names no run, or nobody can be asked. Users see the reason.
 */
export interface CommitProblem {
  readonly kind: 'unverified' | 'unavailable' | 'none';
  readonly reason: string;
}

export type LookUp = { readonly facts: VcsFacts } | { readonly problem: CommitProblem };

/** Compares Bitbucket's answer with the signed claims. */
export function checked(pipeline: Pipeline, run: PipelineRun): LookUp {
  const { repository, state, target } = pipeline;
  const { hash } = target.commit;
  if (normalizeUuid(repository.uuid) !== normalizeUuid(run.repositoryUuid)) {
    return unverified('Bitbucket answered for another repository than the one in the token');
  }
  if (normalizeUuid(pipeline.uuid) !== normalizeUuid(run.pipelineUuid)) {
    return unverified('Bitbucket answered for another pipeline than the one in the token');
  }
  if (state.name !== 'IN_PROGRESS') {
    return unverified(
      `the pipeline of this token is not running: Bitbucket says ${printable(state.name, VCS.textLength)}. Run it again`,
    );
  }
  const ref = refOf(target);
  if (ref !== null && run.branchName !== null && ref.name !== run.branchName) {
    return unverified(
      'Bitbucket names another branch or tag for this pipeline than the token does',
    );
  }
  if (run.commit !== null && !hash.startsWith(run.commit)) {
    return unverified('Bitbucket names another commit for this pipeline than the token does');
  }
  const page = pageOf(pipeline, run);
  return {
    facts: {
      commit: hash,
      target: targetOf(target),
      ref,
      url: `${page}/commits/${hash}`,
      buildUrl:
        pipeline.build_number === undefined
          ? null
          : `${page}/pipelines/results/${pipeline.build_number}`,
      author: textOrNull(pipeline.creator?.display_name),
      pullRequest: target.pullrequest?.id ?? null,
    },
  };
}

const REF_TYPES = new Map<string, 'branch' | 'tag'>([
  ['branch', 'branch'],
  ['named_branch', 'branch'],
  ['tag', 'tag'],
]);

function refOf({ ref_type: type, ref_name: name }: Pipeline['target']): VcsFacts['ref'] {
  const known = REF_TYPES.get(type ?? '');
  return known === undefined || typeof name !== 'string' ? null : { type: known, name };
}

/**
 * A pull request comes first: it runs code that nobody has merged, whatever its branches are called. Then comes a
 * run that was started by hand, and only then the branch or tag that was pushed.
 */
function targetOf(target: Pipeline['target']): PipelineTarget | null {
  const selector = target.selector?.type;
  if (target.type === 'pipeline_pullrequest_target' || selector === 'pull-requests') {
    return 'pull_request';
  }
  if (selector === 'custom') return 'custom';
  if (target.type === 'pipeline_commit_target') return 'commit';
  if (target.type === 'pipeline_ref_target') return refOf(target)?.type ?? null;
  return null;
}

/** The repository's page, by UUIDs (which the site accepts as well) if its name is not a valid one. */
function pageOf({ repository }: Pipeline, run: PipelineRun): string {
  const name = repository.full_name ?? '';
  return /^[\w.-]+\/[\w.-]+$/.test(name) ? `${BITBUCKET}/${name}` : repositoryPage(run);
}

function unverified(reason: string): LookUp {
  return { problem: { kind: 'unverified', reason } };
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : printable(text, VCS.textLength);
}
