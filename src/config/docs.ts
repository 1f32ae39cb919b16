// docs/CONFIG.md, made of the schemas and the table of limits: what is written there is what is checked.
import type { z } from 'zod';
import { LIMITS, type LimitName } from '../limits/operator.ts';
import { policySchema } from './policy-schema.ts';
import { configSchema } from './schema.ts';

interface Node {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Record<string, Node>;
  readonly additionalProperties?: Node;
  readonly items?: Node;
  readonly required?: readonly string[];
  readonly oneOf?: readonly Node[];
  readonly anyOf?: readonly Node[];
}

const HEAD = `# Configuration

Made by \`npm run docs\` from the schemas in src/config; a test holds it true. \`cqlgate check-config\`
reports all problems at once, each with its place; an unknown key is an error that names the nearest.

`;

const NOTES = `
A secret is \`{env: NAME}\` or \`{file: path}\`; a literal one is refused. Paths are relative to the file
they stand in.

## Notes on secrets

- \`cassandraRoles.<name>.password\` may also be \`{vault: {path: secret/data/cassandra, field: ci}}\` (KV version 2).
  \`{vault: {path: database/creds/ci}}\` takes username and password from a lease, and
  \`{vault: {path: database/static-creds/ci}}\` from what Vault rotates itself.
- \`vault.auth\` is one of \`{token: {file: path}}\`, \`{approle: {roleId, secretId: {file: path}, mount}}\`,
  \`{kubernetes: {role, tokenFile, mount}}\`, \`{jwt: {role, tokenFile, mount}}\`; \`mount\` is \`approle\`,
  \`kubernetes\` or \`jwt\` unless given. The address is that of an active node or of its load balancer:
  redirects are not followed.
- A changed secret is taken without a restart: files are looked at twice a second, Vault each half minute.
  New connections log in with the new secret first; those before finish what is in flight and close. It does
  not matter whether the secret or the password in Cassandra changes first.
- Where waiting mends nothing (no such file, denied by Vault) \`serve\` does not start; a Vault that is down or
  sealed is waited for, a minute at most. While the gate runs, the logins at hand serve on until their lease ends.

## Notes on the policy

- A grant is a text of Cassandra's GRANT without \`TO\`: \`SELECT, MODIFY ON KEYSPACE orders\`,
  \`SELECT ON TABLE shared.countries\`, \`EXECUTE ON ALL FUNCTIONS IN KEYSPACE orders\`. A trailing \`*\` covers
  keyspaces by prefix, creating them included; CREATE ON KEYSPACE without it never allows CREATE KEYSPACE.
- ALL KEYSPACES and prefixes do not reach Cassandra's own keyspaces; \`cqlgate\` is reachable by no grant.
- \`deny\` names kinds of statements: \`TRUNCATE\`, \`DROP KEYSPACE\`, \`CREATE FUNCTION\`. Kinds that do the same by other
  words go together (\`DROP USER\` with \`DROP ROLE\`, \`GRANT ROLE\` with \`GRANT\`): \`cqlgate check-config\` lists what is covered.
- What a statement needs is what Cassandra asks for, the schema considered: views are read by their table's
  grant, a write to a table with views needs MODIFY on them (TRUNCATE does not), DROP FUNCTION without arguments
  needs DROP on each overload. DROP INDEX, DROP and ALTER MATERIALIZED VIEW, DROP FUNCTION and DROP AGGREGATE of
  what is not there need some grant in the keyspace, as a migration that runs again sends them; the schema is read
  anew for that. \`policy test\` and \`policy explain\` have no schema to ask, but for \`schema\` in the expectations
  (\`views\` and \`indexes\`, each with its table): they ask for the permission on ALL TABLES IN the keyspace, and for functions
  on ALL FUNCTIONS IN it (\`policy explain\`: on the function). \`cqlgate policy explain\` names the grant behind each need.
- Stricter than Cassandra, and how a role is let off:

  | what | asked for here | let off by |
  |-|-|-|
  | USE, DESCRIBE | some grant in the keyspace; ALL KEYSPACES for DESCRIBE SCHEMA and CLUSTER, and TABLES, TYPES, FUNCTIONS and AGGREGATES without a keyspace | \`asCassandra: [keyspaces]\` |
  | LIST ROLES, USERS, PERMISSIONS | DESCRIBE on ALL ROLES, or on the role named | \`asCassandra: [listing]\` |
  | system_traces | SELECT that names it: it holds everybody's texts and values | \`asCassandra: [traces]\` |
  | ALL in a grant | everything but AUTHORIZE, which is written out | \`asCassandra: [authorize]\` |
  | triggers, ADD and DROP IDENTITY, SUPERUSER, ACCESS of a role that is there | a capability | \`capabilities\` |
  | Java classes (index USING, \`class\` of replication, compaction, compression, types written as strings) | Cassandra's own (\`DynamicCompositeType\` as the type of columns and fields only) | \`classes\`, with their packages |
  | columns with a mask, behind a login that has UNMASK | UNMASK, to read them; UNMASK or SELECT_MASKED, to compare with them or to order by ANN | the grant |
  | IF with a masked column; INSERT ... IF NOT EXISTS, and IF EXISTS in a BATCH, where there is one | UNMASK: Cassandra answers with the row that is there, and masks nothing in it | the grant |
  | DROP, ALTER, GRANT and REVOKE of a role, ADD and DROP IDENTITY, where that role is a superuser, has been granted one, or that is not known; behind a superuser's login | the capability \`superuser\` | \`capabilities\` |
  | \`system.size_estimates\`, \`system.table_estimates\` | rows of keyspaces in which the role has a grant, where \`keyspace_name\` is among plain columns or a condition names it (as connectors of Spark and Hadoop ask), with conditions on keys only | SELECT on that table |
  | names with the character U+0000 | refused, in texts and in protocol fields | nothing |
  | functions, roles, GRANT and REVOKE | grants on FUNCTIONS, on ROLES, and of AUTHORIZE that are written out | the grant |
  | Cassandra roles that the gate itself logs in as | refused: in Cassandra a login may change its own password | nothing |
- \`where\` is never empty. Its keys are claims, or JSON Pointers into nested ones; values are globs (\`*\`
  stops at \`/\`, \`**\` does not) or lists of them. A missing, null or empty claim never matches. Claims
  ending in \`Uuid\` are compared without braces and case. A bitbucket binding names \`repositoryUuid\`.
- \`branchName\` is no production gate: in a pull request it is the source branch. Bind a
  \`deploymentEnvironmentUuid\` with deployment permissions, or add \`pipelineTarget\`.
- \`pipelineTarget\` is \`branch\`, \`tag\`, \`pull_request\`, \`custom\` (started by hand, with a name of its own)
  or \`commit\`. It is no claim: Bitbucket is asked for it at the login (\`bitbucket.token\`), and where that
  can't be, the binding does not match.
- \`commit\` of a role, over \`bitbucket.commit\`: changes to schema and roles (TRUNCATE too) need a verified
  commit with \`required\`, from everybody who takes the role: people have none.
- The username of a login is the role, or \`oidc\` where exactly one role is bound to the token.
`;

export function renderConfigDocs(): string {
  return [
    HEAD,
    '## cqlgate.yaml\n\n',
    table(optionRows(jsonSchema(configSchema), '').filter((row) => !row.path.startsWith('limits'))),
    '\n## Limits\n\nUnder `limits:`; each has a reason.\n\n',
    limits(),
    '\n## policy.yaml\n\n',
    table(optionRows(jsonSchema(policySchema), '')),
    NOTES,
  ].join('');
}

function jsonSchema(schema: z.ZodType): Node {
  return schema.toJSONSchema({ io: 'input', unrepresentable: 'any' }) as Node;
}

interface Row {
  readonly path: string;
  readonly type: string;
  readonly fallback: string;
  readonly sentence: string;
}

function optionRows(node: Node, path: string): Row[] {
  const rows: Row[] = [];
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const at = path === '' ? key : `${path}.${key}`;
    const required = node.required?.includes(key) ?? false;
    rows.push(...rowOf(child, at, required));
  }
  return rows;
}

function rowOf(node: Node, path: string, required: boolean): Row[] {
  const nested = [
    ...optionRows(node, path),
    ...(node.items === undefined
      ? []
      : variants(node.items).flatMap((one) => optionRows(one, `${path}[]`))),
    ...(typeof node.additionalProperties === 'object'
      ? variants(node.additionalProperties).flatMap((one) => optionRows(one, `${path}.<name>`))
      : []),
  ];
  const own: Row = {
    path,
    type: typeOf(node),
    fallback:
      node.default !== undefined ? code(JSON.stringify(node.default)) : required ? 'required' : '',
    sentence: node.description ?? '',
  };
  const isGroup = node.type === 'object' && node.description === undefined;
  return unique(isGroup ? nested : [own, ...nested]);
}

function variants(node: Node): readonly Node[] {
  return node.oneOf ?? node.anyOf ?? [node];
}

/** Variants of a union share keys: one row with all their types, and the first sentence there is. */
function unique(rows: readonly Row[]): Row[] {
  const byPath = new Map<string, Row>();
  for (const row of rows) {
    const known = byPath.get(row.path) ?? row;
    const types = new Set([...known.type.split(' or '), ...row.type.split(' or ')]);
    byPath.set(row.path, {
      ...known,
      type: [...types].join(' or '),
      sentence: known.sentence === '' ? row.sentence : known.sentence,
    });
  }
  return [...byPath.values()];
}

function typeOf(node: Node): string {
  if (node.const !== undefined) return code(JSON.stringify(node.const));
  if (node.enum !== undefined) return node.enum.map((one) => code(String(one))).join(', ');
  if (node.type === 'array')
    return `list of ${node.items === undefined ? 'values' : typeOf(node.items)}`;
  const choices = node.oneOf ?? node.anyOf;
  if (choices !== undefined) return [...new Set(choices.map(typeOf))].join(' or ');
  return node.type ?? 'any';
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ path, type, fallback, sentence }) =>
      `| ${code(path)} | ${type} | ${fallback} | ${sentence} |`,
  );
  return ['| key | type | default | meaning |', '|-|-|-|-|', ...lines, ''].join('\n');
}

function limits(): string {
  const lines = (Object.keys(LIMITS) as LimitName[]).map((name) => {
    const { default: value, unit, reason, ...rest } = LIMITS[name];
    const share = 'isDivided' in rest ? ' Divided among the workers.' : '';
    return `| ${code(name)} | ${value} | ${unit} | ${reason}${share} |`;
  });
  return ['| limit | default | unit | reason |', '|-|-|-|-|', ...lines, ''].join('\n');
}
