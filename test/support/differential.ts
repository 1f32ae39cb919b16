// The analyser against Cassandra's own parser, text by text. Where Cassandra refuses, the analyser
// must; where it accepts, the analyser refuses or finds the same kind and at least the same names.
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { CqlGenerator, type Random } from './cql-generator.ts';
import type { OracleName, Verdict } from './oracle.ts';

/** The keyspace of unqualified names on our side. */
export const SESSION_KEYSPACE = 'cur';

/** Classes of Cassandra's statements by our kinds, where the one does not contain the other. */
const CLASSES: Readonly<Record<string, string>> = {
  SELECT: 'SelectStatement$RawStatement',
  INSERT: 'UpdateStatement$ParsedInsert',
  UPDATE: 'UpdateStatement$ParsedUpdate',
  DELETE: 'DeleteStatement$Parsed',
  BATCH: 'BatchStatement$Parsed',
  USE: 'UseStatement',
  TRUNCATE: 'TruncateStatement',
  GRANT: 'GrantPermissionsStatement',
  REVOKE: 'RevokePermissionsStatement',
  'CREATE USER': 'CreateRoleStatement',
  'ALTER USER': 'AlterRoleStatement',
  'DROP USER': 'DropRoleStatement',
  'LIST PERMISSIONS': 'ListPermissionsStatement',
  DESCRIBE: 'DescribeStatement',
};

function classOf(kind: string): string {
  const known = CLASSES[kind];
  if (known !== undefined) return known;
  const words = kind.replace('MATERIALIZED VIEW', 'VIEW').split(' ');
  return `${words.map((word) => word[0]! + word.slice(1).toLowerCase()).join('')}Statement`;
}

export interface Comparison {
  /** What is wrong, or null. */
  readonly disagreement: string | null;
  readonly verdict: 'accepted' | 'refused' | 'invalid';
  readonly understood: boolean;
  readonly kind: string | null;
}

export function compare(text: string, verdict: Verdict): Comparison {
  const found = analyse(text, SESSION_KEYSPACE);
  const statement = isStatement(found) && !namesTypeClasses(found) ? found : null;
  const understood = statement !== null;
  const kind = statement?.kind ?? null;
  if ('error' in verdict) {
    // A function that the empty schema lacks: the parser itself trips over it.
    const isSchema = verdict.message.includes('NoSuchElementException');
    if (isSchema || verdict.error !== 'SyntaxException') {
      return { disagreement: null, verdict: 'invalid', understood, kind };
    }
    const disagreement = understood ? `accepted, but Cassandra says: ${verdict.message}` : null;
    return { disagreement, verdict: 'refused', understood, kind };
  }
  if (statement === null) {
    const isNoCql = !isStatement(found) && found.rule === 'syntax';
    const disagreement = isNoCql ? `refused as no CQL (${found.reason})` : null;
    return { disagreement, verdict: 'accepted', understood, kind };
  }
  return { disagreement: difference(statement, verdict), verdict: 'accepted', understood, kind };
}

/** Then it is refused, as a class that nobody has is by Cassandra's parser. */
function namesTypeClasses({ javaTypes, classes }: Statement): boolean {
  return javaTypes.length > 0 && classes.length > 0;
}

/** What Cassandra names and the statement does not. */
function difference(found: Statement, verdict: Exclude<Verdict, { error: string }>): string | null {
  if (!verdict.kind.startsWith(classOf(found.kind))) {
    return `read as ${found.kind}, but Cassandra has ${verdict.kind}`;
  }
  const children = found.children.length > 0 ? found.children : [found];
  // A name without keyspace is one of the session's, or of a table named in the statement.
  const scopes = new Set([SESSION_KEYSPACE, ...children.map((child) => child.keyspace ?? '')]);
  const lost = (what: string, names: readonly OracleName[], ours: readonly OracleName[]) =>
    names
      .filter(([keyspace, name]) => {
        const fits = (scope: string | null) =>
          keyspace === null ? scopes.has(scope ?? '') : scope === keyspace;
        return !ours.some(([scope, one]) => one === name && fits(scope));
      })
      .map(([keyspace, name]) => `${what} ${keyspace ?? '?'}.${name}`);
  const tables: OracleName[] = found.tables.map(({ keyspace, table }) => [keyspace, table]);
  if (found.lookup !== null) tables.push([found.lookup.keyspace, found.lookup.name]);
  const functions: OracleName[] = [...found.functions, ...found.calls].map((one) => [
    one.keyspace,
    one.name,
  ]);
  const types: OracleName[] = found.types.map((one) => [one.keyspace, one.name]);
  const keyspaces = [found.keyspace, ...found.needs.map(({ resource }) => keyspaceOf(resource))];
  const missing = [
    ...lost('table', verdict.tables, tables),
    ...lost(
      'function',
      // Operators, casts and natives that are qualified are nobody's to grant.
      verdict.functions.filter(([keyspace]) => keyspace !== 'system'),
      functions,
    ),
    ...lost('type', verdict.types, types),
    // LIST changes no role: what it shows is asked for on all of them.
    ...verdict.roles
      .filter((role) => !found.kind.startsWith('LIST') && !rolesOf(found).includes(role))
      .map((role) => `role ${role}`),
    ...verdict.keyspaces
      .filter((keyspace) => found.kind !== 'LIST PERMISSIONS' && !keyspaces.includes(keyspace))
      .map((keyspace) => `keyspace ${keyspace}`),
  ];
  return missing.length === 0 ? null : `did not see ${missing.join(', ')}`;
}

function keyspaceOf(resource: Statement['needs'][number]['resource']): string | null {
  return 'keyspace' in resource ? resource.keyspace : null;
}

function rolesOf(found: Statement): string[] {
  const needed = found.needs.map(({ resource }) => (resource.type === 'ROLE' ? resource.role : ''));
  return [...found.roles, ...needed];
}

export interface GeneratedText {
  readonly text: string;
  /** It comes from the grammar as it is. */
  readonly intact: boolean;
}

export function generate(random: Random): GeneratedText {
  const generator = new CqlGenerator(random);
  const tokens = generator.statement();
  const way = random();
  if (way < 0.6) return { text: generator.render(tokens), intact: true };
  if (way < 0.85) return { text: generator.render(generator.mutate(tokens)), intact: false };
  return { text: generator.damage(generator.render(tokens)), intact: false };
}
