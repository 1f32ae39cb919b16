// Functions, aggregates and triggers: code that runs in the node.
import { Kind } from '../tokens.ts';
import type { Need, Statement } from '../statement.ts';
import type { CqlType, Signature } from '../type.ts';
import { commaList, type Parser } from './parser.ts';
import {
  acceptIfExists,
  acceptIfNotExists,
  ALTER_TABLE,
  type SchemaStatement,
} from './schema-statement.ts';
import { term } from './terms.ts';
import { signatureType, typeOfValue } from './types.ts';

/** Behind `(`: types and `)`, of a function in `keyspace`. */
export function signature(p: Parser, keyspace: string): Signature {
  const types: CqlType[] = [];
  if (p.accept(')')) return types;
  do types.push(signatureType(p, keyspace));
  while (p.accept(','));
  p.expect(')');
  return types;
}

/** `[ks.]f` where no call stands. */
export function functionName(p: Parser): { keyspace: string; name: string } {
  const isQualified = p.isNext('.');
  const nameAt = isQualified ? p.index + 2 : p.index;
  const keyspace = isQualified ? p.name('a keyspace') : null;
  if (isQualified) p.expect('.');
  if (!isOwnName(p, nameAt)) throw p.unexpected("a function's name");
  p.advance();
  const found = p.resolve({ keyspace, name: p.functionNameAt(nameAt) });
  p.namedFunctions.push(found);
  return found;
}

function isOwnName(p: Parser, index: number): boolean {
  const kind = p.kindAt(index);
  if (p.isAt(index, 'token') || p.isAt(index, 'count')) return true;
  return p.isNameAt(index) && kind !== Kind.SPECIAL && kind !== Kind.KEY;
}

/** An unqualified function, looked up in `keyspace`. */
function ownFunction(p: Parser, keyspace: string, types: Signature): Need {
  if (!isOwnName(p, p.index)) throw p.unexpected("a function's name");
  const name = p.functionNameAt(p.index);
  p.advance();
  p.namedFunctions.push({ keyspace, name });
  return {
    permission: 'EXECUTE',
    resource: { type: 'FUNCTION', keyspace, name, signature: types },
  };
}

/** Replacing needs ALTER on what is there, making needs CREATE: the schema tells which it is. */
function makes(defines: NonNullable<Statement['defines']>): Need[] {
  const { keyspace, name, signature: own, change } = defines;
  const needs: Need[] = [
    { permission: 'CREATE', resource: { type: 'ALL FUNCTIONS IN KEYSPACE', keyspace } },
  ];
  if (change === 'replace') {
    needs.push({
      permission: 'ALTER',
      resource: { type: 'FUNCTION', keyspace, name, signature: own },
    });
  }
  return needs;
}

export function createFunction(p: Parser, replaces: boolean): SchemaStatement {
  acceptIfNotExists(p);
  const name = functionName(p);
  p.expect('(');
  const types: CqlType[] = [];
  if (!p.accept(')')) {
    commaList(p, () => {
      p.skipName('an argument');
      types.push(signatureType(p, name.keyspace));
    });
    p.expect(')');
  }
  if (p.accept('returns')) p.expect('null');
  else p.expect('called');
  p.expectAll('on', 'null', 'input', 'returns');
  typeOfValue(p);
  p.expect('language');
  if (!p.acceptKind(Kind.IDENT)) throw p.unexpected('a language');
  p.expect('as');
  if (!p.acceptKind(Kind.STRING)) throw p.unexpected('a string');
  const change = replaces ? 'replace' : 'create';
  const defines = { ...name, signature: types, change } as const;
  return {
    kind: 'CREATE FUNCTION',
    keyspace: name.keyspace,
    tables: [],
    needs: makes(defines),
    defines,
  };
}

export function createAggregate(p: Parser, replaces: boolean): SchemaStatement {
  acceptIfNotExists(p);
  const name = functionName(p);
  p.expect('(');
  const own = signature(p, name.keyspace);
  p.expect('sfunc');
  // State and final function are unqualified, and looked up in the aggregate's keyspace.
  const stateAt = p.index;
  p.advance();
  p.expect('stype');
  const state = signatureType(p, name.keyspace);
  const behind = p.index;
  p.rewind(stateAt);
  const executes = [ownFunction(p, name.keyspace, [state, ...own])];
  p.rewind(behind);
  if (p.accept('finalfunc')) executes.push(ownFunction(p, name.keyspace, [state]));
  if (p.accept('initcond')) term(p);
  const change = replaces ? 'replace' : 'create';
  const defines = { ...name, signature: own, change } as const;
  return {
    kind: 'CREATE AGGREGATE',
    keyspace: name.keyspace,
    tables: [],
    needs: [...makes(defines), ...executes],
    defines,
  };
}

export function dropFunction(p: Parser, kind: 'DROP FUNCTION' | 'DROP AGGREGATE'): SchemaStatement {
  acceptIfExists(p);
  const name = functionName(p);
  const { keyspace } = name;
  const own = p.accept('(') ? signature(p, keyspace) : null;
  return {
    kind,
    keyspace,
    tables: [],
    needs: [{ permission: 'DROP', resource: { type: 'FUNCTION', ...name, signature: own } }],
    defines: { ...name, signature: own, change: 'drop' },
  };
}

export function trigger(p: Parser, kind: 'CREATE TRIGGER' | 'DROP TRIGGER'): SchemaStatement {
  if (kind === 'CREATE TRIGGER') acceptIfNotExists(p);
  else acceptIfExists(p);
  p.skipName('a trigger');
  p.expect('on');
  const table = p.table();
  if (kind === 'CREATE TRIGGER') {
    p.expect('using');
    if (!p.acceptKind(Kind.STRING)) throw p.unexpected("a class's name as a string");
  }
  return {
    kind,
    keyspace: table.keyspace,
    tables: [table],
    needs: ALTER_TABLE(table),
    capability: 'triggers',
  };
}
