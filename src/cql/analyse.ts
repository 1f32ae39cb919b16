// One CQL text to its Statement, or why it is not understood. Nothing that is not in the grammar
// gets through, and what Cassandra would run is never read as something more harmless.
import { batch, modification, type BatchChild, type Modification } from './grammar/modification.ts';
import { describe } from './grammar/describe.ts';
import { Parser, Refusal, type Name } from './grammar/parser.ts';
import {
  grantOrRevoke,
  identity,
  list,
  roleDefinition,
  type RoleStatement,
} from './grammar/roles.ts';
import { alter, create, drop } from './grammar/schema.ts';
import type { SchemaStatement } from './grammar/schema-statement.ts';
import { select } from './grammar/select.ts';
import { isNativeFunction } from './keywords.ts';
import { isLexicalError, Kind, tokenize } from './lexer.ts';
import {
  STATEMENT_KINDS,
  type Need,
  type Statement,
  type StatementKind,
  type TableName,
  type Unanalysable,
} from './statement.ts';

/** `keyspace` is that of the request, else of the session; it completes unqualified names. */
export function analyse(text: string, keyspace: string | null): Statement | Unanalysable {
  const tokens = tokenize(text);
  if (isLexicalError(tokens)) {
    const { reason, position } = tokens;
    return { reason, position, syntax: true, noKeyspace: false, lexes: false };
  }
  const p = new Parser(text, tokens, keyspace);
  try {
    const statement = oneStatement(p);
    while (p.accept(';'));
    if (p.kind !== Kind.END) throw p.unexpected('the end: one statement at a time');
    // What only the rest of the text told (a refused class, a keyspace used late) is on the parser.
    return { ...statement, usesKeyspace: p.usesKeyspace, refused: p.refused };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { message, position, syntax, noKeyspace } = error;
    return { reason: message, position, syntax, noKeyspace, lexes: true };
  }
}

export function isStatement(result: Statement | Unanalysable): result is Statement {
  return 'kind' in result;
}

type Production = (p: Parser) => Statement;

const BY_FIRST_WORD: Readonly<Record<string, Production>> = {
  select: selectStatement,
  insert: modificationStatement,
  update: modificationStatement,
  delete: modificationStatement,
  begin: batchStatement,
  use: useStatement,
  truncate: truncateStatement,
  create: (p) => definition(p, create),
  alter: (p) => definition(p, alter),
  drop: (p) => definition(p, drop),
  grant: (p) => roleStatement(p, grantOrRevoke(p)),
  revoke: (p) => roleStatement(p, grantOrRevoke(p)),
  list: (p) => roleStatement(p, list(p)),
  add: (p) =>
    definition(p, () => {
      throw p.unexpected('IDENTITY');
    }),
  describe: describeStatement,
  desc: describeStatement,
};

function oneStatement(p: Parser): Statement {
  const word = p.kind === Kind.WORD ? p.wordAt(p.index) : '';
  const production = Object.hasOwn(BY_FIRST_WORD, word) ? BY_FIRST_WORD[word] : undefined;
  if (production === undefined) throw p.unexpected('a CQL statement');
  return production(p);
}

/** A statement with nothing in it but its kind; productions fill in what they found. */
function blank(kind: StatementKind): Statement {
  return {
    kind,
    family: STATEMENT_KINDS[kind],
    needs: [],
    tables: [],
    functions: [],
    types: [],
    keyspace: null,
    lwt: false,
    usesKeyspace: false,
    lookup: null,
    selection: null,
    children: [],
    describe: null,
    capability: null,
    refused: null,
  };
}

function tableNeed(permission: Need['permission'], table: TableName): Need {
  return { permission, resource: { type: 'TABLE', ...table } };
}

interface Names {
  readonly functions: Statement['functions'];
  readonly types: Statement['types'];
  readonly needs: readonly Need[];
}

/**
 * Functions and types with their keyspaces: unqualified ones are looked up in `keyspace`, that of
 * the statement's table. Functions need EXECUTE. A type of another keyspace Cassandra would refuse
 * as invalid; here it needs SELECT there, so that a role learns nothing of keyspaces it has no part in.
 */
function namesIn(keyspace: string, functions: readonly Name[], types: readonly Name[]): Names {
  const needs: Need[] = [];
  const own: { keyspace: string; name: string }[] = [];
  for (const { keyspace: written, name } of functions) {
    if (written === 'system' || (written === null && isNativeFunction(name))) continue;
    const resolved = { keyspace: written ?? keyspace, name };
    own.push(resolved);
    needs.push({ permission: 'EXECUTE', resource: { type: 'FUNCTION', ...resolved } });
  }
  const used = types.map((type) => ({ keyspace: type.keyspace ?? keyspace, name: type.name }));
  for (const type of used) {
    if (type.keyspace === keyspace) continue;
    const resource = { type: 'ALL TABLES IN KEYSPACE' as const, keyspace: type.keyspace };
    needs.push({ permission: 'SELECT', resource });
  }
  return { functions: own, types: used, needs };
}

function selectStatement(p: Parser): Statement {
  const { table, selection } = select(p);
  const names = namesIn(table.keyspace, p.functions, p.types);
  return {
    ...blank('SELECT'),
    ...names,
    needs: [tableNeed('SELECT', table), ...names.needs],
    tables: [table],
    keyspace: table.keyspace,
    selection,
  };
}

function modified(
  found: Modification,
  functions: readonly Name[],
  types: readonly Name[],
): Statement {
  const { kind, table, lwt } = found;
  const names = namesIn(table.keyspace, functions, types);
  const needs = [tableNeed('MODIFY', table)];
  // A condition reads: MODIFY alone must not let anyone probe for values.
  if (lwt) needs.push(tableNeed('SELECT', table));
  needs.push(...names.needs);
  return { ...blank(kind), ...names, needs, tables: [table], keyspace: table.keyspace, lwt };
}

function modificationStatement(p: Parser): Statement {
  const found = modification(p);
  if (found === null) throw p.unexpected('INSERT, UPDATE or DELETE');
  return modified(found, p.functions, p.types);
}

function batchStatement(p: Parser): Statement {
  return batchOf(
    batch(p).map((child: BatchChild) => modified(child, child.functions, child.types)),
  );
}

/** A BATCH of these: what each needs, once. */
export function batchOf(children: readonly Statement[]): Statement {
  const distinct = new Set(children);
  const all = [...distinct];
  const only = all.length === 1 ? all[0]! : null;
  return {
    ...blank('BATCH'),
    needs: only?.needs ?? all.flatMap((child) => child.needs),
    tables: only?.tables ?? all.flatMap((child) => child.tables),
    functions: all.flatMap((child) => child.functions),
    types: all.flatMap((child) => child.types),
    keyspace: only?.keyspace ?? null,
    lwt: all.some((child) => child.lwt),
    usesKeyspace: all.some((child) => child.usesKeyspace),
    children: all,
    refused: all.find((child) => child.refused !== null)?.refused ?? null,
  };
}

function useStatement(p: Parser): Statement {
  p.expect('use');
  return { ...blank('USE'), keyspace: p.name('a keyspace') };
}

function truncateStatement(p: Parser): Statement {
  p.expect('truncate');
  if (!p.accept('table')) p.accept('columnfamily');
  const table = p.table();
  return {
    ...blank('TRUNCATE'),
    needs: [tableNeed('MODIFY', table)],
    tables: [table],
    keyspace: table.keyspace,
  };
}

/** CREATE, ALTER and DROP: of roles, users and identities, or of the schema. */
function definition(p: Parser, schema: (p: Parser) => SchemaStatement): Statement {
  const role = identity(p) ?? roleDefinition(p);
  if (role !== null) return roleStatement(p, role);
  const found = schema(p);
  const names = namesIn(found.keyspace, p.functions, p.types);
  return {
    ...blank(found.kind),
    ...names,
    needs: [...found.needs, ...names.needs],
    tables: found.tables,
    keyspace: found.keyspace,
    lookup: found.lookup ?? null,
    capability: found.capability ?? null,
  };
}

function roleStatement(p: Parser, { kind, needs, capability }: RoleStatement): Statement {
  const types = p.types.map((type) => p.resolve(type));
  return { ...blank(kind), needs, types, capability };
}

function describeStatement(p: Parser): Statement {
  const found = describe(p);
  const keyspace = found.keyspaces.length === 1 ? found.keyspaces[0]! : null;
  return { ...blank('DESCRIBE'), keyspace, describe: found };
}
