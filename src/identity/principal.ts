// The verified identity behind a session, and the claims that policy bindings look at.
import type { WallMs } from '../clock.ts';

/** JSON as it came out of a verified token. */
export type ClaimValue =
  string | number | boolean | null | readonly ClaimValue[] | { readonly [key: string]: ClaimValue };

/** A key that its issuer publishes. A principal keeps it, so that it knows when the key is withdrawn. */
export interface PublishedKey {
  /** The issuer no longer lists the key, or lists other material under its id. This never goes back to false. */
  readonly isWithdrawn: boolean;
}

export interface Principal {
  /** Name of the issuer's row in the configuration, e.g. `pipelines`. */
  readonly issuerName: string;
  /** The `iss` claim. */
  readonly issuer: string;
  readonly subject: string;
  /** All claims of the verified token; bindings match on these. */
  readonly claims: { readonly [key: string]: ClaimValue };
  /** Hex SHA-256 of the token as sent; stands for the token in records and caches. */
  readonly tokenSha256: string;
  /** A person, not a job or a service. */
  readonly isHuman: boolean;
  /** The `exp` claim in milliseconds since the epoch. */
  readonly expiresAtMs: WallMs;
  /** What its token is signed with; missing where it was made of no token (`policy test`). */
  readonly key?: PublishedKey;
  /**
   * What the pipeline runs for, as Bitbucket's API says (src/vcs). It is no claim: what a token says
   * under this name is not read. Missing where it was not asked for, or is not known.
   */
  readonly pipelineTarget?: PipelineTarget | null;
}

export const PIPELINE_TARGETS = ['branch', 'tag', 'pull_request', 'custom', 'commit'] as const;
export type PipelineTarget = (typeof PIPELINE_TARGETS)[number];

/** The fields of the principal in an audit record; those of claims that are absent are null. */
export interface PrincipalRecord {
  readonly issuer: string;
  readonly subject: string;
  readonly repository_uuid: string | null;
  readonly pipeline_uuid: string | null;
  readonly step_uuid: string | null;
  readonly environment_uuid: string | null;
  readonly branch: string | null;
  readonly token_sha256: string;
  readonly expires: string;
}

/** Whether the issuer has withdrawn the key of the token since it was verified. */
export function isWithdrawn({ key }: Principal): boolean {
  return key?.isWithdrawn === true;
}
