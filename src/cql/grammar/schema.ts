// CREATE, ALTER and DROP of the schema: keyspaces and types here, the rest in its own file.
import type { Need, Permission, StatementKind } from '../statement.ts';
import { createAggregate, createFunction, dropFunction, trigger } from './functions.ts';
import type { Parser } from './parser.ts';
import { properties } from './properties.ts';
import {
  acceptIfExists,
  acceptIfNotExists,
  identifier,
  list,
  onTables,
  renames,
  type SchemaStatement,
} from './schema-statement.ts';
import { alterTable, createIndex, createTable, createView, overView } from './tables.ts';
import { type, typeName } from './types.ts';

function acceptTableWord(p: Parser): boolean {
  return p.accept('table') || p.accept('columnfamily');
}

export function create(p: Parser): SchemaStatement {
  p.expect('create');
  if (p.accept('keyspace')) return createKeyspace(p);
  if (acceptTableWord(p)) return createTable(p);
  if (p.is('custom') || p.is('index')) return createIndex(p);
  if (p.acceptBoth('materialized', 'view')) return createView(p);
  if (p.accept('type')) return createType(p);
  if (p.accept('trigger')) return trigger(p, 'CREATE TRIGGER');
  const replaces = p.acceptBoth('or', 'replace');
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
    return onKeyspace('ALTER KEYSPACE', 'ALTER', keyspace);
  }
  if (acceptTableWord(p)) return alterTable(p);
  if (p.acceptBoth('materialized', 'view')) {
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
    return onKeyspace('DROP KEYSPACE', 'DROP', p.name('a keyspace'));
  }
  if (acceptTableWord(p)) {
    acceptIfExists(p);
    const table = p.table();
    const needs: Need[] = [{ permission: 'DROP', resource: { type: 'TABLE', ...table } }];
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
  if (p.acceptBoth('materialized', 'view')) {
    acceptIfExists(p);
    return overView('DROP MATERIALIZED VIEW', p.table());
  }
  if (p.accept('type')) {
    acceptIfExists(p);
    return onType('DROP TYPE', 'DROP', ownType(p));
  }
  if (p.accept('trigger')) return trigger(p, 'DROP TRIGGER');
  if (p.accept('function')) return dropFunction(p, 'DROP FUNCTION');
  if (p.accept('aggregate')) return dropFunction(p, 'DROP AGGREGATE');
  throw p.unexpected('something that DROP removes');
}

function createKeyspace(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const keyspace = p.name('a keyspace');
  p.expect('with');
  properties(p);
  const needs: Need[] = [{ permission: 'CREATE', resource: { type: 'ALL KEYSPACES' } }];
  return { kind: 'CREATE KEYSPACE', keyspace, tables: [], needs };
}

function onKeyspace(
  kind: StatementKind,
  permission: Permission,
  keyspace: string,
): SchemaStatement {
  const needs: Need[] = [{ permission, resource: { type: 'KEYSPACE', keyspace } }];
  return { kind, keyspace, tables: [], needs };
}

/** The type that is made, changed or dropped; noted as touched. */
function ownType(p: Parser): string {
  const { keyspace, name } = p.resolve(typeName(p));
  p.noteType({ keyspace, name });
  return keyspace;
}

/** Types belong to the tables of a keyspace, as Cassandra's permissions see it. */
function onType(kind: StatementKind, permission: Permission, keyspace: string): SchemaStatement {
  return { kind, keyspace, tables: [], needs: onTables(permission, keyspace) };
}

function createType(p: Parser): SchemaStatement {
  acceptIfNotExists(p);
  const keyspace = ownType(p);
  p.expect('(');
  list(p, field, true);
  return onType('CREATE TYPE', 'CREATE', keyspace);
}

function field(p: Parser): void {
  identifier(p);
  type(p);
}

function alterType(p: Parser): SchemaStatement {
  acceptIfExists(p);
  const keyspace = ownType(p);
  if (p.accept('alter')) {
    identifier(p);
    p.expect('type');
    type(p);
  } else if (p.accept('add')) {
    acceptIfNotExists(p);
    field(p);
  } else {
    p.expect('rename');
    renames(p);
  }
  return onType('ALTER TYPE', 'ALTER', keyspace);
}
