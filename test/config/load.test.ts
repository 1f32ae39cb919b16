// The configuration: every problem at once, each with its place and what to do.
import { afterEach, describe, expect, it } from 'vitest';
import { checkConfig } from '../../src/commands/check-config.ts';
import { loadConfig } from '../../src/config/load.ts';
import { ASYMMETRIC_ALGORITHMS } from '../../src/identity/issuers.ts';
import { CONFIG, Files, POLICY } from './files.ts';

let files: Files;
afterEach(async () => files?.remove());

async function problemsOf(config: string, policy = POLICY): Promise<readonly string[]> {
  files = await Files.create(config, policy);
  return (await checkConfig(files.config)).problems.map((text) =>
    text.replaceAll(`${files.dir}/`, ''),
  );
}

const VAULT = `${CONFIG}vault: {address: "https://vault:8200", auth: {token: {file: secret}}}\n`;

const oidc = (more: string): string =>
  CONFIG.replace(
    /\{name: pipelines.*\}/,
    `{name: pipelines, type: oidc, issuer: "https://idp", audience: gate, ${more}}`,
  );

describe('the configuration', () => {
  it('is taken with its paths made absolute, and its secrets left where they are', async () => {
    files = await Files.create();
    const loaded = await loadConfig(files.config);
    expect(loaded.logins.get('ci')).toEqual({ username: 'ci', password: { file: 'secret' } });
    expect(loaded.gateRole).toBe('ci');
    expect(loaded.maxSecretAgeMs).toBe(86_400_000);
    expect(loaded.policyFile).toBe(files.policy);
    expect(loaded.limits.inFlightPerSession).toBe(2048);
    expect((await checkConfig(files.config)).warnings.join()).toContain('advertise is not set');
  });

  it('tells all problems at once, with their places', async () => {
    const problems = await problemsOf(
      CONFIG.replace('contactPoints', 'contactPoint')
        .replace('port: 9042', 'port: many')
        .replace('username: ci, password: {file: secret}', 'username: ci, password: hunter2'),
    );
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).toMatch(/cqlgate\.yaml:2:\d+: listen\.port: /);
    expect(problems.join('\n')).toContain(
      'cluster.contactPoint is not known; did you mean contactPoints?',
    );
    expect(problems.join('\n')).toContain('a literal password is refused');
    expect(problems.join('\n')).not.toContain('hunter2');
  });

  it.each([
    ['an unknown key', CONFIG.replace('audit:', 'audits:'), 'did you mean audit?'],
    [
      'a key of a later version',
      CONFIG.replace('audit: {', 'audit: {signingKey: {file: key}, '),
      'audit.signingKey is not enforced by this version',
    ],
    [
      'a list of load balancers that is empty',
      CONFIG.replace('port: 9042', 'port: 9042, proxyProtocol: []'),
      'listen.proxyProtocol: ',
    ],
    [
      'a load balancer by name',
      CONFIG.replace('port: 9042', 'port: 9042, proxyProtocol: [lb.example.com]'),
      'write a range of addresses',
    ],
    [
      'a misspelt key within another',
      CONFIG.replace('port: 9042', 'port: 9042, proxyProtocoll: ["10.0.0.0/8"]'),
      'did you mean proxyProtocol?',
    ],
    ['a duplicate key', `${CONFIG}policy: other.yaml\n`, 'Map keys must be unique'],
    ['YAML that is none', `${CONFIG}  : [`, 'cqlgate.yaml:'],
    [
      'an http issuer',
      CONFIG.replace('audience:', 'issuer: "http://evil", audience:'),
      'is not https',
    ],
    ['a missing secret', CONFIG.replace('file: secret', 'file: nowhere'), 'nowhere cannot be read'],
    [
      'an unset variable',
      CONFIG.replace('file: secret', 'env: NOT_SET_HERE'),
      'NOT_SET_HERE is not set',
    ],
    [
      'a login from Vault without Vault',
      CONFIG.replace(
        '{username: ci, password: {file: secret}}',
        '{vault: {path: database/creds/ci}}',
      ),
      'cassandraRoles.ci comes from Vault, but vault: is not configured',
    ],
    [
      'a lease at a path that gives none',
      CONFIG.replace('{username: ci, password: {file: secret}}', '{vault: {path: secret/data/ci}}'),
      'username and password come from database/creds/<role>',
    ],
    [
      'a path that leaves its place',
      CONFIG.replace('{file: secret}', '{vault: {path: secret/data/../../sys/x, field: a}}'),
      'write a path as in the API',
    ],
    ['Vault over http', VAULT.replace('https://vault', 'http://vault'), 'is not https'],
    [
      'a literal token for Vault',
      VAULT.replace('token: {file: secret}', 'token: hvs.canary'),
      'the way to log in to Vault is one of',
    ],
    ['an unknown key of Vault', VAULT.replace('auth:', 'auths:'), 'did you mean auth?'],
    ['an age that is no duration', `${CONFIG}maxSecretAge: 1 day\n`, 'write a duration as 30s'],
    ['a bad contact point', CONFIG.replace('127.0.0.1:9043', 'nohost'), 'host:port'],
    [
      'a contact point of IPv6 that is none',
      CONFIG.replace('127.0.0.1:9043', '[:::]:9042'),
      'an IPv6 address stands in brackets',
    ],
    [
      'a peer without a port to connect to',
      `${CONFIG}advertise: {host: gate, port: 9042, peers: ["gate-2:0"]}\n`,
      'a port from 1 to 65535',
    ],
    [
      'drivers told of port 0',
      `${CONFIG}advertise: {host: gate, port: 0}\n`,
      'advertise.port: Too small',
    ],
    [
      'an issuer at port 0',
      CONFIG.replace('audience:', 'issuer: "https://a:0", audience:'),
      'a port is from 1 to 65535',
    ],
    [
      "a login that would be an object's prototype",
      CONFIG.replace('  ci: {', '  __proto__: {'),
      '__proto__ can be no name here',
    ],
    [
      'a login that is called __proto__, in quotes',
      CONFIG.replace('  ci: {', '  "__proto__": {username: a, password: {file: secret}}\n  ci: {'),
      'cqlgate.yaml:6:3: __proto__ can be no name here',
    ],
    [
      'an issuer without an audience',
      CONFIG.replace(', audience: "https://gate"', ''),
      'issuers.0.audience: is missing: a text or a list is expected',
    ],
    [
      'a list in the place of a text',
      CONFIG.replace('policy.yaml', '[policy.yaml]'),
      'policy: a text is expected, not a list',
    ],
    [
      'a text in the place of a list',
      CONFIG.replace('["127.0.0.1:9043"]', '"127.0.0.1:9043"'),
      'cluster.contactPoints: a list is expected, not this text',
    ],
    [
      'no cluster',
      CONFIG.replace('cluster:', 'clusters:'),
      'cluster: is missing: a mapping of keys is expected',
    ],
    [
      'an issuer of no known type',
      CONFIG.replace('type: bitbucket', 'type: github'),
      'issuers.0.type: bitbucket or okta or aws or kubernetes or oidc is expected, not this text',
    ],
    [
      'a shared secret for signatures',
      oidc('algorithms: [RS256, HS256]'),
      'issuers.0.algorithms.1: HS256 is no signature algorithm with a key pair; cqlgate takes RS256, ',
    ],
    [
      'no signatures',
      oidc('algorithms: ["none"]'),
      'none is no signature algorithm with a key pair',
    ],
    [
      'one algorithm that is no list',
      oidc('algorithms: RS256'),
      'issuers.0.algorithms: a list is expected, not this text',
    ],
    ['a negative limit', `${CONFIG}limits: {sessions: -1}\n`, 'limits.sessions'],
    ['an unknown limit', `${CONFIG}limits: {session: 1}\n`, 'did you mean sessions?'],
    [
      'an unknown gate role',
      CONFIG.replace('cluster:', 'cluster:\n  gateRole: boss'),
      'names boss',
    ],
    [
      'an alias bomb',
      `a: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n`,
      'alias',
    ],
    ['nothing', '', 'the file is empty: a mapping of keys is expected'],
  ])('refuses %s', async (_name, config, text) => {
    expect((await problemsOf(config)).join('\n')).toContain(text);
  });

  it.each(['127.0.0.1:0', '127.0.0.1:99999', '127.0.0.1:65536', '127.0.0.1:09042', '[::1]:0'])(
    'refuses the contact point %s',
    async (point) => {
      const problems = await problemsOf(CONFIG.replace('127.0.0.1:9043', point));
      expect(problems.join()).toContain('a port from 1 to 65535');
    },
  );

  it.each([
    ['node-1:65535', 'node-1', 65_535],
    ['[2001:db8::1]:1', '2001:db8::1', 1],
    ['[::ffff:10.0.0.1]:9042', '::ffff:10.0.0.1', 9042],
  ])('takes the contact point %s', async (point, host, port) => {
    files = await Files.create(CONFIG.replace('127.0.0.1:9043', point));
    expect((await loadConfig(files.config)).contactPoints).toEqual([{ host, port }]);
  });

  it('takes every signature with a key pair of an oidc issuer that names none', async () => {
    files = await Files.create(oidc('jwksUri: "https://idp/keys"'));
    const [issuer] = (await loadConfig(files.config)).issuers;
    expect(issuer).toMatchObject({ algorithms: [...ASYMMETRIC_ALGORITHMS] });
    expect(ASYMMETRIC_ALGORITHMS.filter((one) => /^(HS|none)/i.test(one))).toEqual([]);
  });

  it('takes names that objects have by themselves', async () => {
    files = await Files.create(CONFIG.replace('  ci: {', '  constructor: {'));
    expect([...(await loadConfig(files.config)).logins.keys()]).toEqual(['constructor']);
  });

  it('takes logins from Vault without asking it, and says that they are not checked', async () => {
    const config = VAULT.replace(
      'ci: {username: ci, password: {file: secret}}',
      'ci: {vault: {path: database/creds/ci}}\n  kv: {username: kv, password: {vault: {path: secret/data/kv, field: pw}}}\n  open: {open: true}',
    );
    expect(await problemsOf(config)).toEqual([]);
    const { notChecked } = await checkConfig(files.config);
    expect(notChecked.map((text) => text.split(':')[0])).toEqual([
      'cassandraRoles.ci',
      'cassandraRoles.kv',
    ]);
  });

  it('says what each deny covers, the kinds of its family included', async () => {
    const deny = 'grants: [SELECT ON KEYSPACE orders]\n    deny: [drop  user, TRUNCATE]';
    files = await Files.create(CONFIG, POLICY.replace('grants: [SELECT ON KEYSPACE orders]', deny));
    expect((await checkConfig(files.config)).denied).toEqual([
      'roles.migrator.deny covers DROP USER, TRUNCATE, DROP ROLE',
    ]);
  });

  it('tells secrets that are missing and problems of the policy at once', async () => {
    const problems = await problemsOf(
      CONFIG.replace('file: secret', 'env: NOT_SET_HERE'),
      POLICY.replace('cassandraRole: ci', 'cassandraRole: cj'),
    );
    expect(problems).toHaveLength(2);
  });

  it('says that a file is missing', async () => {
    const { problems } = await checkConfig('/nowhere/cqlgate.yaml');
    expect(problems[0]).toContain('cannot be read (ENOENT)');
  });

  it('warns of what is risky', async () => {
    files = await Files.create(
      CONFIG.replace('"https://gate"', '"ari:cloud:bitbucket::workspace/1"')
        .replace('workspaceUuid: "{1}", ', '')
        .replace('{username: ci, password: {file: secret}}', '{open: true}'),
      POLICY.replace('SELECT ON KEYSPACE orders', '"SELECT, MODIFY ON KEYSPACE orders"').replace(
        '"{2}"',
        '"{2}", branchName: main',
      ),
    );
    const { warnings } = await checkConfig(files.config);
    for (const text of ['default audience', 'no workspaceUuid', 'is open', 'branchName alone']) {
      expect(warnings.join('\n')).toContain(text);
    }
  });
});

describe('what is asked of Bitbucket', () => {
  const WITH_TOKEN = `${CONFIG}bitbucket: {token: {file: secret}}\n`;

  const accessOf = async (config: string) => {
    files = await Files.create(config);
    return (await loadConfig(files.config)).bitbucket;
  };

  it('is asked with a token of its own, and then commits are required', async () => {
    expect(await accessOf(WITH_TOKEN)).toEqual({
      apiUrl: 'https://api.bitbucket.org/2.0',
      token: { file: 'secret' },
      username: null,
      commit: 'required',
    });
    await files.remove();
    const basic = `${CONFIG}bitbucket: {apiUrl: "https://proxy/2.0/", token: {file: secret}, username: me@example.com, commit: best-effort}\n`;
    expect(await accessOf(basic)).toEqual({
      apiUrl: 'https://proxy/2.0',
      token: { file: 'secret' },
      username: 'me@example.com',
      commit: 'best-effort',
    });
    await files.remove();
    expect(await accessOf(CONFIG)).toMatchObject({ token: null, commit: 'off' });
  });

  it.each([
    ['a literal token', '{token: hunter2}', 'a literal one is refused'],
    ['a token that is not there', '{token: {file: nowhere}}', 'bitbucket.token: nowhere cannot'],
    ['plain http', '{apiUrl: "http://api.example.com", token: {file: secret}}', 'is not https'],
    ['an unknown mode', '{commit: always}', 'bitbucket.commit'],
  ])('is refused with %s', async (_what, section, text) => {
    const problems = (await problemsOf(`${CONFIG}bitbucket: ${section}\n`)).join('\n');
    expect(problems).toContain(text);
    expect(problems).not.toContain('hunter2');
  });

  const WRITES = POLICY.replace('SELECT ON KEYSPACE orders', '"SELECT, MODIFY ON KEYSPACE orders"');
  const bound = (where: string, policy = WRITES) =>
    policy.replace('repositoryUuid: "{2}"', `repositoryUuid: "{2}", ${where}`);
  const BRANCH_ALONE = 'more than SELECT hangs on branchName alone';

  it.each([
    ['a branch alone', WITH_TOKEN, bound('branchName: main'), BRANCH_ALONE],
    [
      'a branch of a pull request',
      WITH_TOKEN,
      bound('branchName: main, pipelineTarget: "*"'),
      BRANCH_ALONE,
    ],
    ['a branch and a target', WITH_TOKEN, bound('branchName: main, pipelineTarget: branch'), null],
    [
      'a branch and an environment',
      WITH_TOKEN,
      bound('branchName: main, deploymentEnvironmentUuid: "{3}"'),
      null,
    ],
    ['a branch to read by', WITH_TOKEN, bound('branchName: main', POLICY), null],
    ['a target that nobody can tell', CONFIG, bound('pipelineTarget: tag'), 'matches nobody'],
    [
      'a mode without a token',
      `${CONFIG}bitbucket: {commit: required}\n`,
      POLICY,
      'without bitbucket.token',
    ],
  ])('warns, or not, of %s', async (_what, config, policy, warning) => {
    files = await Files.create(config, policy);
    const report = await checkConfig(files.config);
    expect(report.problems).toEqual([]);
    const warnings = report.warnings.filter((one) => !one.startsWith('advertise'));
    if (warning === null) expect(warnings).toEqual([]);
    else expect(warnings.join('\n')).toContain(warning);
  });
});
