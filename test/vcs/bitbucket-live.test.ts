// The real API, where somebody gives a token and a pipeline that is there: is it still of the shape that
// the double has?
import { describe, expect, it } from 'vitest';
import { OutboundClient } from '../../src/outbound/client.ts';
import { bitbucketPipelines } from '../../src/vcs/bitbucket.ts';

const NEEDED = [
  'BITBUCKET_API_TOKEN',
  'BITBUCKET_WORKSPACE_UUID',
  'BITBUCKET_REPOSITORY_UUID',
  'BITBUCKET_A_PIPELINE_UUID',
] as const;

const given = (name: string): string => process.env[name] ?? '';
const missing = NEEDED.filter((name) => given(name) === '');
if (missing.length > 0) {
  console.warn(`the real Bitbucket is not asked: ${missing.join(', ')} not set`);
}

/** Basic for an Atlassian API token, which goes with the email address of its account. */
function authorization(): string {
  const token = given('BITBUCKET_API_TOKEN');
  const username = given('BITBUCKET_API_USERNAME');
  if (username === '') return `Bearer ${token}`;
  return `Basic ${Buffer.from(`${username}:${token}`).toString('base64')}`;
}

describe.skipIf(missing.length > 0)('the real Bitbucket', () => {
  it('answers for a pipeline by UUIDs, in the shape that is read', async () => {
    const ask = bitbucketPipelines({
      apiUrl: 'https://api.bitbucket.org/2.0',
      authorization: async () => Promise.resolve(authorization()),
      outbound: new OutboundClient(),
    });
    const answer = await ask({
      workspaceUuid: given('BITBUCKET_WORKSPACE_UUID'),
      repositoryUuid: given('BITBUCKET_REPOSITORY_UUID'),
      pipelineUuid: given('BITBUCKET_A_PIPELINE_UUID'),
      pipelineRunUuid: null,
      branchName: null,
      commit: null,
    });
    expect(answer).toMatchObject({
      type: 'pipeline',
      pipeline: {
        uuid: given('BITBUCKET_A_PIPELINE_UUID'),
        repository: { uuid: given('BITBUCKET_REPOSITORY_UUID') },
        target: { commit: { hash: expect.stringMatching(/^[0-9a-f]{40}$/) as string } },
      },
    });
  });
});
