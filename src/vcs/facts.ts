// What is known of the commit behind a job, and the checks that make it known: Bitbucket's answer
// must be of the very pipeline that the signed claims name, and of one that runs now.
import { normalizeUuid } from '../identity/claims.ts';
import type { PipelineTarget, Principal } from '../identity/principal.ts';
import { VCS } from '../limits/services.ts';
import type { Pipeline } from './bitbucket.ts';

/** A run of a pipeline, out of signed claims only. UUIDs in lower case with braces. */
export interface PipelineRun {
  readonly workspaceUuid: string;
  readonly repositoryUuid: string;
  readonly pipelineUuid: string;
  /** A repeat of the same pipeline has its own; older tokens have none. */
  readonly pipelineRunUuid: string | null;
  readonly branchName: string | null;
  readonly commit: string | null;
}

/** What Bitbucket said of a run, after all checks. */
export interface VcsFacts {
  /** Full hash, in lower case. */
  readonly commit: string;
  /** null: a kind of target that has no name here. */
  readonly target: PipelineTarget | null;
  readonly ref: { readonly type: 'branch' | 'tag'; readonly name: string } | null;
  readonly url: string;
  readonly buildUrl: string | null;
  /** Whose push or click started the run, as Bitbucket names them. */
  readonly author: string | null;
  readonly pullRequest: number | null;
}

/**
 * Why a commit is not known. `unverified`: what is known speaks against it; `unavailable`: there was
 * no answer, ask again later; `none`: there is nothing to ask, or nobody. The reason reaches users.
 */
export interface CommitProblem {
  readonly kind: 'unverified' | 'unavailable' | 'none';
  readonly reason: string;
}

export type LookUp = { readonly facts: VcsFacts } | { readonly problem: CommitProblem };

const UUID = /^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i;

/** null where the claims name no pipeline. */
export function runOf({ claims, ...principal }: Principal): PipelineRun | null {
  const text = (name: string): string | null => {
    const value = Object.hasOwn(claims, name) ? claims[name] : null;
    return typeof value === 'string' && value !== '' ? value : null;
  };
  const uuid = (name: string): string | null => {
    const value = text(name);
    return value !== null && UUID.test(value) ? `{${normalizeUuid(value)}}` : null;
  };
  const workspaceUuid = uuid('workspaceUuid');
  const repositoryUuid = uuid('repositoryUuid');
  const pipelineUuid = uuid('pipelineUuid');
  if (workspaceUuid === null || repositoryUuid === null || pipelineUuid === null) return null;
  return {
    workspaceUuid,
    repositoryUuid,
    pipelineUuid,
    pipelineRunUuid: uuid('pipelineRunUuid'),
    branchName: text('branchName'),
    commit: signedCommit({ claims, ...principal }),
  };
}

/** A commit that the issuer itself signed; needs no look-up. */
export function signedCommit({ claims }: Principal): string | null {
  const commit = Object.hasOwn(claims, 'commitSha') ? claims['commitSha'] : null;
  return typeof commit === 'string' && /^[0-9a-f]{7,64}$/.test(commit) ? commit : null;
}

/** Bitbucket's answer against the signed claims. */
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
      `the pipeline of this token is not running: Bitbucket says ${printable(state.name)}. Run it again`,
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
 * A pull request before all else: it runs code that nobody merged, whatever its branches are called.
 * Then what somebody started by hand; only then the branch or tag that was pushed.
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

const BITBUCKET = 'https://bitbucket.org';

/** The repository's page; by its UUIDs, which the site takes too, where its name is none. */
function pageOf({ repository }: Pipeline, run: PipelineRun): string {
  const name = repository.full_name ?? '';
  return /^[\w.-]+\/[\w.-]+$/.test(name) ? `${BITBUCKET}/${name}` : repositoryPage(run);
}

/** URL of a repository's page, out of signed claims. */
export function repositoryPage({ workspaceUuid, repositoryUuid }: PipelineRun): string {
  return `${BITBUCKET}/${encodeURIComponent(workspaceUuid)}/${encodeURIComponent(repositoryUuid)}`;
}

function unverified(reason: string): LookUp {
  return { problem: { kind: 'unverified', reason } };
}

function textOrNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : printable(text);
}

/** Names that others chose, as they may stand in records and messages. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, '').slice(0, VCS.textLength);
}
