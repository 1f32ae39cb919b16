// The policy: every problem at once, each with its place and what to do.
import { afterEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/commands/check-config.ts';
import { loadPolicy, policyContext, policyOf } from '../../src/config/load-policy.ts';
import { loadConfig } from '../../src/config/load.ts';
import { TOKENS } from '../../src/limits/identity.ts';
import { CONFIG, Files, POLICY } from './files.ts';

let files: Files;
afterEach(async () => files?.remove());

async function problemsOf(config: string, policy = POLICY): Promise<readonly string[]> {
  files = await Files.create(config, policy);
  return (await checkConfig(files.config)).problems.map((text) =>
    text.replaceAll(`${files.dir}/`, ''),
  );
}

describe('the policy', () => {
  it('tells all problems at once', async () => {
    const problems = await problemsOf(
      CONFIG,
      POLICY.replace('cassandraRole: ci', 'cassandraRole: cj')
        .replace('SELECT ON KEYSPACE orders', 'SELECT ON KEYSPACE orders, READ ON KEYSPACE x')
        .replace('issuer: pipelines', 'issuer: pipeline'),
    );
    expect(problems.join('\n')).toContain('did you mean ci?');
    expect(problems.join('\n')).toContain("'READ ON KEYSPACE x': expected a permission");
    expect(problems.join('\n')).toContain('did you mean pipelines?');
    expect(problems).toHaveLength(3);
    expect(problems.every((text) => /^policy\.yaml:\d+:\d+: /.test(text))).toBe(true);
  });

  const bad: [string, string, string][] = [
    ['an empty where', POLICY.replace('{repositoryUuid: "{2}"}', '{}'), 'where is empty'],
    [
      'a bitbucket binding without repository',
      POLICY.replace('repositoryUuid', 'branchName'),
      'name repositoryUuid',
    ],
    [
      'an unknown role',
      POLICY.replace('role: migrator', 'role: migrater'),
      'did you mean migrator?',
    ],
    [
      "a role that would be an object's prototype",
      POLICY.replaceAll('migrator', '__proto__'),
      'policy.yaml:4:3: __proto__ can be no name here',
    ],
    [
      'a condition that would be left out, so that the binding binds more',
      POLICY.replace('"{2}"}', '"{2}", __proto__: production}'),
      '__proto__ can be no name here',
    ],
    ['a role called oidc', POLICY.replaceAll('migrator', 'oidc'), 'no role may be called oidc'],
    [
      'an unknown kind in deny',
      POLICY.replace('grants:', 'deny: [TRUNCATES]\n    grants:'),
      'did you mean TRUNCATE?',
    ],
    [
      'a grant on the gate keyspace',
      POLICY.replace('KEYSPACE orders', 'KEYSPACE cqlgate'),
      "gate's own",
    ],
    ['a grant on JMX', POLICY.replace('SELECT ON KEYSPACE orders', 'SELECT ON ALL MBEANS'), 'JMX'],
    [
      "a role's limits",
      POLICY.replace('grants:', 'limits: {connections: 2}\n    grants:'),
      'not enforced by this version',
    ],
    [
      'a grace beyond a day',
      POLICY.replace('grants:', 'session: {grace: 25h}\n    grants:'),
      'at most 24h',
    ],
    [
      'a duration that is none',
      POLICY.replace('grants:', 'session: {max: forever}\n    grants:'),
      'write a duration',
    ],
    [
      'a capability',
      POLICY.replace('grants:', 'capabilities: [trigger]\n    grants:'),
      "'trigger' is no capability; did you mean triggers?",
    ],
    [
      'a relaxation',
      POLICY.replace('grants:', 'asCassandra: [keyspace]\n    grants:'),
      "'keyspace' is no relaxation; did you mean keyspaces?",
    ],
    [
      'an admin of no claim',
      `${POLICY}admins: [{level: operator, issuer: pipelines, where: {}}]\n`,
      'admins[0]: where is empty',
    ],
    [
      'an admin of no level',
      `${POLICY}admins: [{level: root, issuer: pipelines, where: {a: b}}]\n`,
      'admins.0.level',
    ],
    [
      'an admin of no issuer',
      `${POLICY}admins: [{level: viewer, issuer: pipeline, where: {a: b}}]\n`,
      'did you mean pipelines?',
    ],
    [
      'a target that is none',
      POLICY.replace('"{2}"', '"{2}", pipelineTarget: [branch, merge]'),
      "pipelineTarget 'merge' is none of branch, tag, pull_request, custom, commit",
    ],
    [
      'a target as a pointer into the claims',
      POLICY.replace('"{2}"', '"{2}", /pipelineTarget: branch'),
      'write it without the slash',
    ],
    [
      'a commit mode that is none',
      POLICY.replace('grants:', 'commit: always\n    grants:'),
      'roles.migrator.commit',
    ],
    ['another version', POLICY.replace('version: 1', 'version: 2'), 'version must be 1'],
    ['a number as a claim', POLICY.replace('"{2}"', '2'), 'quote numbers'],
  ];

  it.each(bad)('refuses %s', async (_name, policy, text) => {
    expect((await problemsOf(CONFIG, policy)).join('\n')).toContain(text);
  });
});

describe('a role', () => {
  it.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
    'called %s is a role like any other',
    async (name) => {
      files = await Files.create(
        CONFIG.replace('  ci: {', `  ${name}: {`),
        POLICY.replaceAll('migrator', name).replace('cassandraRole: ci', `cassandraRole: ${name}`),
      );
      const loaded = await loadConfig(files.config);
      const { policy } = await loadPolicy(files.policy, policyContext(loaded));
      expect(policy.roleNames).toEqual([name]);
      expect(policy.role(name)?.cassandraRole).toBe(name);
      expect(policy.role('__proto__')).toBeNull();
    },
  );
});

describe('a binding', () => {
  const row = (type: string) =>
    CONFIG.replace(
      /- \{name: pipelines.*\}/,
      `- {name: pipelines, type: ${type}, issuer: "https://issuer.example.com", audience: gate}`,
    );
  const where = (claims: string) => POLICY.replace('{repositoryUuid: "{2}"}', `{${claims}}`);
  const tags = '"/https:~1~1sts.amazonaws.com~1/request_tags/team": orders';
  const account = '"/https:~1~1sts.amazonaws.com~1/aws_account": "123456789012"';

  it.each([
    ['aws', tags, 'chosen by whoever asks'],
    ['aws', account, null],
    ['aws', `${tags}, ${account}`, null],
    ['aws', 'sub: "arn:aws:iam::123456789012:role/x"', null],
    ['kubernetes', '"/kubernetes.io/namespace": ci', 'name sub'],
    ['kubernetes', 'sub: "system:serviceaccount:ci:*"', null],
    ['okta', 'groups: data-readers', null],
    ['okta', '', 'where is empty'],
  ])('of %s by {%s}', async (type, claims, problem) => {
    const problems = await problemsOf(row(type), where(claims));
    if (problem === null) expect(problems).toEqual([]);
    else expect(problems.join()).toContain(problem);
  });

  it('of an issuer with a CA that can not be read is a problem', async () => {
    const config = row('kubernetes').replace('audience: gate', 'audience: gate, ca: secret');
    expect((await problemsOf(config, where('sub: a'))).join()).toContain(
      'secret holds no PEM certificates',
    );
  });
});

describe('the grace of a role', () => {
  it('is as long as an expired token is remembered, and no longer', () => {
    const context = { issuers: [], cassandraRoles: ['ci'], ownLogins: [] };
    const policy = (grace: string) =>
      policyOf(
        {
          file: 'policy.yaml',
          content: `{version: 1, roles: {r: {cassandraRole: ci, grants: [], session: {grace: ${grace}}}}, bindings: []}`,
        },
        context,
      ).policy.longestGraceMs;
    expect(policy(`${TOKENS.graceMaxMs}ms`)).toBe(TOKENS.graceMaxMs);
    expect(() => policy(`${TOKENS.graceMaxMs + 1}ms`)).toThrow(/session\.grace: at most 24h/);
  });
});
