// The run of a pipeline that a token was issued for, as its signed claims name it.
import { normalizeUuid } from '../identity/claims.ts';
import type { Principal } from '../identity/principal.ts';

/** Made from signed claims only. UUIDs are in lower case and have braces. */
export interface PipelineRun {
  readonly workspaceUuid: string;
  readonly repositoryUuid: string;
  readonly pipelineUuid: string;
  /** Each repetition of a pipeline has its own; older tokens have none. */
  readonly pipelineRunUuid: string | null;
  readonly branchName: string | null;
  readonly commit: string | null;
}

export const BITBUCKET = 'https://bitbucket.org';
const UUID = /^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i;

/** null if the claims name no pipeline. */
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

/** The commit that the issuer itself has signed, which needs no look-up. */
export function signedCommit({ claims }: Principal): string | null {
  const commit = Object.hasOwn(claims, 'commitSha') ? claims['commitSha'] : null;
  return typeof commit === 'string' && /^[0-9a-f]{7,64}$/.test(commit) ? commit : null;
}

/** The URL of a repository's page, made from signed claims. */
export function repositoryPage({ workspaceUuid, repositoryUuid }: PipelineRun): string {
  return `${BITBUCKET}/${encodeURIComponent(workspaceUuid)}/${encodeURIComponent(repositoryUuid)}`;
}
