// INSERT, UPDATE, DELETE and BATCH written as text.
import { PARSING } from '../../limits/cql.ts';
import type { TableName } from '../statement.ts';
import { commaList, type Parser } from './parser.ts';
import { chargeConditions, comparison, contained, inValues, whereClause } from './select.ts';
import { integerOrMarker, isPlainColumn, term, termBeforeColumn } from './terms.ts';
import { Kind } from '../tokens.ts';

export interface Modification {
  readonly kind: 'INSERT' | 'UPDATE' | 'DELETE';
  readonly table: TableName;
  /** IF conditions: it reads, too. */
  readonly lwt: boolean;
}

/** DML by its first word; null where it is something else. */
export function modification(p: Parser): Modification | null {
  if (p.is('insert')) return insert(p);
  if (p.is('update')) return update(p);
  return p.is('delete') ? deletion(p) : null;
}

function insert(p: Parser): Modification {
  p.expectAll('insert', 'into');
  const table = p.table();
  if (p.accept('json')) {
    if (!p.acceptMarker()) {
      if (!p.acceptKind(Kind.STRING)) throw p.unexpected('a JSON string');
      p.numbers.inJson = true;
    }
    if (p.accept('default') && !p.accept('null')) p.expect('unset');
  } else {
    p.expect('(');
    commaList(p, column);
    p.expectAll(')', 'values', '(');
    commaList(p, term);
    p.expect(')');
  }
  const lwt = p.accept('if');
  if (lwt) {
    p.expectAll('not', 'exists');
    // A row that is there already comes back whole.
    p.columns = null;
  }
  using(p);
  return { kind: 'INSERT', table, lwt };
}

function update(p: Parser): Modification {
  p.expect('update');
  const table = p.table();
  using(p);
  p.expect('set');
  assignments(p);
  p.expect('where');
  whereClause(p);
  return { kind: 'UPDATE', table, lwt: conditions(p) };
}

function deletion(p: Parser): Modification {
  p.expect('delete');
  if (!p.is('from')) commaList(p, deleted);
  p.expect('from');
  const table = p.table();
  if (p.accept('using')) {
    p.expect('timestamp');
    integerOrMarker(p);
  }
  p.expect('where');
  whereClause(p);
  return { kind: 'DELETE', table, lwt: conditions(p) };
}

function deleted(p: Parser): void {
  p.skipColumn();
  if (p.accept('[')) {
    term(p);
    p.expect(']');
  } else if (p.accept('.')) p.skipName('a field');
}

function column(p: Parser): void {
  p.skipColumn();
}

/** A BATCH written as text; `child` is called behind each of its statements. */
export function batch(p: Parser, child: (found: Modification) => void): void {
  p.expect('begin');
  if (!p.accept('unlogged')) p.accept('counter');
  p.expect('batch');
  using(p);
  while (!p.is('apply')) {
    const found = modification(p);
    if (found === null) throw p.unexpected('INSERT, UPDATE, DELETE or APPLY BATCH');
    child(found);
    p.accept(';');
  }
  p.expectAll('apply', 'batch');
}

function using(p: Parser): void {
  if (!p.accept('using')) return;
  do {
    if (!p.accept('timestamp')) p.expect('ttl');
    integerOrMarker(p);
  } while (p.accept('and'));
}

/** Cassandra compares each with all before it. */
function assignments(p: Parser): void {
  let all = 0;
  let plain = 0;
  do {
    all++;
    if (assignment(p)) plain++;
  } while (p.accept(','));
  p.charge(
    all * all * PARSING.assignmentUs + plain * plain * PARSING.plainAssignmentUs,
    ASSIGNMENTS,
  );
}

const ASSIGNMENTS =
  'the time for an UPDATE grows with the square of what it sets; set fewer columns or elements in one UPDATE';

/**
 * True where it can't come again for the same column or field.
 * `c = term`, `c = c + term`, `c = term + c`, `c += term`, `c[term] = term`, `c.f = term`. */
function assignment(p: Parser): boolean {
  const target = p.index;
  p.skipColumn();
  if (p.accept('[')) {
    term(p);
    p.expectAll(']', '=');
    term(p);
    return false;
  }
  if (p.accept('.')) {
    p.skipName('a field');
    p.expect('=');
    term(p);
    return true;
  }
  if (p.accept('+=') || p.accept('-=')) {
    term(p);
    return false;
  }
  p.expect('=');
  if (!isPlainColumn(p, p.index)) {
    termBeforeColumn(p);
    if (p.accept('+')) sameColumn(p, target);
    return true;
  }
  sameColumn(p, target);
  // `c = c -1`: the lexer made the minus part of the number.
  if (p.acceptKind(Kind.INTEGER)) return false;
  if (!p.accept('+')) p.expect('-');
  term(p);
  return false;
}

/** The column again that is set: Cassandra knows no other. */
function sameColumn(p: Parser, target: number): void {
  const again = p.index;
  p.skipColumn();
  const same =
    p.kindAt(again) === Kind.EMPTY_QUOTED || p.kindAt(target) === Kind.EMPTY_QUOTED
      ? p.kindAt(again) === p.kindAt(target)
      : p.nameAt(again) === p.nameAt(target);
  if (!same) throw p.refusal('only expressions of the form x = x + value are supported');
}

/** IF EXISTS, or IF with conditions; of a row that does not fit, the columns of these come back. */
function conditions(p: Parser): boolean {
  if (!p.accept('if')) return false;
  if (p.is('exists') && !isColumnCondition(p)) {
    p.advance();
    return true;
  }
  let count = 0;
  do {
    condition(p);
    count++;
  } while (p.accept('and'));
  chargeConditions(p, count);
  return true;
}

/** `exists` may be a column: `IF exists = 1`. */
function isColumnCondition(p: Parser): boolean {
  return CONDITION_WORDS.has(p.wordAt(p.index + 1));
}

const CONDITION_WORDS: ReadonlySet<string> = new Set('= < <= > >= != [ . in contains'.split(' '));

function condition(p: Parser): void {
  p.skipColumn();
  p.readColumn(p.index - 1);
  if (p.accept('contains')) {
    contained(p);
    return;
  }
  if (p.accept('[')) {
    term(p);
    p.expect(']');
  } else if (p.accept('.')) p.skipName('a field');
  if (p.accept('in')) {
    inValues(p);
    return;
  }
  comparison(p);
  term(p);
}
