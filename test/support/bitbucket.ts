// Bitbucket's REST API as far as the gate asks it: one pipeline by its UUIDs, of every kind of target,
// over HTTP on loopback, with the faults a real one can have. Made of documented shapes.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { PIPELINE_UUID, REPOSITORY_UUID, WORKSPACE_UUID } from './issuer.ts';

export const API_TOKEN = 'the-gates-own-token';
export const COMMIT = '5f2c1d7ab3e94c60d8f1a2b3c4d5e6f708192a3b';

export type BitbucketFault =
  'none' | 'error' | 'rate limit' | 'slow' | 'garbage' | 'other shape' | 'oversize' | 'redirect';

const commit = { type: 'commit', hash: COMMIT };

/** What pipelines run for. */
export const TARGETS = {
  branch: {
    type: 'pipeline_ref_target',
    ref_type: 'branch',
    ref_name: 'main',
    commit,
    selector: { type: 'branches', pattern: 'main' },
  },
  default: {
    type: 'pipeline_ref_target',
    ref_type: 'branch',
    ref_name: 'main',
    commit,
    selector: { type: 'default' },
  },
  /** A tag that is called as the branch is. */
  tag: {
    type: 'pipeline_ref_target',
    ref_type: 'tag',
    ref_name: 'main',
    commit,
    selector: { type: 'tags', pattern: '*' },
  },
  pullRequestFromMain: {
    type: 'pipeline_pullrequest_target',
    source: 'main',
    destination: 'feature',
    destination_commit: { hash: '9fceb02d0ae598e95dc970b74767f19372d61af8' },
    commit,
    pullrequest: { id: 17 },
    selector: { type: 'pull-requests', pattern: '**' },
  },
  pullRequestFromFork: {
    type: 'pipeline_pullrequest_target',
    source: 'main',
    source_repository: { uuid: '{0f0f0f0f-0000-4000-8000-00000000f0f0}' },
    destination: 'main',
    commit,
    pullrequest: { id: 18 },
    selector: null,
  },
  customOnMain: {
    type: 'pipeline_ref_target',
    ref_type: 'branch',
    ref_name: 'main',
    commit,
    selector: { type: 'custom', pattern: 'migrate' },
  },
  commit: { type: 'pipeline_commit_target', commit, selector: { type: 'default' } },
  bookmark: { type: 'pipeline_ref_target', ref_type: 'bookmark', ref_name: 'main', commit },
} as const;

/** A running pipeline of the test's repository, as the API shows it. */
export function pipelineDocument(over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: 'pipeline',
    uuid: PIPELINE_UUID,
    build_number: 42,
    run_number: 1,
    creator: { type: 'user', uuid: '{a}', account_id: '557058:x', display_name: 'Alice' },
    repository: { type: 'repository', uuid: REPOSITORY_UUID, full_name: 'acme/shop-schema' },
    target: TARGETS.branch,
    trigger: { type: 'pipeline_trigger_push' },
    state: {
      type: 'pipeline_state_in_progress',
      name: 'IN_PROGRESS',
      stage: { name: 'RUNNING' },
    },
    created_on: '2025-11-25T02:00:00.000Z',
    completed_on: null,
    build_seconds_used: 0,
    ...over,
  };
}

export interface LocalBitbucket {
  readonly apiUrl: string;
  /** Paths asked for so far, as they were sent. */
  readonly paths: string[];
  fault: BitbucketFault;
  /** Of a `rate limit`, as the header has it. */
  retryAfter: string | null;
  /** Takes effect with the next answer. */
  pipeline: Record<string, unknown>;
  close(): Promise<void>;
}

export async function startBitbucket(
  authorization = `Bearer ${API_TOKEN}`,
): Promise<LocalBitbucket> {
  const answer: Record<BitbucketFault, (response: http.ServerResponse) => void> = {
    none: (response) => response.end(JSON.stringify(local.pipeline)),
    error: (response) => response.writeHead(500).end(),
    'rate limit': (response) =>
      response
        .writeHead(429, local.retryAfter === null ? {} : { 'retry-after': local.retryAfter })
        .end(JSON.stringify({ type: 'error', error: { message: 'Too many requests' } })),
    slow: (response) => {
      setTimeout(() => response.end('{}'), 30_000).unref();
    },
    garbage: (response) => response.end('<html>maintenance</html>'),
    'other shape': (response) => response.end(JSON.stringify({ type: 'pipeline', target: 7 })),
    oversize: (response) => response.end('x'.repeat(1024 * 1024)),
    redirect: (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  };
  const server = http.createServer((request, response) => {
    local.paths.push(request.url ?? '');
    if (local.fault !== 'none') answer[local.fault](response);
    else if (request.headers.authorization !== authorization) response.writeHead(401).end();
    else if (decodeURIComponent(request.url ?? '') !== PATH) response.writeHead(404).end();
    else answer.none(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const local: LocalBitbucket = {
    apiUrl: `http://127.0.0.1:${port}/2.0`,
    paths: [],
    fault: 'none',
    retryAfter: null,
    pipeline: pipelineDocument(),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
  return local;
}

const PATH = `/2.0/repositories/${WORKSPACE_UUID}/${REPOSITORY_UUID}/pipelines/${PIPELINE_UUID}`;
