// `cqlgate policy test`: expectations on the policy, for a pull request that changes it. Claims are
// taken as they stand in the file; everything behind them is decided as the gate decides.
import { analyse, isStatement } from '../cql/analyse.ts';
import type { Schema } from '../cql/statement.ts';
import type { Expectations } from '../config/expectations.ts';
import type { Principal } from '../identity/principal.ts';
import { decide, isPermit } from '../policy/decide.ts';
import { isAuthority, type Policy } from '../policy/policy.ts';
import { SchemaSnapshot, type SchemaRows } from '../upstream/schema.ts';
import { nearestTime } from '../wall-clock.ts';

export interface Check {
  /** Of the test it belongs to. */
  readonly test: string;
  /** `permit SELECT ...`. */
  readonly name: string;
  /** What came instead; null where it is as expected. */
  readonly failure: string | null;
}

type Test = Expectations['tests'][number];
type Token = Expectations['tokens'][string];

/** In the order of the file. */
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
  /** Why a text is refused; null where it is permitted. */
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
