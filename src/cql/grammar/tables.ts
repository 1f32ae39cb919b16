// CREATE and ALTER of tables and materialized views, CREATE INDEX.
import { Kind } from '../tokens.ts';
import type { TableName } from '../statement.ts';
import { commaList, type Parser } from './parser.ts';
import { noteIndexClass, properties } from './properties.ts';
import {
  acceptIfExists,
  acceptIfNotExists,
  ALTER_TABLE,
  identifier,
  list,
  onTables,
  parenthesizedOrOne,
  renames,
  type SchemaStatement,
} from './schema-statement.ts';
import { selectors, whereClause } from './select.ts';
import { functionEnd, functionCall, term } from './terms.ts';
import { type } from './types.ts';

export function createTable(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const table = p.table();
  p.expect('(');
  list(p, definition, true);
  if (p.accept('with')) properties(p, tableOption);
  const { keyspace } = table;
  return { kind: 'CREATE TABLE', keyspace, tables: [table], needs: onTables('CREATE', keyspace) };
}

/** A column, or PRIMARY KEY. */
function definition(p: Parser): void {
  if (p.is('primary')) {
    primaryKey(p);
    return;
  }
  column(p);
  if (p.accept('primary')) p.expect('key');
}

/** `name type [STATIC] [MASKED ...]`. */
function column(p: Parser): void {
  identifier(p);
  type(p);
  p.accept('static');
  mask(p);
}

function primaryKey(p: Parser): void {
  p.expectAll('primary', 'key', '(');
  parenthesizedOrOne(p, identifier);
  while (p.accept(',')) identifier(p);
  p.expect(')');
}

function tableOption(p: Parser): boolean {
  if (p.acceptBoth('compact', 'storage')) return true;
  if (!p.acceptBoth('clustering', 'order')) return false;
  p.expectAll('by', '(');
  list(p, clusteringOrder, false);
  return true;
}

function clusteringOrder(p: Parser): void {
  identifier(p);
  if (!p.accept('asc')) p.expect('desc');
}

/** MASKED WITH DEFAULT or a function; the column itself is the first argument. */
function mask(p: Parser): boolean {
  if (!p.accept('masked')) return false;
  p.expect('with');
  if (p.is('default') && functionEnd(p, p.index) < 0) {
    p.advance();
    return true;
  }
  // The column itself is the first argument.
  functionCall(p, term, 1);
  return true;
}

export function alterTable(p: Parser): SchemaStatement {
  acceptIfExists(p);
  const table = p.table();
  change(p);
  const { keyspace } = table;
  return { kind: 'ALTER TABLE', keyspace, tables: [table], needs: ALTER_TABLE(table) };
}

function change(p: Parser): void {
  if (p.accept('alter')) {
    const conditional = p.is('if');
    acceptIfExists(p);
    p.skipColumn();
    if (!conditional && p.accept('type')) type(p);
    else if (!p.acceptBoth('drop', 'masked') && !mask(p)) {
      throw p.unexpected('TYPE, MASKED or DROP MASKED');
    }
  } else if (p.accept('add')) {
    acceptIfNotExists(p);
    parenthesizedOrOne(p, column);
  } else if (p.accept('drop')) {
    if (p.acceptBoth('compact', 'storage')) return;
    acceptIfExists(p);
    parenthesizedOrOne(p, identifier);
    if (!p.accept('using')) return;
    p.expect('timestamp');
    if (!p.acceptKind(Kind.INTEGER)) throw p.unexpected('a timestamp');
  } else if (p.accept('rename')) renames(p);
  else {
    p.expect('with');
    properties(p);
  }
}

const INDEX_TARGETS: ReadonlySet<string> = new Set(['values', 'keys', 'entries', 'full']);

export function createIndex(p: Parser): SchemaStatement {
  p.accept('custom');
  p.expect('index');
  acceptIfNotExists(p);
  // Only ever unqualified: the index goes into its table's keyspace.
  if (!p.is('on')) p.skipName('an index name');
  p.expect('on');
  const table = p.table();
  p.expect('(');
  if (!p.accept(')')) {
    commaList(p, indexTarget);
    p.expect(')');
  }
  if (p.accept('using')) noteIndexClass(p, p.stringLiteral());
  if (p.accept('with')) properties(p);
  const { keyspace } = table;
  return { kind: 'CREATE INDEX', keyspace, tables: [table], needs: ALTER_TABLE(table) };
}

function indexTarget(p: Parser): void {
  if (!INDEX_TARGETS.has(p.wordAt(p.index)) || !p.isNext('(')) {
    p.skipColumn();
    return;
  }
  p.advance();
  p.expect('(');
  p.skipColumn();
  p.expect(')');
}

export function createView(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const viewName = p.qualifiedName('a view');
  p.expectAll('as', 'select');
  selectors(p);
  p.expect('from');
  const base = p.qualifiedName('a table');
  if (p.accept('where')) whereClause(p);
  primaryKey(p);
  if (p.accept('with')) properties(p, tableOption);
  // As Cassandra resolves them: the view in the session's keyspace, though its base is written in full, and the
  // base in the view's. It refuses two keyspaces; until then each is asked for.
  const view = p.resolve(viewName);
  const table = { keyspace: base.keyspace ?? view.keyspace, table: base.name };
  const tables: TableName[] = [table, { keyspace: view.keyspace, table: view.name }];
  const needs = [...ALTER_TABLE(table)];
  if (view.keyspace !== table.keyspace) {
    needs.push(...ALTER_TABLE({ keyspace: view.keyspace, table: base.name }));
  }
  return { kind: 'CREATE MATERIALIZED VIEW', keyspace: view.keyspace, tables, needs };
}

/** ALTER and DROP of a view ask on its base table, which only the schema knows (needs.ts). */
export function overView(
  kind: 'ALTER MATERIALIZED VIEW' | 'DROP MATERIALIZED VIEW',
  view: TableName,
): SchemaStatement {
  return {
    kind,
    keyspace: view.keyspace,
    tables: [view],
    needs: onTables('ALTER', view.keyspace),
    lookup: { type: 'view', keyspace: view.keyspace, name: view.table },
  };
}
