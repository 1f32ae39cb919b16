// `cqlgate policy test` holds a policy against expectations, for a pull request that changes it. Claims are taken as
// they stand in the file; everything that follows from them is decided as the gate decides it.
import { writeFile } from 'node:fs/promises';
import { analyse, isStatement } from '../cql/analyse.ts';
import type { Schema } from '../cql/statement.ts';
import { loadExpectations, type Expectations } from '../config/expectations.ts';
import type { Principal } from '../identity/principal.ts';
import { decide, isPermit } from '../policy/decide.ts';
import { isAuthority, type Policy } from '../policy/policy.ts';
import { SchemaSnapshot, type SchemaRows } from '../upstream/schema.ts';
import { nearestTime } from '../wall-clock.ts';
import {
  CONFIG_OPTION,
  EXIT,
  JSON_OPTION,
  print,
  printJson,
  type CommandDefinition,
  type Terminal,
} from './command.ts';
import { configuredPolicy } from './configured-policy.ts';
import { junit, type Check } from './junit.ts';

interface TestOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly junit?: string;
}

export const command: CommandDefinition<TestOptions, string> = {
  summary:
    'hold the policy against expectations; exit code 1 where one is not met or a file is not valid',
  argument: { name: '<file>', summary: 'the expectations: tokens, statements, permit or deny' },
  options: [
    CONFIG_OPTION,
    JSON_OPTION,
    { flags: '--junit <file>', summary: 'write the results as JUnit XML too' },
  ],
  run: async (options, terminal, file) => {
    const { policy } = await configuredPolicy(options.config);
    const checks = testPolicy(policy, await loadExpectations(file));
    if (options.junit !== undefined) await writeFile(options.junit, junit(checks));
    if (options.json === true) printJson(terminal, checks);
    else printChecks(checks, terminal);
    return checks.some(hasFailed) ? EXIT.refused : EXIT.ok;
  },
};

function printChecks(checks: readonly Check[], terminal: Terminal): void {
  const failed = checks.filter(hasFailed);
  for (const { test, name, failure } of failed) print(terminal, `${test}: ${name}\n  ${failure}`);
  print(terminal, `${checks.length - failed.length} as expected, ${failed.length} not`);
}

function hasFailed({ failure }: Check): boolean {
  return failure !== null;
}

type Test = Expectations['tests'][number];
type Token = Expectations['tokens'][string];

/** The checks come in the order of the file. */
export function testPolicy(policy: Policy, expectations: Expectations): Check[] {
  const schema = new SchemaSnapshot(1, schemaRows(expectations.schema));
  return expectations.tests.flatMap((test) => {
    return checksOf(test, policy, principalOf(expectations.tokens[test.token]!), schema);
  });
}

function checksOf(test: Test, policy: Policy, principal: Principal, schema: Schema): Check[] {
  const check = (name: string, failure: string | null): Check => ({
    test: test.name,
    name,
    failure,
  });
  const authority = policy.authorize(principal, test.role);
  if (!isAuthority(authority)) {
    const isWanted = test.login === 'deny';
    return [check(`${test.login} login`, isWanted ? null : `refused: ${authority.message}`)];
  }
  if (test.login === 'deny') {
    const { role, binding } = authority;
    return [check('deny login', `let in as ${role.name} by binding ${binding.name}`)];
  }
  /** Says why a text is refused; returns null where it is permitted. */
  const refusal = (text: string): string | null => {
    const statement = analyse(text, test.keyspace ?? null);
    if (!isStatement(statement)) return `not understood: ${statement.reason}`;
    const decision = decide(authority, statement, schema);
    return isPermit(decision) ? null : decision.message;
  };
  return [
    ...test.permit.map((text) => {
      const reason = refusal(text);
      return check(`permit ${text}`, reason === null ? null : `denied: ${reason}`);
    }),
    ...test.deny.map((expected) => {
      const { statement: text, because } =
        typeof expected === 'string' ? { statement: expected, because: '' } : expected;
      const reason = refusal(text);
      if (reason === null) return check(`deny ${text}`, `permitted to ${authority.role.name}`);
      const isWanted = reason.includes(because);
      return check(`deny ${text}`, isWanted ? null : `denied, but because: ${reason}`);
    }),
  ];
}

function principalOf({ issuer: issuerName, claims, pipelineTarget }: Token): Principal {
  const { sub, iss } = claims;
  return {
    issuerName,
    issuer: typeof iss === 'string' ? iss : issuerName,
    subject: typeof sub === 'string' ? sub : 'the test',
    claims,
    pipelineTarget,
    tokenSha256: '',
    isHuman: false,
    expiresAtMs: nearestTime(Infinity),
  };
}

function schemaRows({ views, indexes }: Expectations['schema']): SchemaRows {
  return {
    views: Object.entries(views).map(([view, base]) => {
      const [keyspace, name] = split(view);
      return { keyspace, view: name, base: split(base)[1] };
    }),
    indexes: Object.entries(indexes).map(([index, table]) => {
      const [keyspace, name] = split(index);
      return { keyspace, index: name, table: split(table)[1] };
    }),
  };
}

function split(qualified: string): [string, string] {
  const [keyspace = '', name = ''] = qualified.split('.');
  return [keyspace, name];
}
