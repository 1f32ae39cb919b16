// Expectations on a policy: what is met, what is not, and how it is told.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { junit } from '../../src/commands/junit.ts';
import { testPolicy } from '../../src/commands/policy-test.ts';
import { loadExpectations } from '../../src/config/expectations.ts';
import { Policy } from '../../src/policy/policy.ts';
import { Files } from '../config/files.ts';
import { roleDocument } from '../support/policy.ts';

const policy = new Policy(
  {
    roles: [
      roleDocument({
        name: 'migrator',
        grants: ['ALTER, SELECT ON TABLE orders.t', 'CREATE, DROP ON KEYSPACE orders'],
        deny: ['DROP KEYSPACE'],
      }),
    ],
    bindings: [
      {
        name: 'main',
        role: 'migrator',
        issuer: 'pipelines',
        where: new Map([['branchName', ['main']]]),
      },
      {
        name: 'tags',
        role: 'migrator',
        issuer: 'pipelines',
        where: new Map([['pipelineTarget', ['tag']]]),
      },
    ],
    ownLogins: [],
  },
  'v1',
);

const FILE = `
version: 1
tokens:
  main: {issuer: pipelines, claims: {branchName: main}}
  fork: {issuer: pipelines, claims: {branchName: main2}}
  elsewhere: {issuer: people, claims: {branchName: main}}
  tag: {issuer: pipelines, pipelineTarget: tag}
  claim: {issuer: pipelines, claims: {pipelineTarget: tag}}
schema:
  indexes: {orders.i: orders.t, orders.other: orders.u}
tests:
  - name: the main branch
    token: main
    keyspace: orders
    permit:
      - SELECT * FROM t
      - DROP INDEX IF EXISTS i
      - DROP TABLE t
    deny:
      - DROP KEYSPACE orders
      - {statement: DROP INDEX other, because: has no ALTER ON TABLE orders.u}
      - SELEC
  - {name: forks, token: fork, login: deny}
  - {name: others, token: elsewhere, role: migrator, login: deny}
  - {name: tags, token: tag, permit: [SELECT * FROM orders.t]}
  - {name: who says so himself, token: claim, login: deny}
`;

describe('policy test', () => {
  let files: Files;
  beforeAll(async () => {
    files = await Files.create();
  });
  afterAll(async () => files.remove());

  const run = async (content: string) => {
    await files.write('tests.yaml', content);
    return testPolicy(policy, await loadExpectations(`${files.dir}/tests.yaml`));
  };

  it('is content where all is as expected', async () => {
    const checks = await run(FILE);
    expect(checks).toHaveLength(10);
    expect(checks.filter(({ failure }) => failure !== null)).toEqual([]);
  });

  it.each([
    ['permit:\n      - SELECT * FROM t', 'permit:\n      - SELECT * FROM u', 'has no SELECT ON'],
    ['- DROP KEYSPACE orders', '- DROP TABLE orders.x', 'permitted to migrator'],
    ['because: has no ALTER ON TABLE orders.u', 'because: has no DROP', 'denied, but because'],
    ['token: fork, login: deny', 'token: main, login: deny', 'let in as migrator by binding main'],
    ['token: main\n    keyspace', 'token: fork\n    keyspace', 'refused: No role is bound'],
    ['permit:\n', 'permit:\n      - SELECT * FROM\n', 'not understood'],
    ['keyspace: orders', 'role: migrator', 'No keyspace'],
  ])('says what came instead: %j as %j', async (from, to, text) => {
    expect(FILE).toContain(from);
    const checks = await run(FILE.replace(from, to));
    const failures = checks.flatMap(({ failure }) => failure ?? []);
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.join('\n')).toContain(text);
  });

  it.each([
    [
      'token: fork',
      'token: nobody',
      /no token is called nobody; there are main, fork, elsewhere, tag, claim/,
    ],
    ['login: deny', 'logins: deny', /did you mean login\?/],
    ['pipelineTarget: tag}', 'pipelineTarget: tags}', /pipelineTarget: /],
    ['version: 1', 'version: 2', /version must be 1/],
    ['orders.i: orders.t', 'orders.i: t', /write it as keyspace\.name/],
    ['token: fork, login: deny', 'token: fork, login: deny, permit: [SELECT 1]', /sends no/],
  ])('refuses a file with %j as %j', async (from, to, text) => {
    await expect(run(FILE.replace(from, to))).rejects.toMatchObject({
      problems: [expect.stringMatching(text)],
    });
  });

  it('writes JUnit XML that holds whatever stands in names', () => {
    const text = junit([
      { test: 'a <"&>', name: 'permit SELECT\n1', failure: null },
      { test: 'a <"&>', name: 'deny \u0001\ud800', failure: 'permitted to "r"' },
      { test: 'b', name: 'deny x', failure: null },
    ]);
    expect(text).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="cqlgate policy test" tests="3" failures="1">
  <testsuite name="a &lt;&quot;&amp;&gt;" tests="2" failures="1">
    <testcase classname="a &lt;&quot;&amp;&gt;" name="permit SELECT&#10;1"/>
    <testcase classname="a &lt;&quot;&amp;&gt;" name="deny \ufffd\ufffd"><failure message="permitted to &quot;r&quot;"/></testcase>
  </testsuite>
  <testsuite name="b" tests="1" failures="0">
    <testcase classname="b" name="deny x"/>
  </testsuite>
</testsuites>
`);
  });
});
