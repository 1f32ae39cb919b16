// Schema statements: keyspaces, tables, indexes, views, types, functions, aggregates, triggers.
import type { Permission, StatementKind, TableName } from '../statement.ts';
import { Kind } from '../lexer.ts';
import { commaList, type Parser } from './parser.ts';
import { selectClause, whereClause } from './select.ts';
import {
  createAggregate,
  createFunction,
  functionStatement,
  trigger,
  typeList,
} from './functions.ts';
import {
  acceptIfExists,
  acceptIfNotExists,
  ALTER_TABLE,
  type SchemaStatement,
} from './schema-statement.ts';
import { checkClass, properties, term } from './terms.ts';
import { type } from './types.ts';

function onTables(permission: Permission, keyspace: string): SchemaStatement['needs'] {
  return [{ permission, resource: { type: 'ALL TABLES IN KEYSPACE', keyspace } }];
}

function acceptTableWord(p: Parser): boolean {
  return p.accept('table') || p.accept('columnfamily');
}

export function create(p: Parser): SchemaStatement {
  p.expect('create');
  if (p.accept('keyspace')) return createKeyspace(p);
  if (acceptTableWord(p)) return createTable(p);
  if (p.is('custom') || p.is('index')) return createIndex(p);
  if (p.accept('materialized', 'view')) return createView(p);
  if (p.accept('type')) return createType(p);
  if (p.accept('trigger')) return trigger(p, 'CREATE TRIGGER');
  const replaces = p.accept('or', 'replace');
  if (p.accept('function')) return createFunction(p, replaces);
  if (p.accept('aggregate')) return createAggregate(p, replaces);
  throw p.unexpected('something that CREATE makes');
}

export function alter(p: Parser): SchemaStatement {
  p.expect('alter');
  if (p.accept('keyspace')) {
    acceptIfExists(p);
    const keyspace = p.name('a keyspace');
    p.expect('with');
    properties(p);
    return keyspaceStatement('ALTER KEYSPACE', 'ALTER', keyspace);
  }
  if (acceptTableWord(p)) return alterTable(p);
  if (p.accept('materialized', 'view')) {
    acceptIfExists(p);
    const view = p.table();
    p.expect('with');
    properties(p);
    return overView('ALTER MATERIALIZED VIEW', view);
  }
  if (p.accept('type')) return alterType(p);
  throw p.unexpected('something that ALTER changes');
}

export function drop(p: Parser): SchemaStatement {
  p.expect('drop');
  if (p.accept('keyspace')) {
    acceptIfExists(p);
    return keyspaceStatement('DROP KEYSPACE', 'DROP', p.name('a keyspace'));
  }
  if (acceptTableWord(p)) {
    acceptIfExists(p);
    const table = p.table();
    const needs = [{ permission: 'DROP' as const, resource: { type: 'TABLE' as const, ...table } }];
    return { kind: 'DROP TABLE', keyspace: table.keyspace, tables: [table], needs };
  }
  if (p.accept('index')) {
    acceptIfExists(p);
    const { keyspace, name } = p.resolve(p.qualifiedName('an index'));
    return {
      kind: 'DROP INDEX',
      keyspace,
      tables: [],
      needs: onTables('ALTER', keyspace),
      lookup: { type: 'index', keyspace, name },
    };
  }
  if (p.accept('materialized', 'view')) {
    acceptIfExists(p);
    return overView('DROP MATERIALIZED VIEW', p.table());
  }
  if (p.accept('type')) {
    acceptIfExists(p);
    const { keyspace } = p.resolve(p.qualifiedName('a type'));
    return { kind: 'DROP TYPE', keyspace, tables: [], needs: onTables('DROP', keyspace) };
  }
  if (p.accept('trigger')) return trigger(p, 'DROP TRIGGER');
  const isFunction = p.accept('function');
  if (isFunction || p.accept('aggregate')) {
    acceptIfExists(p);
    const defined = p.resolve(p.qualifiedName('a function'));
    if (p.accept('(')) typeList(p);
    const kind = isFunction ? 'DROP FUNCTION' : 'DROP AGGREGATE';
    return functionStatement(kind, defined, 'DROP', { type: 'FUNCTION', ...defined });
  }
  throw p.unexpected('something that DROP removes');
}

function keyspaceStatement(
  kind: StatementKind,
  permission: Permission,
  keyspace: string,
): SchemaStatement {
  const needs = [{ permission, resource: { type: 'KEYSPACE' as const, keyspace } }];
  return { kind, keyspace, tables: [], needs };
}

function createKeyspace(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const keyspace = p.name('a keyspace');
  p.expect('with');
  properties(p);
  return {
    kind: 'CREATE KEYSPACE',
    keyspace,
    tables: [],
    needs: [{ permission: 'CREATE', resource: { type: 'ALL KEYSPACES' } }],
  };
}

function createTable(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const table = p.table();
  p.expect('(');
  commaList(p, () => {
    if (p.accept('primary')) {
      p.expect('key');
      primaryKey(p);
      return;
    }
    p.columnName();
    type(p);
    p.accept('static');
    mask(p);
    if (p.accept('primary')) p.expect('key');
  });
  p.expect(')');
  if (p.accept('with')) properties(p, () => tableOption(p));
  const { keyspace } = table;
  return { kind: 'CREATE TABLE', keyspace, tables: [table], needs: onTables('CREATE', keyspace) };
}

function primaryKey(p: Parser): void {
  p.expect('(');
  if (p.accept('(')) {
    commaList(p, () => p.columnName());
    p.expect(')');
  } else p.columnName();
  while (p.accept(',')) p.columnName();
  p.expect(')');
}

function tableOption(p: Parser): boolean {
  if (p.accept('compact', 'storage')) return true;
  if (!p.accept('clustering', 'order', 'by')) return false;
  p.expect('(');
  commaList(p, () => {
    p.columnName();
    if (!p.accept('asc')) p.expect('desc');
  });
  p.expect(')');
  return true;
}

/** MASKED WITH DEFAULT or a function; the column itself is the first argument. */
function mask(p: Parser): boolean {
  if (!p.accept('masked')) return false;
  p.expect('with');
  if (p.is('default') && !p.is('(', 1) && !p.is('.', 1)) {
    p.advance();
    return true;
  }
  p.functions.push(p.qualifiedName('a mask function'));
  p.expect('(');
  if (p.accept(')')) return true;
  commaList(p, () => term(p));
  p.expect(')');
  return true;
}

function alterTable(p: Parser): SchemaStatement {
  acceptIfExists(p);
  const table = p.table();
  if (p.accept('alter')) {
    acceptIfExists(p);
    p.columnName();
    if (p.accept('type')) type(p);
    else if (!p.accept('drop', 'masked') && !mask(p))
      throw p.unexpected('TYPE, MASKED or DROP MASKED');
  } else if (p.accept('add')) {
    acceptIfNotExists(p);
    parenthesizedOrOne(p, () => {
      p.columnName();
      type(p);
      p.accept('static');
      mask(p);
    });
  } else if (p.is('drop') && p.is('compact', 1) && p.is('storage', 2)) {
    p.expect('drop', 'compact', 'storage');
  } else if (p.accept('drop')) {
    acceptIfExists(p);
    parenthesizedOrOne(p, () => p.columnName());
    if (p.accept('using')) {
      p.expect('timestamp');
      if (!p.acceptKind(Kind.INTEGER)) throw p.unexpected('a timestamp');
    }
  } else if (p.accept('rename')) renames(p);
  else {
    p.expect('with');
    properties(p);
  }
  return {
    kind: 'ALTER TABLE',
    keyspace: table.keyspace,
    tables: [table],
    needs: ALTER_TABLE(table),
  };
}

function parenthesizedOrOne(p: Parser, item: () => void): void {
  if (!p.accept('(')) {
    item();
    return;
  }
  commaList(p, item);
  p.expect(')');
}

function renames(p: Parser): void {
  acceptIfExists(p);
  do {
    p.columnName();
    p.expect('to');
    p.columnName();
  } while (p.accept('and'));
}

const INDEX_TARGETS = ['values', 'keys', 'entries', 'full'];

function createIndex(p: Parser): SchemaStatement {
  p.accept('custom');
  p.expect('index');
  acceptIfNotExists(p);
  // Only ever unqualified: the index goes into its table's keyspace.
  if (!p.is('on')) p.name('an index name');
  p.expect('on');
  const table = p.table();
  p.expect('(');
  if (!p.accept(')')) {
    commaList(p, () => {
      const target = INDEX_TARGETS.find((word) => p.is(word) && p.is('(', 1));
      if (target === undefined) {
        p.columnName();
        return;
      }
      p.expect(target, '(');
      p.columnName();
      p.expect(')');
    });
    p.expect(')');
  }
  if (p.accept('using')) checkClass(p, p.stringLiteral());
  if (p.accept('with')) properties(p);
  return {
    kind: 'CREATE INDEX',
    keyspace: table.keyspace,
    tables: [table],
    needs: ALTER_TABLE(table),
  };
}

function createView(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const viewName = p.qualifiedName('a view');
  p.expect('as');
  p.expect('select');
  selectClause(p);
  p.expect('from');
  const base = p.qualifiedName('a table');
  if (p.accept('where')) whereClause(p);
  p.expect('primary', 'key');
  primaryKey(p);
  if (p.accept('with')) properties(p, () => tableOption(p));
  // Where only one of both is qualified Cassandra takes the view's keyspace, or the session's; each
  // is noted under the keyspace it would have in either reading.
  const view = p.resolve({ ...viewName, keyspace: viewName.keyspace ?? base.keyspace });
  const table = p.resolve({ ...base, keyspace: base.keyspace ?? view.keyspace });
  const tables = [
    { keyspace: table.keyspace, table: table.name },
    { keyspace: view.keyspace, table: view.name },
  ];
  const needs = [...ALTER_TABLE(tables[0]!)];
  if (
    viewName.keyspace === null &&
    p.sessionKeyspace !== null &&
    p.sessionKeyspace !== view.keyspace
  ) {
    p.usesKeyspace = true;
    needs.push(...ALTER_TABLE({ keyspace: p.sessionKeyspace, table: base.name }));
  }
  if (view.keyspace !== table.keyspace) {
    needs.push(...ALTER_TABLE({ keyspace: view.keyspace, table: base.name }));
  }
  return { kind: 'CREATE MATERIALIZED VIEW', keyspace: view.keyspace, tables, needs };
}

/** Statements on a view ask on its base table, which only the schema knows (needs.ts). */
function overView(kind: StatementKind, view: TableName): SchemaStatement {
  return {
    kind,
    keyspace: view.keyspace,
    tables: [view],
    needs: onTables('ALTER', view.keyspace),
    lookup: { type: 'view', keyspace: view.keyspace, name: view.table },
  };
}

function createType(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const { keyspace } = p.resolve(p.qualifiedName('a type'));
  p.expect('(');
  commaList(p, () => {
    p.name('a field');
    type(p);
  });
  p.expect(')');
  return { kind: 'CREATE TYPE', keyspace, tables: [], needs: onTables('CREATE', keyspace) };
}

function alterType(p: Parser): SchemaStatement {
  acceptIfExists(p);
  const { keyspace } = p.resolve(p.qualifiedName('a type'));
  if (p.accept('alter')) {
    p.name('a field');
    p.expect('type');
    type(p);
  } else if (p.accept('add')) {
    acceptIfNotExists(p);
    p.name('a field');
    type(p);
  } else {
    p.expect('rename');
    renames(p);
  }
  return { kind: 'ALTER TYPE', keyspace, tables: [], needs: onTables('ALTER', keyspace) };
}
