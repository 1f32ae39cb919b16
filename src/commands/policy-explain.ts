// `cqlgate policy explain` says which grant allows a statement to a role, or what is missing.
import { analyse, isStatement } from '../cql/analyse.ts';
import { formatNeed } from '../cql/resource.ts';
import { EMPTY_SCHEMA, type Statement } from '../cql/statement.ts';
import { decide, isPermit } from '../policy/decide.ts';
import { ConfigFault } from '../errors.ts';
import type { Policy } from '../policy/policy.ts';
import {
  CONFIG_OPTION,
  EXIT,
  JSON_OPTION,
  KEYSPACE_OPTION,
  print,
  printJson,
  type CommandDefinition,
  type Terminal,
} from './command.ts';
import { configuredPolicy } from './configured-policy.ts';

interface ExplainOptions {
  readonly role: string;
  readonly keyspace?: string;
  readonly config: string;
  readonly json?: boolean;
}

export const command: CommandDefinition<ExplainOptions, string> = {
  summary:
    'say which grant allows a statement to a role, or what is missing; exit code 1 where denied',
  argument: { name: '<statement>', summary: 'a CQL text' },
  options: [
    { flags: '--role <name>', summary: 'role of the policy', isRequired: true },
    KEYSPACE_OPTION,
    CONFIG_OPTION,
    JSON_OPTION,
  ],
  run: async ({ role, keyspace, config, json }, terminal, text) => {
    const { policy } = await configuredPolicy(config);
    const found = explain(policy, role, text, keyspace ?? null);
    if (found === null) {
      throw new ConfigFault([
        `the policy has no role ${role}; it has ${policy.roleNames.join(', ')}`,
      ]);
    }
    if (json === true) printJson(terminal, found);
    else printExplanation(found, terminal);
    return found.result === 'deny' ? EXIT.refused : EXIT.ok;
  },
};

function printExplanation(found: Explanation, terminal: Terminal): void {
  print(terminal, `${found.result}: ${found.kind ?? 'not understood'} as ${found.role}`);
  for (const { need, grant } of found.needs) print(terminal, `  ${need}: ${grant ?? 'no grant'}`);
  if (found.reason !== null) print(terminal, `  ${found.reason}`);
  if (found.note !== null) print(terminal, `  note: ${found.note}`);
}

interface Explanation {
  readonly result: 'permit' | 'deny';
  readonly role: string;
  readonly kind: string | null;
  readonly needs: readonly { readonly need: string; readonly grant: string | null }[];
  readonly reason: string | null;
  /** How the answer may differ on the cluster: no schema is asked here, which may have a view or an index of the name. */
  readonly note: string | null;
}

/** Returns null where the policy has no such role. */
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
    // Only a grant on all keyspaces, or on a prefix of the name, allows to create a keyspace.
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
