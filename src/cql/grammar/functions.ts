// Functions, aggregates and triggers: code that runs in the node.
import type { Permission, Resource, StatementKind } from '../statement.ts';
import { commaList, type Parser } from './parser.ts';
import {
  acceptIfExists,
  acceptIfNotExists,
  ALTER_TABLE,
  type SchemaStatement,
} from './schema-statement.ts';
import { term } from './terms.ts';
import { type } from './types.ts';

export function typeList(p: Parser): void {
  if (p.accept(')')) return;
  commaList(p, () => type(p));
  p.expect(')');
}

/** Replacing needs ALTER on what is there, making needs CREATE: only the node knows which it is. */
function makes(
  defined: { keyspace: string; name: string },
  replaces: boolean,
): SchemaStatement['needs'] {
  const { keyspace, name } = defined;
  const needs: { permission: Permission; resource: Resource }[] = [
    { permission: 'CREATE', resource: { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace } },
  ];
  if (replaces) {
    needs.push({ permission: 'ALTER', resource: { type: 'FUNCTION', keyspace, name } });
  }
  return needs;
}

export function functionStatement(
  kind: StatementKind,
  defined: { keyspace: string; name: string },
  permission: Permission,
  resource: Resource,
): SchemaStatement {
  const { keyspace } = defined;
  return { kind, keyspace, tables: [], needs: [{ permission, resource }], defines: defined };
}

export function createFunction(p: Parser, replaces: boolean): SchemaStatement {
  acceptIfNotExists(p);
  const defined = p.resolve(p.qualifiedName('a function'));
  p.expect('(');
  if (!p.accept(')')) {
    commaList(p, () => {
      p.name('an argument');
      type(p);
    });
    p.expect(')');
  }
  if (p.accept('returns')) p.expect('null');
  else p.expect('called');
  p.expect('on', 'null', 'input', 'returns');
  type(p);
  p.expect('language');
  p.name('a language');
  p.expect('as');
  p.stringLiteral();
  return {
    kind: 'CREATE FUNCTION',
    keyspace: defined.keyspace,
    tables: [],
    needs: makes(defined, replaces),
    defines: defined,
  };
}

export function createAggregate(p: Parser, replaces: boolean): SchemaStatement {
  acceptIfNotExists(p);
  const defined = p.resolve(p.qualifiedName('an aggregate'));
  p.expect('(');
  typeList(p);
  p.expect('sfunc');
  // State and final function are unqualified, and looked up in the aggregate's keyspace.
  p.functions.push({ keyspace: defined.keyspace, name: p.name('a function') });
  p.expect('stype');
  type(p);
  if (p.accept('finalfunc')) {
    p.functions.push({ keyspace: defined.keyspace, name: p.name('a function') });
  }
  if (p.accept('initcond')) term(p);
  return {
    kind: 'CREATE AGGREGATE',
    keyspace: defined.keyspace,
    tables: [],
    needs: makes(defined, replaces),
    defines: defined,
  };
}

export function trigger(p: Parser, kind: 'CREATE TRIGGER' | 'DROP TRIGGER'): SchemaStatement {
  if (kind === 'CREATE TRIGGER') acceptIfNotExists(p);
  else acceptIfExists(p);
  p.name('a trigger');
  p.expect('on');
  const table = p.table();
  if (kind === 'CREATE TRIGGER') {
    p.expect('using');
    p.stringLiteral();
  }
  return {
    kind,
    keyspace: table.keyspace,
    tables: [table],
    needs: ALTER_TABLE(table),
    capability: 'triggers',
  };
}
