// Policies of one role, for tests of what is decided by them.
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { EMPTY_SCHEMA, type Statement } from '../../src/cql/statement.ts';
import { decide, isPermit, type Permit } from '../../src/policy/decide.ts';
import { parseGrant } from '../../src/policy/grant.ts';
import { Policy } from '../../src/policy/policy.ts';
import type { Role } from '../../src/policy/role.ts';
import { type RoleDocument } from '../../src/policy/role.ts';

export type TestRoleDocument = Partial<Omit<RoleDocument, 'grants'>> & {
  readonly grants?: readonly string[];
};

/** A role document with nothing but what is given. */
export function roleDocument({ grants = [], ...rest }: TestRoleDocument = {}): RoleDocument {
  const parsed = grants.map((text) => {
    const grant = parseGrant(text);
    if ('problem' in grant) throw new Error(`${text}: ${grant.problem}`);
    return grant;
  });
  return {
    name: 'r',
    cassandraRole: 'c',
    deny: [],
    capabilities: [],
    classes: [],
    asCassandra: [],
    ...rest,
    grants: parsed,
  };
}

/** What `decide` needs to know of who asks; the gate logs in to Cassandra as `gate_login`. */
export function roleUnderPolicy(document: TestRoleDocument): { role: Role; policy: Policy } {
  const policy = new Policy(
    { roles: [roleDocument(document)], bindings: [], ownLogins: ['gate_login'] },
    'v1',
  );
  return { role: policy.role(document.name ?? 'r')!, policy };
}

/** A statement with a permit for it: only `decide` makes one. */
export function permitted(
  cassandraRole: string,
  text = 'SELECT k FROM ks.t',
): { permit: Permit; statement: Statement; policyVersion: string } {
  const { role, policy } = roleUnderPolicy({ cassandraRole, grants: ['SELECT ON KEYSPACE ks'] });
  const statement = analyse(text, null);
  if (!isStatement(statement)) throw new Error(statement.reason);
  const permit = decide({ role, policy }, statement, EMPTY_SCHEMA);
  if (!isPermit(permit)) throw new Error(permit.message);
  return { permit, statement, policyVersion: policy.version };
}
