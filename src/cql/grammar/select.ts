// SELECT: selectors, WHERE, GROUP BY, ORDER BY, limits. Columns whose values are read, and those that
// conditions compare, are noted for masks.
import { PARSING } from '../../limits/cql.ts';
import type { TableName } from '../statement.ts';
import { isConstant, Kind } from '../tokens.ts';
import { commaList, type Parser } from './parser.ts';
import {
  acceptConstant,
  functionCall,
  functionEnd,
  integerOrMarker,
  mapOrSet,
  term,
  startsTerm,
  tuple,
} from './terms.ts';
import { nativeType, typeEnd, typeOfValue } from './types.ts';

export function select(p: Parser): TableName {
  p.expect('select');
  // Cassandra looks ahead over the whole selection for each of these words.
  const start = p.index;
  const before = p.costUs;
  let times = 1;
  for (const word of ['json', 'distinct']) if (selectionWord(p, word)) times *= 2;
  selectors(p);
  if (times > 1) readAgain(p, start, before, times);
  p.expect('from');
  const table = p.table();
  if (p.accept('where')) whereClause(p);
  if (p.acceptBoth('group', 'by')) groups(p);
  if (p.acceptBoth('order', 'by')) commaList(p, ordering);
  if (p.accept('per')) {
    p.expectAll('partition', 'limit');
    integerOrMarker(p);
  }
  if (p.accept('limit')) integerOrMarker(p);
  if (p.accept('allow')) p.expect('filtering');
  return table;
}

/** Cassandra's parser trips over a field or an element right before a `;` here, and only here. */
function groups(p: Parser): void {
  commaList(p, selector);
  if (p.is(';') && p.modifiedUpTo === p.index) throw p.unexpected('the end');
}

/** Whether JSON or DISTINCT comes next; it is stepped over. */
export function selectionWord(p: Parser, word: string): boolean {
  return p.is(word) && isFollowedBySelector(p) && p.accept(word);
}

/** JSON and DISTINCT are column names unless something to select follows; `json AS x` is one, too. */
function isFollowedBySelector(p: Parser): boolean {
  const next = p.index + 1;
  if (p.isAt(next, 'as') && p.isAt(next + 1, 'as') && !p.isNameAt(next + 2)) return false;
  if (p.isAt(next, '[') && isSliceAt(p, next)) {
    // Cassandra takes some of these and not others, by what stands before the dots.
    throw p.notUnderstood('a slice of a column called json or distinct; quote the name');
  }
  return startsTerm(p, next) || p.isAt(next, '-') || p.isAt(next, '*');
}

/** Whether the brackets that open at a token hold `..` of their own. */
function isSliceAt(p: Parser, open: number): boolean {
  let depth = 0;
  for (let index = open; p.kindAt(index) !== Kind.END; index++) {
    const word = p.wordAt(index);
    if (word === '[' || word === '(' || word === '{') depth++;
    else if (word === ']' || word === ')' || word === '}') depth--;
    if (depth === 0) return false;
    if (depth === 1 && word === '..') return true;
  }
  return false;
}

/** The tokens since `start` are read `times` times instead of once, and what was charged since `before`. */
function readAgain(p: Parser, start: number, before: number, times: number): void {
  p.repeat(before, times, SELECTION);
  p.charge((p.index - start) * (times - 1) * PARSING.tokenUs, SELECTION);
}

const SELECTION =
  'the time for a selection doubles with each level of its nesting; nest it less deep, or select the ' +
  'columns and compute in the client';

/** `*`, or selectors with their aliases. */
export function selectors(p: Parser): void {
  if (p.accept('*')) {
    p.columns = null;
    return;
  }
  commaList(p, aliased);
}

function aliased(p: Parser): void {
  // Most of all selectors are plain columns.
  if (p.isNameAt(p.index) && (p.isNext(',') || p.isNext('from'))) {
    p.readColumn(p.index);
    p.advance();
    p.charge(PARSING.tokenUs, SELECTION);
    return;
  }
  selector(p);
  if (p.accept('as')) p.skipName('an alias');
}

export function selector(p: Parser): void {
  p.enter();
  selectorProduct(p);
  if (p.isOperator()) while (p.accept('+') || p.accept('-')) selectorProduct(p);
  p.leave();
}

function selectorProduct(p: Parser): void {
  selectorGroup(p);
  if (!p.isOperator()) return;
  while (p.accept('*') || p.accept('/') || p.accept('%')) selectorGroup(p);
}

function selectorGroup(p: Parser): void {
  if (isConstant(p.kind) && !p.isNext('.') && !p.isNext('[')) {
    p.advance();
    p.charge(PARSING.tokenUs, SELECTION);
    return;
  }
  p.enter();
  if (p.accept('-')) {
    selectorGroup(p);
  } else {
    // Cassandra looks ahead for a field or an element behind it, and reads it again in either case.
    const start = p.index;
    const before = p.costUs;
    plainSelector(p);
    modifiers(p);
    readAgain(p, start, before, 2);
  }
  p.leave();
}

/** Fields, elements and slices of what was selected. */
function modifiers(p: Parser): void {
  let levels = 0;
  for (;;) {
    if (p.accept('.')) p.skipName('a field');
    else if (p.accept('[')) {
      const isOpen = p.accept('..');
      term(p);
      if (!isOpen && p.accept('..') && !p.is(']')) term(p);
      p.expect(']');
    } else break;
    p.modifiedUpTo = p.index;
    // Each is a level to Cassandra.
    p.enter();
    levels++;
  }
  for (; levels > 0; levels--) p.leave();
}

function plainSelector(p: Parser): void {
  if (p.is('(')) {
    const end = typeEnd(p, p.index + 1);
    if (end > 0 && p.isAt(end, ')') && startsTerm(p, end + 1)) {
      // Cassandra looks ahead for a type hint, too.
      const start = p.index;
      const before = p.costUs;
      p.expect('(');
      typeOfValue(p);
      p.expect(')');
      p.enter();
      plainSelector(p);
      p.leave();
      readAgain(p, start, before, 2);
      return;
    }
    p.expect('(');
    commaList(p, selector);
    p.expect(')');
    return;
  }
  if (p.accept('[')) {
    if (p.accept(']')) return;
    commaList(p, selector);
    p.expect(']');
    return;
  }
  if (p.accept('{')) {
    if (!p.accept('}')) mapOrSet(p, selector);
    return;
  }
  if (p.acceptMarker() || p.accept('null') || acceptConstant(p)) return;
  if (p.isNext('(') && special(p)) return;
  const open = functionEnd(p, p.index);
  if (open > 0) {
    functionCall(p, selector, 0, open);
    return;
  }
  p.skipName('something to select');
  p.readColumn(p.index - 1);
}

/** What looks like a call and is none: COUNT(*), CAST, and the metadata of a column. */
function special(p: Parser): boolean {
  const word = p.wordAt(p.index);
  if (word === 'count' && p.isAt(p.index + 2, '*')) {
    p.expectAll('count', '(', '*', ')');
    return true;
  }
  if (word === 'cast') {
    p.expectAll('cast', '(');
    selector(p);
    p.expect('as');
    nativeType(p);
    p.expect(')');
    return true;
  }
  if (word !== 'ttl' && word !== 'writetime' && word !== 'maxwritetime') return false;
  p.expectAll(word, '(');
  p.skipName('a column name');
  modifiers(p);
  p.expect(')');
  return true;
}

function ordering(p: Parser): void {
  p.skipColumn();
  p.readColumn(p.index - 1);
  // Which rows come back, and in which order, is by how near the column's value is to the one given.
  if (p.is('ann') && p.isNext('of')) {
    p.restrictColumn(p.index - 1);
    p.expectAll('ann', 'of');
    term(p);
  }
  if (!p.accept('asc')) p.accept('desc');
}

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<', '<=', '>', '>=', '!=']);

export function comparison(p: Parser): void {
  if (!COMPARISONS.has(p.wordAt(p.index))) throw p.unexpected('a comparison');
  p.advance();
}

export function whereClause(p: Parser): void {
  let count = 0;
  do {
    count++;
    if (p.acceptKind(Kind.EXPR_OPEN)) {
      // Which columns an index of its own kind compares, only the schema knows.
      p.skipName('an index');
      p.restricted = null;
      p.expect(',');
      term(p);
      p.expect(')');
    } else relation(p);
  } while (p.accept('and'));
  chargeConditions(p, count);
}

/** Cassandra copies those of a column that it has for each one more, when it prepares the statement. */
export function chargeConditions(p: Parser, count: number): void {
  p.charge(count * count * PARSING.conditionUs, CONDITIONS);
}

const CONDITIONS =
  'the time for conditions grows with the square of their number; ask for fewer at once';

function relation(p: Parser): void {
  if (p.is('token')) {
    p.advance();
    columnTuple(p);
    comparison(p);
    term(p);
    return;
  }
  if (!p.is('(')) {
    columnRelation(p);
    return;
  }
  p.enter();
  if (p.isColumnAt(p.index + 1) && (p.isAt(p.index + 2, ',') || p.isAt(p.index + 2, ')'))) {
    tupleRelation(p);
  } else {
    p.expect('(');
    relation(p);
    p.expect(')');
  }
  p.leave();
}

function columnTuple(p: Parser): void {
  p.expect('(');
  commaList(p, restricted);
  p.expect(')');
}

function restricted(p: Parser): void {
  p.skipColumn();
  p.restrictColumn(p.index - 1);
}

/** `(a, b) > (1, 2)`, `(a, b) IN (...)`. */
function tupleRelation(p: Parser): void {
  columnTuple(p);
  if (!p.accept('in')) {
    comparison(p);
    tupleValue(p);
    return;
  }
  if (p.acceptMarker()) return;
  p.expect('(');
  if (p.accept(')')) return;
  // All markers, or all literals.
  const isMarkers = !p.is('(');
  do {
    if (isMarkers && !p.acceptMarker()) throw p.unexpected('a bind marker');
    if (!isMarkers) tuple(p);
  } while (p.accept(','));
  p.expect(')');
}

function tupleValue(p: Parser): void {
  if (!p.acceptMarker()) tuple(p);
}

function columnRelation(p: Parser): void {
  restricted(p);
  if (p.accept('=')) {
    term(p);
    return;
  }
  if (p.accept('in')) {
    inValues(p);
    return;
  }
  if (p.accept('is')) {
    p.expectAll('not', 'null');
    return;
  }
  if (p.accept('contains')) {
    contained(p);
    return;
  }
  if (p.accept('like')) {
    term(p);
    return;
  }
  if (p.accept('[')) {
    term(p);
    p.expect(']');
  }
  comparison(p);
  term(p);
}

/** Behind CONTAINS: KEY, unless it begins a name; and a term. */
export function contained(p: Parser): void {
  if (p.is('key') && !p.isNext('.')) p.advance();
  term(p);
}

/** Behind IN: a marker, or terms in parentheses. */
export function inValues(p: Parser): void {
  if (p.acceptMarker()) return;
  p.expect('(');
  if (p.accept(')')) return;
  commaList(p, term);
  p.expect(')');
}
