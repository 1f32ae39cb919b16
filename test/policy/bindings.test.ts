// Who may take a role: claims against patterns, and nothing missing ever matches.
import { describe, expect, it } from 'vitest';
import { NO_END } from '../support/moments.ts';
import { bindingMatches } from '../../src/policy/bindings.ts';
import { Policy } from '../../src/policy/policy.ts';
import type { ClaimValue, Principal } from '../../src/identity/principal.ts';

const principal = (claims: Record<string, ClaimValue>): Principal => ({
  issuerName: 'pipelines',
  issuer: 'https://issuer',
  subject: 'me',
  claims,
  tokenSha256: '',
  isHuman: false,
  expiresAtMs: NO_END,
});

const binding = (where: Record<string, string | string[]>, role = 'r', issuer = 'pipelines') => ({
  name: role,
  role,
  issuer,
  where: new Map(Object.entries(where).map(([key, value]) => [key, [value].flat()])),
});

describe('bindings', () => {
  const cases: [Record<string, string | string[]>, Record<string, ClaimValue>, boolean][] = [
    [{ branchName: 'main' }, { branchName: 'main' }, true],
    [{ branchName: ['main', 'release/*'] }, { branchName: 'release/2' }, true],
    [{ branchName: '*' }, {}, false],
    [{ branchName: '*' }, { branchName: null }, false],
    [{ branchName: '**' }, { branchName: '' }, false],
    [{ branchName: '**' }, { branchName: { a: 1 } }, false],
    [{ branchName: '**' }, { branchName: [] }, false],
    [{ groups: 'readers' }, { groups: ['writers', 'readers'] }, true],
    [{ groups: '1' }, { groups: [1] }, false],
    [{ groups: '**' }, { groups: [['x']] }, false],
    [{ level: '3' }, { level: 3 }, true],
    [{ level: 'true' }, { level: true }, true],
    [{ level: '3' }, { level: 3.0 }, true],
    [{ toString: '**' }, {}, false],
    [{ __proto__x: '**' }, {}, false],
    [{ repositoryUuid: '8864CD24' }, { repositoryUuid: '{8864cd24}' }, true],
    [{ repositoryUuid: '{8864cd24}' }, { repositoryUuid: '8864CD24' }, true],
    [{ repository: '{8864cd24}' }, { repository: '8864cd24' }, false],
    [{ a: '1', b: '2' }, { a: '1', b: '2' }, true],
    [{ a: '1', b: '2' }, { a: '1' }, false],
    [
      { '/https:~1~1sts.amazonaws.com~1/aws_account': '42' },
      { 'https://sts.amazonaws.com/': { aws_account: '42' } },
      true,
    ],
    [{ '/a/b': 'x' }, { a: ['x'] }, false],
    [{}, { anything: 'x' }, false],
  ];

  it.each(cases)('%j against %j: %s', (where, claims, expected) => {
    expect(bindingMatches(binding(where), principal(claims))).toBe(expected);
  });

  it('count for their own issuer only', () => {
    expect(bindingMatches(binding({ a: '1' }, 'r', 'other'), principal({ a: '1' }))).toBe(false);
  });
});

describe('the target of a pipeline', () => {
  const onBranch = binding({ repositoryUuid: '1', pipelineTarget: 'branch' });
  const job = { repositoryUuid: '1' };

  it('is never what the token says', () => {
    for (const claims of [{ ...job, pipelineTarget: 'branch' }, job]) {
      expect(bindingMatches(onBranch, principal(claims))).toBe(false);
      const pointer = binding({ '/pipelineTarget': 'branch' });
      expect(bindingMatches(pointer, principal(claims))).toBe(false);
      const known = { ...principal(claims), pipelineTarget: 'pull_request' as const };
      expect(bindingMatches(onBranch, known)).toBe(false);
    }
    expect(bindingMatches(onBranch, { ...principal(job), pipelineTarget: 'branch' })).toBe(true);
    expect(bindingMatches(binding({ pipelineTarget: '*' }), principal(job))).toBe(false);
    const unnamed = { ...principal(job), pipelineTarget: null };
    expect(bindingMatches(binding({ pipelineTarget: '**' }), unnamed)).toBe(false);
  });

  it('is asked for only where everything else of a binding matches', () => {
    const policy = new Policy({ roles: [], ownLogins: [], bindings: [onBranch] }, 'v');
    expect(policy.asksForTarget(principal(job), 'oidc')).toBe(true);
    expect(policy.asksForTarget(principal(job), 'r')).toBe(true);
    expect(policy.asksForTarget(principal(job), 'another')).toBe(false);
    expect(policy.asksForTarget(principal({ repositoryUuid: '2' }), 'r')).toBe(false);
    expect(policy.asksForTarget({ ...principal(job), issuerName: 'other' }, 'r')).toBe(false);
    const without = new Policy({ roles: [], ownLogins: [], bindings: [binding(job)] }, 'v');
    expect(without.asksForTarget(principal(job), 'r')).toBe(false);
  });
});
