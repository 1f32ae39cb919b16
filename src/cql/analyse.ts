// One CQL text to its Statement, or why it is not understood. Nothing that is not in the grammar
// gets through, and what Cassandra would run is never read as something more harmless.
import { batch, modification, type Modification } from './grammar/modification.ts';
import { describe } from './grammar/describe.ts';
import { Parser } from './grammar/parser.ts';
import { Refusal } from './grammar/refusal.ts';
import {
  addIdentity,
  dropIdentity,
  grantOrRevoke,
  list,
  roleDefinition,
  type RoleStatement,
} from './grammar/roles.ts';
import { alter, create, drop } from './grammar/schema.ts';
import type { SchemaStatement } from './grammar/schema-statement.ts';
import { select } from './grammar/select.ts';
import { plainSelection, simpleSelection, topologySelect } from './grammar/system-select.ts';
import { compoundKey } from '../compound-key.ts';
import { CQL } from '../limits/cql.ts';
import { namesUs, numbersUs, readNumbersUs } from './cost.ts';
import { isNativeFunction } from './keywords.ts';
import { isLexicalError, tokenize } from './lexer.ts';
import { Kind } from './tokens.ts';
import {
  STATEMENT_KINDS,
  type FunctionCall,
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
    const { reason, position, isNoCql } = tokens;
    return { reason, position, rule: isNoCql ? 'syntax' : 'not_understood', lexes: false };
  }
  const p = new Parser(text, tokens, keyspace);
  try {
    p.charge(
      numbersUs(tokens),
      'its numbers have too many digits, or too small an exponent; bind them',
    );
    const statement = oneStatement(p);
    while (p.accept(';'));
    if (p.kind !== Kind.END) throw p.unexpected('the end: one statement at a time');
    p.charge(
      readNumbersUs(text, tokens, p.numbers),
      'the numbers in its JSON, or those that it computes with, are too long; bind them',
    );
    p.charge(namesUs(text, tokens), 'too many of its names have the same hash; write fewer');
    statement.costUs = p.costUs;
    if (p.javaTypes !== null) {
      statement.javaTypes = [...p.javaTypes];
      statement.javaUserTypes = p.javaUserTypes;
    }
    return statement;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { message, position, rule } = error;
    return { reason: message, position, rule, lexes: true };
  }
}

export function isStatement(result: Statement | Unanalysable): result is Statement {
  return 'kind' in result;
}

type Production = (p: Parser) => Mutable<Statement>;

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
  add: (p) => roleStatement(p, addIdentity(p)),
  describe: describeStatement,
  desc: describeStatement,
};

function oneStatement(p: Parser): Mutable<Statement> {
  const word = p.wordAt(p.index);
  const production = Object.hasOwn(BY_FIRST_WORD, word) ? BY_FIRST_WORD[word] : undefined;
  if (production === undefined) throw p.unexpected('a CQL statement');
  return production(p);
}

const NONE: readonly never[] = [];

/** A statement with nothing in it but its kind; productions fill in what they found. */
function blank(kind: StatementKind): Mutable<Statement> {
  return {
    isKept: false,
    answerBytes: null,
    kind,
    family: STATEMENT_KINDS[kind],
    needs: NONE,
    tables: NONE,
    functions: NONE,
    calls: NONE,
    types: NONE,
    columns: NONE,
    restricted: NONE,
    keyspace: null,
    lwt: false,
    usesKeyspace: false,
    lookup: null,
    defines: null,
    selection: null,
    topology: null,
    children: NONE,
    describe: null,
    capability: null,
    roles: NONE,
    identity: null,
    classes: NONE,
    javaTypes: NONE,
    javaUserTypes: NONE,
    costUs: 0,
  };
}

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

function tableNeed(permission: Need['permission'], table: TableName): Need {
  const { keyspace, table: name } = table;
  return { permission, resource: { type: 'TABLE', keyspace, table: name } };
}

/**
 * Functions and types with their keyspaces: unqualified ones are looked up in `keyspace`, that of
 * the statement's table. Functions need EXECUTE. A type of another keyspace Cassandra would refuse
 * as invalid; here it needs SELECT there, so that a role learns nothing of keyspaces it has no part in.
 */
function addNames(statement: Mutable<Statement>, keyspace: string, p: Parser): void {
  const { types, namedFunctions } = p;
  statement.classes = p.classes;
  if (p.calls.size + types.size + namedFunctions.length === 0) return;
  const needs = [...statement.needs];
  const touched: { keyspace: string; name: string }[] = [...namedFunctions];
  const calls: FunctionCall[] = [];
  for (const { keyspace: written, name, arity } of p.calls.values()) {
    // Nobody makes functions there: what a name means that is looked up there, a node knows.
    if ((written ?? keyspace) === 'system') continue;
    const mayBeNative = written === null && isNativeFunction(name);
    const resolved = { keyspace: written ?? keyspace, name };
    calls.push({ ...resolved, arity, mayBeNative });
    if (mayBeNative) continue;
    touched.push(resolved);
    needs.push({
      permission: 'EXECUTE',
      resource: { type: 'FUNCTION', ...resolved, signature: null },
    });
  }
  const used = [...types.values()].map((type) => ({
    keyspace: type.keyspace ?? keyspace,
    name: type.name,
  }));
  for (const type of used) {
    if (type.keyspace === keyspace) continue;
    const resource = { type: 'ALL TABLES IN KEYSPACE' as const, keyspace: type.keyspace };
    needs.push({ permission: 'SELECT', resource });
  }
  statement.needs = needs;
  statement.functions = touched;
  statement.calls = calls;
  statement.types = used;
}

const TOPOLOGY_TABLES: ReadonlySet<string> = new Set(['local', 'peers', 'peers_v2']);

function selectStatement(p: Parser): Mutable<Statement> {
  const start = p.index;
  const table = select(p);
  const statement = blank('SELECT');
  statement.needs = [tableNeed('SELECT', table)];
  statement.tables = [table];
  statement.keyspace = table.keyspace;
  statement.columns = p.columns;
  statement.restricted = p.restricted;
  statement.usesKeyspace = p.usesKeyspace;
  addNames(statement, table.keyspace, p);
  // Of system, a few tables show the gate in the place of nodes (session/answer-topology.ts).
  if (table.keyspace === 'system') {
    if (TOPOLOGY_TABLES.has(table.table)) statement.topology = topologySelect(p, start);
    else statement.selection = simpleSelection(p, start);
  }
  // Rows of traces are rewritten on their way (topology/scrub-response.ts).
  else if (table.keyspace === 'system_traces') statement.selection = plainSelection(p, start);
  return statement;
}

/** The statement of what was parsed since the Parser's findings were last emptied. */
function modified(found: Modification, p: Parser): Mutable<Statement> {
  const { kind, table, lwt } = found;
  const statement = blank(kind);
  const write = tableNeed('MODIFY', table);
  // A condition reads: MODIFY alone must not let anyone probe for values.
  statement.needs = lwt ? [write, tableNeed('SELECT', table)] : [write];
  statement.tables = [table];
  statement.keyspace = table.keyspace;
  if (lwt) {
    statement.columns = p.columns;
    statement.restricted = p.restricted;
  }
  statement.lwt = lwt;
  statement.usesKeyspace = p.usesKeyspace;
  addNames(statement, table.keyspace, p);
  return statement;
}

function modificationStatement(p: Parser): Mutable<Statement> {
  const found = modification(p);
  if (found === null) throw p.unexpected('INSERT, UPDATE or DELETE');
  return modified(found, p);
}

function batchStatement(p: Parser): Mutable<Statement> {
  const distinct = new Map<string, Statement>();
  batch(p, (found) => {
    // A thousand rows into one table are one child to decide on.
    const key = childKey(found, p);
    if (!distinct.has(key)) distinct.set(key, modified(found, p));
    if (distinct.size > CQL.namesPerText) {
      throw p.tooMany(`more than ${CQL.namesPerText} different statements in one BATCH`);
    }
    p.forget();
  });
  const statement = batchOf([...distinct.values()]);
  // Also where only a child that was merged has an unqualified name.
  return { ...statement, usesKeyspace: p.usesKeyspace };
}

/** Children of the same key are decided in the same way. */
function childKey({ kind, table, lwt }: Modification, p: Parser): string {
  const plain = compoundKey(kind, table.keyspace, table.table);
  if (!lwt && p.calls.size + p.types.size + p.classes.length === 0) return plain;
  const calls = compoundKey(...p.calls.keys());
  const types = compoundKey(...p.types.keys());
  const classes = compoundKey(...p.classes);
  if (!lwt) return compoundKey(plain, calls, types, classes);
  const [shown, compared] = [p.columns, p.restricted].map((columns) =>
    columns === null ? null : compoundKey(...columns),
  );
  return compoundKey(plain, calls, types, classes, shown!, compared!);
}

/** The children of a BATCH message that are decided on differently, in the order in which they came. */
export class DistinctChildren {
  readonly #byKey = new Map<string | Statement, Statement>();
  readonly #seen = new Set<Statement>();
  #usesKeyspace = false;
  #last: Statement | null = null;

  get size(): number {
    return this.#byKey.size;
  }

  add(child: Statement): void {
    // Most batches are rows of one statement.
    if (child === this.#last) return;
    this.#last = child;
    if (this.#seen.has(child)) return;
    // The same texts come again as the same statement; of very many that differ only the keys are kept.
    if (this.#seen.size < CQL.namesPerText) this.#seen.add(child);
    this.#usesKeyspace ||= child.usesKeyspace;
    const key = keyOfChild(child);
    if (!this.#byKey.has(key)) this.#byKey.set(key, child);
  }

  batch(): Statement {
    return { ...batchOf([...this.#byKey.values()]), usesKeyspace: this.#usesKeyspace };
  }
}

/** Rows of one table are one child to decide on; what calls functions or names types is one by itself. */
function keyOfChild(child: Statement): string | Statement {
  const { kind, family, tables, calls, functions, types, javaTypes, lwt, restricted } = child;
  const [table] = tables;
  // Classes are named by types that are written as strings.
  const named = calls.length + functions.length + types.length + javaTypes.length;
  if (family !== 'write' || kind === 'BATCH' || tables.length !== 1 || named > 0) return child;
  const plain = compoundKey(kind, table!.keyspace, table!.table);
  if (!lwt) return plain;
  return compoundKey(plain, restricted === null ? null : compoundKey(...restricted));
}

/** A BATCH of these: what each needs, once. */
export function batchOf(all: readonly Statement[]): Statement {
  const only = all.length === 1 ? all[0]! : null;
  const statement = blank('BATCH');
  statement.needs = only?.needs ?? all.flatMap((child) => child.needs);
  statement.tables = only?.tables ?? all.flatMap((child) => child.tables);
  statement.functions = only?.functions ?? all.flatMap((child) => child.functions);
  statement.calls = only?.calls ?? all.flatMap((child) => child.calls);
  statement.types = only?.types ?? all.flatMap((child) => child.types);
  statement.classes = only?.classes ?? all.flatMap((child) => child.classes);
  statement.javaTypes = only?.javaTypes ?? all.flatMap((child) => child.javaTypes);
  statement.keyspace = only?.keyspace ?? null;
  statement.lwt = all.some((child) => child.lwt);
  statement.usesKeyspace = all.some((child) => child.usesKeyspace);
  statement.children = all;
  return statement;
}

function useStatement(p: Parser): Mutable<Statement> {
  p.expect('use');
  const statement = blank('USE');
  statement.keyspace = p.name('a keyspace');
  return statement;
}

function truncateStatement(p: Parser): Mutable<Statement> {
  p.expect('truncate');
  if (!p.accept('table')) p.accept('columnfamily');
  const table = p.table();
  const statement = blank('TRUNCATE');
  statement.needs = [tableNeed('MODIFY', table)];
  statement.tables = [table];
  statement.keyspace = table.keyspace;
  statement.usesKeyspace = p.usesKeyspace;
  return statement;
}

/** CREATE, ALTER and DROP: of roles, users and identities, or of the schema. */
function definition(p: Parser, schema: (p: Parser) => SchemaStatement): Mutable<Statement> {
  const role = dropIdentity(p) ?? roleDefinition(p);
  if (role !== null) return roleStatement(p, role);
  const found = schema(p);
  const statement = blank(found.kind);
  statement.needs = found.needs;
  statement.tables = found.tables;
  statement.keyspace = found.keyspace;
  statement.lookup = found.lookup ?? null;
  statement.defines = found.defines ?? null;
  statement.capability = found.capability ?? null;
  statement.usesKeyspace = p.usesKeyspace;
  addNames(statement, found.keyspace, p);
  return statement;
}

function roleStatement(p: Parser, found: RoleStatement): Mutable<Statement> {
  const statement = blank(found.kind);
  statement.needs = found.needs;
  statement.capability = found.capability;
  statement.roles = found.roles;
  statement.identity = found.identity ?? null;
  statement.tables = found.tables;
  statement.functions = p.namedFunctions;
  // Only the arguments of a function have types here, and those are looked up in the function's keyspace.
  const home = p.namedFunctions[0]?.keyspace ?? null;
  statement.types = [...p.types.values()].map(({ keyspace, name }) =>
    p.resolve({ keyspace: keyspace ?? home, name }),
  );
  statement.classes = p.classes;
  statement.usesKeyspace = p.usesKeyspace;
  return statement;
}

function describeStatement(p: Parser): Mutable<Statement> {
  const found = describe(p);
  const statement = blank('DESCRIBE');
  statement.keyspace = found.keyspaces.length === 1 ? found.keyspaces[0]! : null;
  statement.describe = found;
  statement.usesKeyspace = p.usesKeyspace;
  return statement;
}
