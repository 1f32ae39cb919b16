// SELECT: selectors, WHERE, GROUP BY, ORDER BY, limits. For the topology tables the gate evaluates
// SELECTs itself, so the shape of simple ones is kept (SimpleSelection).
import type { SelectionTerm, SimpleSelection, TableName } from '../statement.ts';
import { Kind } from '../lexer.ts';
import { commaList, type Parser } from './parser.ts';
import {
  acceptConstant,
  functionCall,
  functionEnd,
  integerOrMarker,
  isConstant,
  term,
} from './terms.ts';
import { type, typeEnd } from './types.ts';

export interface Select {
  readonly table: TableName;
  /** null where it is not simple. */
  readonly selection: SimpleSelection | null;
}

type SelectedColumns = { name: string; alias: string | null }[] | null;

export function select(p: Parser): Select {
  p.expect('select');
  let simple = true;
  if (p.is('json') && startsSelectClause(p, p.index + 1)) {
    p.advance();
    simple = false;
  }
  if (p.is('distinct') && startsSelectClause(p, p.index + 1)) {
    p.advance();
    simple = false;
  }
  const columns = selectClause(p);
  if (columns === undefined) simple = false;
  p.expect('from');
  const table = p.table();
  const where = p.accept('where') ? whereClause(p) : [];
  if (p.accept('group', 'by')) {
    simple = false;
    commaList(p, () => selector(p));
  }
  if (p.accept('order', 'by')) {
    simple = false;
    commaList(p, () => ordering(p));
  }
  if (p.accept('per', 'partition', 'limit')) {
    simple = false;
    integerOrMarker(p);
  }
  const limit = p.accept('limit') ? limitTerm(p) : null;
  p.accept('allow', 'filtering');
  const selection =
    simple && where !== null && columns !== undefined ? { columns, where, limit } : null;
  return { table, selection };
}

/** JSON and DISTINCT are column names unless something that can be selected follows. */
function startsSelectClause(p: Parser, index: number): boolean {
  const kind = p.kindAt(index);
  if (isConstant(kind) || p.isNameAt(index)) return true;
  if (kind === Kind.PUNCTUATION)
    return ['*', '(', '[', '{', '-', '?', ':'].includes(p.wordAt(index));
  return kind === Kind.WORD && ['token', 'null', 'nan', 'infinity'].includes(p.wordAt(index));
}

/** The columns where all are plain names; null for `*`; undefined for anything more. */
export function selectClause(p: Parser): SelectedColumns | undefined {
  if (p.accept('*')) return null;
  const columns: { name: string; alias: string | null }[] = [];
  let plain = true;
  commaList(p, () => {
    const isPlain = p.isNameAt(p.index) && (p.is(',', 1) || p.is('from', 1) || p.is('as', 1));
    const name = p.wordAt(p.index);
    selector(p);
    const alias = p.accept('as') ? p.name('an alias') : null;
    if (isPlain) columns.push({ name, alias });
    else plain = false;
  });
  return plain ? columns : undefined;
}

function selector(p: Parser): void {
  p.nested(() => {
    selectorProduct(p);
    while (p.accept('+') || p.accept('-')) selectorProduct(p);
  });
}

function selectorProduct(p: Parser): void {
  selectorGroup(p);
  while (p.accept('*') || p.accept('/') || p.accept('%')) selectorGroup(p);
}

function selectorGroup(p: Parser): void {
  p.nested(() => {
    if (p.is('-') && !p.is('nan', 1) && !p.is('infinity', 1)) {
      p.advance();
      selectorGroup(p);
      return;
    }
    plainSelector(p);
    for (;;) {
      if (p.accept('.')) p.name('a field');
      else if (p.accept('[')) subscript(p);
      else return;
    }
  });
}

/** Behind `[`: a key, an index, or a slice. */
function subscript(p: Parser): void {
  if (!p.is('..')) term(p);
  if (p.accept('..') && !p.is(']')) term(p);
  p.expect(']');
}

function plainSelector(p: Parser): void {
  if (p.is('(')) {
    const end = typeEnd(p, p.index + 1);
    if (end > 0 && p.isPunctuationAt(end, ')') && startsHinted(p, end + 1)) {
      p.expect('(');
      type(p);
      p.expect(')');
      plainSelector(p);
      return;
    }
    p.expect('(');
    commaList(p, () => selector(p));
    p.expect(')');
    return;
  }
  if (p.accept('[')) {
    if (p.accept(']')) return;
    commaList(p, () => selector(p));
    p.expect(']');
    return;
  }
  if (p.accept('{')) {
    if (p.accept('}')) return;
    commaList(p, () => {
      if (p.isNameAt(p.index) && p.is(':', 1)) p.advance();
      else selector(p);
      if (p.accept(':')) selector(p);
    });
    p.expect('}');
    return;
  }
  if (p.marker() !== null || p.accept('null') || acceptConstant(p)) return;
  if (p.is('count') && p.is('(', 1) && p.is('*', 2)) {
    p.expect('count', '(', '*', ')');
    return;
  }
  if (p.is('cast') && p.is('(', 1)) {
    p.expect('cast', '(');
    selector(p);
    p.expect('as');
    type(p);
    p.expect(')');
    return;
  }
  if (functionEnd(p, p.index) > 0) {
    functionCall(p, () => selector(p));
    return;
  }
  p.name('something to select');
}

/** What can follow the `)` of a type hint. */
function startsHinted(p: Parser, index: number): boolean {
  const kind = p.kindAt(index);
  if (isConstant(kind) || p.isNameAt(index)) return true;
  if (kind === Kind.PUNCTUATION) return ['(', '[', '{', '?', ':'].includes(p.wordAt(index));
  return kind === Kind.WORD && ['null', 'token', 'nan', 'infinity'].includes(p.wordAt(index));
}

function ordering(p: Parser): void {
  p.columnName();
  if (p.accept('ann', 'of')) term(p);
  if (!p.accept('asc')) p.accept('desc');
}

function limitTerm(p: Parser): SelectionTerm {
  const marker = p.marker();
  if (marker !== null) return { type: 'marker', ...marker };
  const value = p.sourceText();
  if (!p.acceptKind(Kind.INTEGER)) throw p.unexpected('a number or a bind marker');
  return { type: 'literal', value, quoted: false };
}

type Where = { column: string; terms: readonly SelectionTerm[] }[];

const COMPARISONS = ['=', '<', '<=', '>', '>=', '!='];

/** The conditions where all are equalities of columns; null where there is more. */
export function whereClause(p: Parser): Where | null {
  const where: Where = [];
  let simple = true;
  do {
    const condition = relation(p);
    if (condition === null) simple = false;
    else where.push(condition);
  } while (p.accept('and'));
  return simple ? where : null;
}

function relation(p: Parser): Where[number] | null {
  return p.nested(() => {
    if (p.acceptKind(Kind.EXPR_OPEN)) {
      p.qualifiedName('an index');
      p.expect(',');
      term(p);
      p.expect(')');
      return null;
    }
    if (p.is('token') && p.is('(', 1)) {
      p.expect('token', '(');
      commaList(p, () => p.columnName());
      p.expect(')');
      comparison(p);
      term(p);
      return null;
    }
    if (p.is('(')) {
      parenthesized(p);
      return null;
    }
    return columnRelation(p);
  });
}

/** `(a, b) > (1, 2)`, `(a, b) IN (...)`, or a relation in parentheses. */
function parenthesized(p: Parser): void {
  const isTuple =
    p.isPunctuationAt(p.index + 2, ',') ||
    (p.isPunctuationAt(p.index + 2, ')') && p.isNameAt(p.index + 1));
  p.expect('(');
  if (!isTuple) {
    relation(p);
    p.expect(')');
    return;
  }
  commaList(p, () => p.columnName());
  p.expect(')');
  if (p.accept('in')) {
    inValues(p);
    return;
  }
  comparison(p);
  term(p);
}

function columnRelation(p: Parser): Where[number] | null {
  const column = p.columnName();
  if (p.accept('is')) {
    p.expect('not', 'null');
    return null;
  }
  if (p.accept('contains')) {
    if (p.is('key') && !p.is('(', 1) && !p.is('.', 1)) p.advance();
    term(p);
    return null;
  }
  if (p.accept('like')) {
    term(p);
    return null;
  }
  if (p.accept('in')) {
    const terms = inValues(p);
    return terms === null ? null : { column, terms };
  }
  if (p.accept('[')) {
    term(p);
    p.expect(']');
    comparison(p);
    term(p);
    return null;
  }
  const isEquality = p.is('=');
  comparison(p);
  const value = simpleValue(p);
  return isEquality && value !== null ? { column, terms: [value] } : null;
}

function comparison(p: Parser): void {
  if (!COMPARISONS.some((one) => p.accept(one))) throw p.unexpected('a comparison');
}

/** Behind IN: a marker, or terms in parentheses; the terms where all are plain values. */
function inValues(p: Parser): SelectionTerm[] | null {
  if (p.marker() !== null) return null;
  const terms: SelectionTerm[] = [];
  let simple = true;
  p.expect('(');
  if (!p.accept(')')) {
    commaList(p, () => {
      const value = simpleValue(p);
      if (value === null) simple = false;
      else terms.push(value);
    });
    p.expect(')');
  }
  return simple ? terms : null;
}

/** Any term; what it is, where it is one constant or marker. */
function simpleValue(p: Parser): SelectionTerm | null {
  const before = p.index;
  const { kind } = p;
  const source = p.sourceText();
  const value = kind === Kind.STRING && !source.startsWith('$$') ? unquote(source) : source;
  if (p.is('?') || p.is(':')) {
    const marker = p.marker();
    if (marker !== null)
      return isOperatorNext(p) ? (termTail(p), null) : { type: 'marker', ...marker };
  }
  term(p);
  const isOne = p.index === before + 1 && isConstant(kind) && !source.startsWith('$$');
  return isOne ? { type: 'literal', value, quoted: kind === Kind.STRING } : null;
}

function unquote(source: string): string {
  return source.slice(1, -1).replaceAll("''", "'");
}

function isOperatorNext(p: Parser): boolean {
  return ['+', '-', '*', '/', '%'].some((operator) => p.is(operator));
}

/** The rest of a term whose first operand was taken already. */
function termTail(p: Parser): void {
  while (isOperatorNext(p)) {
    p.advance();
    term(p);
  }
}
