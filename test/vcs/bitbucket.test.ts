// One pipeline of Bitbucket's REST API: what its answers mean, and for how long it asks to be left alone.
import { describe, expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import { VCS } from '../../src/limits/services.ts';
import type { OutboundClient } from '../../src/outbound/client.ts';
import { bitbucketPipelines, pipelineUrl, retryAfterOf } from '../../src/vcs/bitbucket.ts';
import type { PipelineRun } from '../../src/vcs/pipeline-run.ts';
import { pipelineDocument } from '../support/bitbucket.ts';
import { PIPELINE_UUID, REPOSITORY_UUID, WORKSPACE_UUID } from '../support/issuer.ts';

const RUN: PipelineRun = {
  workspaceUuid: WORKSPACE_UUID,
  repositoryUuid: REPOSITORY_UUID,
  pipelineUuid: PIPELINE_UUID,
  pipelineRunUuid: null,
  branchName: null,
  commit: null,
};

async function asked(response: object) {
  const outbound = { ask: async () => Promise.resolve({ headers: {}, json: null, ...response }) };
  const ask = bitbucketPipelines({
    apiUrl: 'https://api',
    authorization: async () => Promise.resolve('Bearer secret-canary'),
    outbound: outbound as unknown as OutboundClient,
  });
  return ask(RUN);
}

describe('an answer of Bitbucket', () => {
  it('is a pipeline where it has the documented shape', async () => {
    const json = pipelineDocument();
    expect(await asked({ status: 200, json })).toMatchObject({
      type: 'pipeline',
      pipeline: { uuid: PIPELINE_UUID },
    });
    const { target, ...without } = json;
    expect(target).toBeDefined();
    for (const other of [without, null, [], { ...json, uuid: 5 }]) {
      expect(await asked({ status: 200, json: other })).toMatchObject({ type: 'failed' });
    }
  });

  it.each([
    [401, 'refused', 'unavailable'],
    [403, 'refused', 'unavailable'],
    [404, 'refused', 'unverified'],
    [429, 'failed', undefined],
    [500, 'failed', undefined],
    [204, 'failed', undefined],
  ])('of status %i is %s', async (status, type, kind) => {
    const answer = await asked({ status, headers: { 'retry-after': '7' } });
    expect(answer).toMatchObject(
      kind === undefined ? { type, retryAfterMs: 7_000 } : { type, kind },
    );
    expect(JSON.stringify(answer)).not.toContain('canary');
  });

  it('that does not come is a failure', async () => {
    const outbound = { ask: async () => Promise.reject(new Error('down')) };
    const ask = bitbucketPipelines({
      apiUrl: 'https://api',
      authorization: async () => Promise.resolve('x'),
      outbound: outbound as unknown as OutboundClient,
    });
    expect(await ask(RUN)).toMatchObject({ type: 'failed', retryAfterMs: null });
  });
});

it('a pipeline is asked for by signed UUIDs alone, encoded', () => {
  expect(pipelineUrl('https://api', { ...RUN, pipelineUuid: '{a}/../b' })).toBe(
    `https://api/repositories/${encodeURIComponent(WORKSPACE_UUID)}/${encodeURIComponent(REPOSITORY_UUID)}/pipelines/%7Ba%7D%2F..%2Fb`,
  );
});

describe('Retry-After', () => {
  const NOW = Date.parse('2025-11-25T02:00:00Z');
  it.each([
    ['120', 120_000],
    ['Tue, 25 Nov 2025 02:01:00 GMT', 60_000],
    ['Tue, 25 Nov 2025 01:00:00 GMT', 0],
    ['-5', 0],
    ['soon', null],
    ['', null],
    [undefined, null],
  ])('%s is %s ms', (header, expected) => {
    expect(retryAfterOf(header, wallAt(NOW))).toBe(expected);
  });

  it('is believed up to its bound', () => {
    const seconds = VCS.retryAfterMaxMs / 1_000;
    expect(retryAfterOf(String(seconds))).toBe(VCS.retryAfterMaxMs);
    expect(retryAfterOf(String(seconds + 1))).toBe(VCS.retryAfterMaxMs);
    expect(retryAfterOf(String(seconds - 1))).toBe(VCS.retryAfterMaxMs - 1_000);
  });
});
