// Look-ups against Bitbucket's double: how often it is asked, what is kept, what a failure does, and
// how long anyone waits.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { monotonic, NO_END } from '../support/moments.ts';
import type { ClaimValue, Principal } from '../../src/identity/principal.ts';
import { VCS } from '../../src/limits/services.ts';
import { OutboundClient } from '../../src/outbound/client.ts';
import { bitbucketPipelines, pipelineUrl } from '../../src/vcs/bitbucket.ts';
import { CommitSource, type LookUpResult } from '../../src/vcs/commit-source.ts';
import { runOf } from '../../src/vcs/pipeline-run.ts';
import { limit } from '../support/limits.ts';
import { API_TOKEN, COMMIT, pipelineDocument, startBitbucket } from '../support/bitbucket.ts';
import type { BitbucketFault, LocalBitbucket } from '../support/bitbucket.ts';
import { PIPELINE_UUID, REPOSITORY_UUID, WORKSPACE_UUID } from '../support/issuer.ts';

let bitbucket: LocalBitbucket;
let nowMs: number;
let results: LookUpResult[];
let failures: string[];
let source: CommitSource;

const job = (claims: Record<string, ClaimValue> = {}, issuerName = 'pipelines'): Principal => ({
  issuerName,
  issuer: 'https://issuer',
  subject: 'me',
  claims: {
    workspaceUuid: WORKSPACE_UUID,
    repositoryUuid: REPOSITORY_UUID,
    pipelineUuid: PIPELINE_UUID,
    branchName: 'main',
    ...claims,
  },
  isHuman: false,
  tokenSha256: '',
  expiresAtMs: NO_END,
});

function sourceWith(authorization: string | null): CommitSource {
  const outbound = new OutboundClient();
  return new CommitSource({
    ask:
      authorization === null
        ? null
        : bitbucketPipelines({
            apiUrl: bitbucket.apiUrl,
            authorization: async () => Promise.resolve(authorization),
            outbound,
          }),
    issuers: new Set(['pipelines']),
    mode: 'required',
    nowMs: () => monotonic(nowMs),
    random: () => 0,
    onLookUp: (result) => results.push(result),
    onFailed: (detail) => failures.push(detail),
  });
}

/** Looked up by a caller that waits as long as it takes. */
const lookUp = async (principal = job(), waitMs = 60_000) =>
  source.lookUp(principal, waitMs, { key: 'role', owner: null });

const found = (commit = COMMIT) =>
  expect.objectContaining({ facts: expect.objectContaining({ commit }) }) as unknown;

const problem = (kind: string, reason: string) => ({
  problem: { kind, reason: expect.stringContaining(reason) as string },
});

beforeEach(async () => {
  bitbucket = await startBitbucket();
  nowMs = Date.now();
  results = [];
  failures = [];
  source = sourceWith(`Bearer ${API_TOKEN}`);
});

afterEach(async () => bitbucket.close());

describe('a look-up', () => {
  it('asks by UUIDs out of the token, encoded, and once for all who want the same run', async () => {
    const many = await Promise.all(Array.from({ length: 50 }, async () => lookUp()));
    for (const one of many) expect(one).toEqual(found());
    expect(await lookUp()).toEqual(found());
    expect(source.known(job())?.commit).toBe(COMMIT);
    expect(bitbucket.paths).toEqual([
      `/2.0/repositories/${encodeURIComponent(WORKSPACE_UUID)}/${encodeURIComponent(REPOSITORY_UUID)}/pipelines/${encodeURIComponent(PIPELINE_UUID)}`,
    ]);
    expect(pipelineUrl('x', runOf(job())!)).toContain('%7B');
  });

  it('is made for each run by itself', async () => {
    await lookUp(job({ pipelineRunUuid: '{00000000-0000-4000-8000-000000000001}' }));
    await lookUp(job({ pipelineRunUuid: '{00000000-0000-4000-8000-000000000002}' }));
    expect(bitbucket.paths).toHaveLength(2);
  });

  it('is checked against each token of a run', async () => {
    expect(await lookUp()).toEqual(found());
    expect(await lookUp(job({ branchName: 'feature' }))).toEqual(
      problem('unverified', 'another branch'),
    );
  });

  it('is not made for tokens of other issuers, nor without a token', async () => {
    expect(await lookUp(job({}, 'people'))).toEqual(problem('none', 'name no Bitbucket pipeline'));
    source = sourceWith(null);
    expect(await lookUp()).toEqual(problem('none', 'bitbucket.token'));
    expect(bitbucket.paths).toEqual([]);
  });

  it('is made anew after a while, since a run ends', async () => {
    await lookUp();
    bitbucket.pipeline = pipelineDocument({ state: { name: 'COMPLETED' } });
    nowMs += VCS.recheckMs - 1;
    expect(await lookUp()).toEqual(found());
    nowMs += 1;
    expect(source.known(job())).toBeNull();
    expect(await lookUp()).toEqual(problem('unverified', 'COMPLETED'));
  });

  it('holds while Bitbucket is down, but not for ever', async () => {
    let ask = bitbucketPipelines({
      apiUrl: bitbucket.apiUrl,
      authorization: async () => Promise.resolve(`Bearer ${API_TOKEN}`),
      outbound: new OutboundClient(),
    });
    source = new CommitSource({
      ask: async (run) => ask(run),
      issuers: new Set(['pipelines']),
      mode: 'required',
      nowMs: () => monotonic(nowMs),
    });
    expect(await lookUp()).toEqual(found());
    ask = async () => Promise.resolve({ type: 'refused', kind: 'unavailable', reason: 'down' });
    nowMs += VCS.recheckMs;
    expect(await lookUp()).toEqual(found());
    nowMs += VCS.staleMs;
    expect(await lookUp()).toEqual(problem('unavailable', 'down'));
  });
});

describe('a failure', () => {
  it.each<[BitbucketFault, RegExp]>([
    ['error', /answered 500/],
    ['garbage', /documented shape/],
    ['other shape', /documented shape/],
    ['oversize', /more than/],
    ['redirect', /redirect/],
  ])('by %s is tried again, and passes', async (fault, reason) => {
    bitbucket.fault = fault;
    const asked = lookUp();
    await vi.waitFor(() => expect(failures.length).toBeGreaterThan(0));
    expect(failures[0]).toMatch(reason);
    bitbucket.fault = 'none';
    expect(await asked).toEqual(found());
    expect(results).toEqual(['verified']);
  });

  it('that lasts is told, kept for a moment, and not asked for again by who tries again', async () => {
    bitbucket.fault = 'error';
    const asked = lookUp();
    // Its time runs out while it waits for the next try.
    await vi.waitFor(() => expect(failures.length).toBe(2));
    nowMs += VCS.lookUpMs;
    expect(await asked).toEqual(problem('unavailable', 'answers 500'));
    const requests = bitbucket.paths.length;
    for (let i = 0; i < 20; i++) expect('problem' in (await lookUp())).toBe(true);
    expect(bitbucket.paths).toHaveLength(requests);
    expect(results).toEqual(['unavailable']);
    bitbucket.fault = 'none';
    nowMs += VCS.unavailableMs + VCS.pauseMaxMs;
    expect(await lookUp()).toEqual(found());
  });

  it('keeps nobody waiting longer than they said; the answer comes for who asks again', async () => {
    bitbucket.fault = 'slow';
    const startMs = performance.now();
    expect(await lookUp(job(), 100)).toEqual(problem('unavailable', 'takes long'));
    expect(performance.now() - startMs).toBeLessThan(2_000);
    bitbucket.fault = 'none';
    expect(await lookUp()).toEqual(found());
  });

  it('by rate limit stops all look-ups for as long as Bitbucket says', async () => {
    bitbucket.fault = 'rate limit';
    bitbucket.retryAfter = '600';
    expect(await lookUp()).toEqual(problem('unavailable', 'limit of requests'));
    const other = job({ pipelineRunUuid: '{00000000-0000-4000-8000-000000000001}' });
    expect(await lookUp(other)).toEqual(problem('unavailable', 'limit of requests'));
    expect(bitbucket.paths).toHaveLength(1);
    bitbucket.fault = 'none';
    nowMs += 599_000;
    expect('problem' in (await lookUp(job({ branchName: null }), 50))).toBe(true);
    nowMs += 2_000;
    expect(await lookUp()).toEqual(found());
  });

  it.each([
    ['a token that Bitbucket refuses', 'Bearer another', 'unavailable', 'own token'],
    ['a pipeline that is not there', `Bearer ${API_TOKEN}`, 'unverified', 'no such pipeline'],
  ])('of %s is told at once, and names no secret', async (what, authorization, kind, reason) => {
    source = sourceWith(authorization);
    const gone = what.startsWith('a pipeline') ? { pipelineUuid: WORKSPACE_UUID } : {};
    const answer = await lookUp(job(gone));
    expect(answer).toEqual(problem(kind, reason));
    await lookUp(job(gone));
    expect(bitbucket.paths).toHaveLength(1);
    expect(JSON.stringify([answer, failures])).not.toContain(API_TOKEN);
  });

  it('at a dead address is one, and its text for the log has no secret', async () => {
    await bitbucket.close();
    expect(await lookUp(job(), 300)).toEqual(problem('unavailable', 'takes long'));
    expect(failures.join()).toContain('could not be asked');
    expect(failures.join()).not.toContain(API_TOKEN);
    bitbucket = await startBitbucket();
  });
});

describe('what is kept of look-ups', () => {
  const answering = (kind: 'unverified' | 'unavailable') => {
    const asked: string[] = [];
    source = new CommitSource({
      ask: async ({ pipelineUuid }) => {
        asked.push(pipelineUuid);
        return Promise.resolve({ type: 'refused', kind, reason: 'so' });
      },
      issuers: new Set(['pipelines']),
      mode: 'required',
      nowMs: () => monotonic(nowMs),
    });
    return asked;
  };
  const run = (i: number) =>
    job({ pipelineUuid: `{00000000-0000-4000-8000-${String(i).padStart(12, '0')}}` });

  it.each([
    ['unverified', VCS.unverifiedMs],
    ['unavailable', VCS.unavailableMs],
  ] as const)('that ended %s holds for its time, and not a moment longer', async (kind, keptMs) => {
    const asked = answering(kind);
    await lookUp();
    nowMs += keptMs - 1;
    await lookUp();
    expect(asked).toHaveLength(1);
    nowMs += 1;
    await lookUp();
    expect(asked).toHaveLength(2);
  });

  it('is of a bounded number of runs: the oldest is asked for again', async () => {
    limit(VCS, { runsKept: 3 });
    const asked = answering('unverified');
    for (let i = 0; i < 3; i++) await lookUp(run(i));
    await lookUp(run(0));
    expect(asked).toHaveLength(3);
    await lookUp(run(3));
    await lookUp(run(1));
    expect(asked).toHaveLength(4);
    await lookUp(run(0));
    expect(asked).toHaveLength(5);
  });

  it('is good for as long as Bitbucket can not be asked, and not a moment longer', async () => {
    let isDown = false;
    source = new CommitSource({
      ask: async (asked) =>
        isDown
          ? Promise.resolve({ type: 'refused', kind: 'unavailable', reason: 'down' })
          : bitbucketPipelines({
              apiUrl: bitbucket.apiUrl,
              authorization: async () => Promise.resolve(`Bearer ${API_TOKEN}`),
              outbound: new OutboundClient(),
            })(asked),
      issuers: new Set(['pipelines']),
      mode: 'required',
      nowMs: () => monotonic(nowMs),
    });
    await lookUp();
    isDown = true;
    nowMs += VCS.staleMs - 1;
    expect(await lookUp()).toEqual(found());
    nowMs += 1 + VCS.unavailableMs;
    expect(await lookUp()).toEqual(problem('unavailable', 'down'));
  });
});

describe('requests to Bitbucket at once', () => {
  it('are a bounded number of one role, and of all roles', async () => {
    const asked: string[] = [];
    source = new CommitSource({
      ask: async ({ pipelineUuid }) => {
        asked.push(pipelineUuid);
        return new Promise(() => undefined);
      },
      issuers: new Set(['pipelines']),
      mode: 'required',
      nowMs: () => monotonic(nowMs),
    });
    const ask = (i: number, role: string): void =>
      void source.lookUp(
        job({ pipelineUuid: `{00000000-0000-4000-8000-${String(i).padStart(12, '0')}}` }),
        1,
        { key: role, owner: null },
      );
    for (let i = 0; i < VCS.requestsPerRole + 1; i++) ask(i, 'a');
    await vi.waitFor(() => expect(asked).toHaveLength(VCS.requestsPerRole));
    for (let i = 0; i < VCS.requestsAtOnce; i++) ask(100 + i, 'b');
    await vi.waitFor(() => expect(asked).toHaveLength(VCS.requestsAtOnce));
    expect(asked.filter((uuid) => /1\d\d\}$/.test(uuid))).toHaveLength(
      VCS.requestsAtOnce - VCS.requestsPerRole,
    );
  });
});
