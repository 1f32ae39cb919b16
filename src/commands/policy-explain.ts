// `cqlgate policy explain`: which grant allows a statement to a role, or what is missing.
import { analyse, isStatement } from '../cql/analyse.ts';
import { formatNeed } from '../cql/resource.ts';
import { EMPTY_SCHEMA, type Statement } from '../cql/statement.ts';
import { decide, isPermit } from '../policy/decide.ts';
import type { Policy } from '../policy/policy.ts';

export interface Explanation {
  readonly result: 'permit' | 'deny';
  readonly role: string;
  readonly kind: string | null;
  readonly needs: readonly { readonly need: string; readonly grant: string | null }[];
  readonly reason: string | null;
  /** The schema is not asked: what a view or an index needs may differ on the cluster. */
  readonly note: string | null;
}

/** null where the policy has no such role. */
export function explain(
  policy: Policy,
  roleName: string,
  text: string,
  keyspace: string | null,
): Explanation | null {
  const role = policy.role(roleName);
  if (role === null) return null;
  const statement = analyse(text, keyspace);
  if (!isStatement(statement)) {
    const { reason } = statement;
    return { result: 'deny', role: roleName, kind: null, needs: [], reason, note: null };
  }
  const decision = decide({ role, policy }, statement, EMPTY_SCHEMA);
  const needs = statement.needs.map((need) => ({
    need: formatNeed(need),
    // A keyspace is made by a grant on all, or on its prefix.
    grant:
      statement.kind === 'CREATE KEYSPACE'
        ? role.findCreateKeyspace(statement.keyspace ?? '')
        : role.find(need.permission, need.resource),
  }));
  return {
    result: isPermit(decision) ? 'permit' : 'deny',
    role: roleName,
    kind: statement.kind,
    needs,
    reason: isPermit(decision) ? null : decision.message,
    note: noteOf(statement),
  };
}

function noteOf({ lookup, defines }: Statement): string | null {
  const absent = 'where there is none of that name, some grant in the keyspace suffices';
  if (lookup !== null) {
    return `on the cluster the schema tells the base table, whose grant then suffices; ${absent}`;
  }
  return defines?.change === 'drop' ? `on the cluster, ${absent}` : null;
}
