// INSERT, UPDATE, DELETE and BATCH written as text.
import type { TableName } from '../statement.ts';
import { Kind } from '../lexer.ts';
import { commaList, type Name, type Parser } from './parser.ts';
import { whereClause } from './select.ts';
import { functionEnd, integerOrMarker, term } from './terms.ts';

export interface Modification {
  readonly kind: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly table: TableName;
  /** IF conditions: it reads, too. */
  readonly lwt: boolean;
}

function insert(p: Parser): Modification {
  p.expect('insert', 'into');
  const table = p.table();
  if (p.is('json')) {
    p.advance();
    if (p.marker() === null) p.stringLiteral();
    if (p.accept('default') && !p.accept('null')) p.expect('unset');
  } else {
    p.expect('(');
    commaList(p, () => p.columnName());
    p.expect(')', 'values', '(');
    commaList(p, () => term(p));
    p.expect(')');
  }
  const lwt = p.accept('if');
  if (lwt) p.expect('not', 'exists');
  using(p);
  return { kind: 'INSERT', table, lwt };
}

function update(p: Parser): Modification {
  p.expect('update');
  const table = p.table();
  using(p);
  p.expect('set');
  commaList(p, () => assignment(p));
  p.expect('where');
  whereClause(p);
  return { kind: 'UPDATE', table, lwt: conditions(p) };
}

function deletion(p: Parser): Modification {
  p.expect('delete');
  if (!p.is('from')) {
    commaList(p, () => {
      p.columnName();
      if (p.accept('[')) {
        term(p);
        p.expect(']');
      } else if (p.accept('.')) p.name('a field');
    });
  }
  p.expect('from');
  const table = p.table();
  using(p);
  p.expect('where');
  whereClause(p);
  return { kind: 'DELETE', table, lwt: conditions(p) };
}

export interface BatchChild extends Modification {
  /** Functions and types as written in this child: each resolves in its own table's keyspace. */
  readonly functions: readonly Name[];
  readonly types: readonly Name[];
}

/** DML by its first word; null where it is something else. */
export function modification(p: Parser): Modification | null {
  if (p.is('insert')) return insert(p);
  if (p.is('update')) return update(p);
  return p.is('delete') ? deletion(p) : null;
}

export function batch(p: Parser): BatchChild[] {
  p.expect('begin');
  if (!p.accept('unlogged')) p.accept('counter');
  p.expect('batch');
  using(p);
  const children: BatchChild[] = [];
  while (!p.is('apply')) {
    const [functions, types] = [p.functions.length, p.types.length];
    const child = modification(p);
    if (child === null) throw p.unexpected('INSERT, UPDATE, DELETE or APPLY BATCH');
    children.push({
      ...child,
      functions: p.functions.slice(functions),
      types: p.types.slice(types),
    });
    p.accept(';');
  }
  p.expect('apply', 'batch');
  return children;
}

function using(p: Parser): void {
  if (!p.accept('using')) return;
  do {
    if (!p.accept('timestamp')) p.expect('ttl');
    integerOrMarker(p);
  } while (p.accept('and'));
}

/** `c = term`, `c = c + term`, `c = term + c`, `c += term`, `c[term] = term`, `c.f = term`. */
function assignment(p: Parser): void {
  p.columnName();
  if (p.accept('[')) {
    term(p);
    p.expect(']', '=');
    term(p);
    return;
  }
  if (p.accept('.')) {
    p.name('a field');
    p.expect('=');
    term(p);
    return;
  }
  if (p.accept('+=') || p.accept('-=')) {
    term(p);
    return;
  }
  p.expect('=');
  const isColumn =
    p.kind === Kind.EMPTY_QUOTED || (p.isNameAt(p.index) && functionEnd(p, p.index) < 0);
  if (isColumn && !(p.is('cast') && p.is('(', 1))) {
    p.columnName();
    // `c = c -1`: the lexer made the minus part of the number.
    if (p.acceptKind(Kind.INTEGER)) return;
    if (!p.accept('+')) p.expect('-');
    term(p);
    return;
  }
  term(p, true);
  if (p.accept('+')) p.columnName();
}

function conditions(p: Parser): boolean {
  if (!p.accept('if')) return false;
  if (p.accept('exists')) return true;
  do condition(p);
  while (p.accept('and'));
  return true;
}

function condition(p: Parser): void {
  p.columnName();
  if (p.accept('[')) {
    term(p);
    p.expect(']');
  } else if (p.accept('.')) p.name('a field');
  if (p.accept('contains')) {
    p.accept('key');
    term(p);
    return;
  }
  if (p.accept('in')) {
    if (p.marker() !== null) return;
    p.expect('(');
    if (p.accept(')')) return;
    commaList(p, () => term(p));
    p.expect(')');
    return;
  }
  if (!['=', '<', '<=', '>', '>=', '!='].some((one) => p.accept(one))) {
    throw p.unexpected('a comparison');
  }
  term(p);
}
