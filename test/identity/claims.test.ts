// Claims as records have them.
import { describe, expect, it } from 'vitest';
import { wallAt } from '../../src/clock.ts';
import { normalizeUuid, principalRecord } from '../../src/identity/claims.ts';
import type { Principal } from '../../src/identity/principal.ts';

const principal = (claims: Principal['claims']): Principal => ({
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'job',
  claims,
  tokenSha256: 'ab'.repeat(32),
  isHuman: false,
  expiresAtMs: wallAt(0),
});

describe('the record of a principal', () => {
  it('has the claims of a job, and none of the others', () => {
    const claims = {
      repositoryUuid: '{R}',
      pipelineUuid: '{P}',
      stepUuid: '{S}',
      deploymentEnvironmentUuid: '{E}',
      branchName: 'main',
      groups: ['secret'],
    };
    expect(principalRecord(principal(claims))).toEqual({
      issuer: 'https://issuer',
      subject: 'job',
      repository_uuid: '{R}',
      pipeline_uuid: '{P}',
      step_uuid: '{S}',
      environment_uuid: '{E}',
      branch: 'main',
      token_sha256: 'ab'.repeat(32),
      expires: '1970-01-01T00:00:00.000Z',
    });
  });

  it('has null for a claim that is missing or no text, though objects have one by inheritance', () => {
    const record = principalRecord(principal({ repositoryUuid: 5, branchName: ['main'] }));
    expect([record.repository_uuid, record.branch, record.step_uuid]).toEqual([null, null, null]);
    const inherited = Object.create({ branchName: 'main' }) as Principal['claims'];
    expect(principalRecord(principal(inherited)).branch).toBeNull();
  });
});

it.each([
  ['{AB-cd}', 'ab-cd'],
  ['AB-cd', 'ab-cd'],
  ['{ab', '{ab'],
  ['ab}', 'ab}'],
  ['{{ab}}', '{ab}'],
  ['', ''],
])('the UUID %s is compared as %s', (uuid, normal) => {
  expect(normalizeUuid(uuid)).toBe(normal);
});
