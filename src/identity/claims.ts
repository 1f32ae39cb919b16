// Claims as records and bindings use them.
import { isoTime } from '../wall-clock.ts';
import type { ClaimValue, Principal, PrincipalRecord } from './principal.ts';

/** UUIDs come with and without braces, in either case; compared in one form. */
export function normalizeUuid(uuid: string): string {
  return uuid.replace(/^\{(.*)\}$/s, '$1').toLowerCase();
}

export function principalRecord({
  issuer,
  subject,
  claims,
  ...principal
}: Principal): PrincipalRecord {
  const text = (name: string): string | null => {
    const value: ClaimValue | undefined = Object.hasOwn(claims, name) ? claims[name] : undefined;
    return typeof value === 'string' ? value : null;
  };
  return {
    issuer,
    subject,
    repository_uuid: text('repositoryUuid'),
    pipeline_uuid: text('pipelineUuid'),
    step_uuid: text('stepUuid'),
    environment_uuid: text('deploymentEnvironmentUuid'),
    branch: text('branchName'),
    token_sha256: principal.tokenSha256,
    expires: isoTime(principal.expiresAtMs),
  };
}
