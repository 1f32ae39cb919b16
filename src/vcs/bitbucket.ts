// The one request of Bitbucket's REST API that the gate makes: a pipeline by its UUIDs
// (https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pipelines/). The gate uses a
// credential of its own, because the API does not accept a step's OIDC token.
import { z } from 'zod';
import { msBetween, wallMs, type WallMs } from '../clock.ts';
import { VCS } from '../limits/services.ts';
import type { OutboundClient, OutboundResponse } from '../outbound/client.ts';
import { durationOf, timeOfText } from '../wall-clock.ts';
import type { PipelineRun } from './pipeline-run.ts';

/** Only the fields that are used; others may come and go. */
const pipelineSchema = z.object({
  uuid: z.string(),
  build_number: z.int().nonnegative().optional(),
  repository: z.object({ uuid: z.string(), full_name: z.string().optional() }),
  creator: z.object({ display_name: z.string().optional() }).nullish(),
  state: z.object({ name: z.string() }),
  target: z.object({
    type: z.string(),
    ref_type: z.string().nullish(),
    ref_name: z.string().nullish(),
    commit: z.object({ hash: z.string().regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/) }),
    selector: z.object({ type: z.string().nullish() }).nullish(),
    pullrequest: z.object({ id: z.int() }).nullish(),
  }),
});

export type Pipeline = z.infer<typeof pipelineSchema>;

/**
 * `failed`: no answer, and all requests should wait before they try again. `refused`: an answer that will not change.
 * Reasons are for users; `detail` is for the log.
 */
export type PipelineAnswer =
  | { readonly type: 'pipeline'; readonly pipeline: Pipeline }
  | {
      readonly type: 'failed';
      readonly reason: string;
      readonly detail: string;
      readonly retryAfterMs: number | null;
    }
  | {
      readonly type: 'refused';
      readonly reason: string;
      readonly kind: 'unverified' | 'unavailable';
    };

export interface BitbucketOptions {
  /** Without a slash at its end. */
  readonly apiUrl: string;
  /** Value of the Authorization header, read for each request: tokens are renewed in place. */
  readonly authorization: () => Promise<string>;
  readonly outbound: OutboundClient;
}

export type AskPipeline = (run: PipelineRun) => Promise<PipelineAnswer>;

/** Returns the function that asks Bitbucket for the pipeline of a run, and never rejects. */
export function bitbucketPipelines({
  apiUrl,
  authorization,
  outbound,
}: BitbucketOptions): AskPipeline {
  return async (run) => {
    let response: OutboundResponse;
    try {
      const headers = { authorization: await authorization() };
      response = await outbound.ask(pipelineUrl(apiUrl, run), { headers });
    } catch (error) {
      return failed('Bitbucket gives no answer', String(error));
    }
    return answerOf(response);
  };
}

/** Built from signed claims alone. The API accepts UUIDs with braces instead of names. */
export function pipelineUrl(apiUrl: string, run: PipelineRun): string {
  const [workspace, repository, pipeline] = [
    run.workspaceUuid,
    run.repositoryUuid,
    run.pipelineUuid,
  ].map(encodeURIComponent);
  return `${apiUrl}/repositories/${workspace}/${repository}/pipelines/${pipeline}`;
}

const OWN_TOKEN = "cqlgate's own token is refused by Bitbucket; tell the operators of cqlgate";

function answerOf({ status, headers, json }: OutboundResponse): PipelineAnswer {
  if (status === 200) {
    const { data } = pipelineSchema.safeParse(json);
    if (data !== undefined) return { type: 'pipeline', pipeline: data };
    return failed('Bitbucket gives an answer that is no pipeline', 'not of the documented shape');
  }
  if (status === 401 || status === 403) {
    return { type: 'refused', kind: 'unavailable', reason: `${OWN_TOKEN} (${status})` };
  }
  if (status === 404) {
    return {
      type: 'refused',
      kind: 'unverified',
      reason: `Bitbucket knows no such pipeline, or cqlgate's own token may not read its repository`,
    };
  }
  const retryAfterMs = retryAfterOf(headers['retry-after']);
  if (status === 429) {
    return failed('the limit of requests to Bitbucket is reached', 'answered 429', retryAfterMs);
  }
  return failed(`Bitbucket answers ${status}`, `answered ${status}`, retryAfterMs);
}

function failed(
  reason: string,
  detail: string,
  retryAfterMs: number | null = null,
): PipelineAnswer {
  return { type: 'failed', reason, detail, retryAfterMs };
}

/**
 * Retry-After is in seconds, or a date (RFC 9110, section 10.2.3), and is followed up to a bound. null if it is
 * neither.
 */
export function retryAfterOf(
  header: OutboundResponse['headers'][string],
  nowMs: WallMs = wallMs(),
): number | null {
  if (typeof header !== 'string') return null;
  const text = header.trim();
  const isSeconds = /^\d+$/.test(text);
  const waitMs = isSeconds ? durationOf(Number(text), 1000) : waitUntil(timeOfText(text), nowMs);
  return waitMs === null ? null : Math.min(VCS.retryAfterMaxMs, waitMs);
}

function waitUntil(atMs: WallMs | null, nowMs: WallMs): number | null {
  return atMs === null ? null : Math.max(0, msBetween(nowMs, atMs));
}
