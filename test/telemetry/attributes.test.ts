// What a span says of the commit: a revision only where it is verified, and the pipeline's pages.
import { describe, expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import type { VcsRecord } from '../../src/audit/record.ts';
import type { Authority } from '../../src/policy/policy.ts';
import { identityAttributes } from '../../src/telemetry/attributes.ts';
import { COMMIT } from '../support/bitbucket.ts';
import { PIPELINE_UUID, REPOSITORY_UUID } from '../support/issuer.ts';
import { roleUnderPolicy } from '../support/policy.ts';

const authority: Authority = {
  ...roleUnderPolicy({}),
  binding: { name: 'b', role: 'r', issuer: 'pipelines', where: new Map() },
  principal: {
    issuerName: 'pipelines',
    issuer: 'https://issuer',
    subject: 'me',
    claims: { repositoryUuid: REPOSITORY_UUID, pipelineUuid: PIPELINE_UUID, branchName: 'main' },
    isHuman: false,
    tokenSha256: '',
    expiresAtMs: wallAt(1e12),
    pipelineTarget: 'pull_request',
  },
};

const VCS: VcsRecord = {
  commit: COMMIT,
  source: 'rest',
  verified: true,
  url: `https://bitbucket.org/acme/shop-schema/commits/${COMMIT}`,
  build_url: 'https://bitbucket.org/acme/shop-schema/pipelines/results/42',
  author: 'Alice',
  pull_request: 17,
};

describe('the attributes of who asks', () => {
  it('name commit, pull request and pipeline in the words of the conventions', () => {
    expect(identityAttributes('s', authority, VCS)).toMatchObject({
      'vcs.provider.name': 'bitbucket',
      'vcs.ref.head.name': 'main',
      'vcs.ref.head.revision': COMMIT,
      'vcs.change.id': '17',
      'cicd.pipeline.run.id': PIPELINE_UUID,
      'cicd.pipeline.run.url.full': VCS.build_url,
      'cqlgate.pipeline.target': 'pull_request',
      'cqlgate.commit.source': 'rest',
    });
  });

  it("give no revision by a client's word, and no person's name", () => {
    const hint = { ...VCS, source: 'hint', verified: false, build_url: null } as const;
    const attributes = identityAttributes('s', authority, { ...hint, pull_request: null });
    expect(attributes).not.toHaveProperty('vcs.ref.head.revision');
    expect(attributes).not.toHaveProperty('vcs.change.id');
    expect(JSON.stringify(attributes)).not.toContain('Alice');
  });
});
