// Terms: constants, bind markers, collections, tuples, casts and function calls, which may stand in
// nearly every place of a statement.
import { CQL, PARSING } from '../../limits/cql.ts';
import { isNativeFunction, isOverloadedFunction } from '../keywords.ts';
import { isConstant, isName, Kind } from '../tokens.ts';
import { commaList, type Parser } from './parser.ts';
import { nativeType, typeEnd, typeOfValue } from './types.ts';

/** Takes a constant if one comes: NaN and Infinity are words. */
export function acceptConstant(p: Parser): boolean {
  if (isConstant(p.kind)) {
    p.advance();
    return true;
  }
  return p.accept('nan') || p.accept('infinity');
}

/** `term`, with arithmetic. */
export function term(p: Parser): void {
  if (isConstant(p.kind) && (p.isNext(',') || p.isNext(')'))) {
    p.advance();
    return;
  }
  p.enter();
  sum(p, false);
  p.leave();
}

/** The term of `SET c = term [+ c]`: a `+` before a plain column name is left alone. */
export function termBeforeColumn(p: Parser): void {
  sum(p, true);
}

function sum(p: Parser, mayEndInColumn: boolean): void {
  const { costUs, openCalls } = p;
  product(p);
  if (!p.isOperator()) return;
  while (p.is('+') || p.is('-')) {
    if (mayEndInColumn && p.is('+') && isPlainColumn(p, p.index + 1)) return;
    p.advance();
    product(p);
    operated(p, costUs, openCalls);
  }
}

/**
 * Behind an operator and its operands. To find the types Cassandra tries out what may stand on the left
 * for each type that the operator takes, and the operators in there for each of theirs.
 */
function operated(p: Parser, before: number, openCalls: number): void {
  p.charge(PARSING.operatorUs, OPERATORS);
  const isOfCalls = p.openCalls > openCalls;
  const factor = isOfCalls ? PARSING.operatorOfCallsFactor : PARSING.operatorFactor;
  p.repeat(before, factor, OPERATORS);
}

const OPERATORS =
  'the time for a term multiplies with each operator in it; compute the value in the client and bind it';

/** A column name that is not the begin of a function call or a cast. */
export function isPlainColumn(p: Parser, index: number): boolean {
  if (!p.isColumnAt(index) || functionEnd(p, index) > 0) return false;
  return !(p.isAt(index, 'cast') && p.isAt(index + 1, '('));
}

function product(p: Parser): void {
  const { costUs, openCalls } = p;
  group(p);
  if (!p.isOperator()) return;
  while (p.accept('*') || p.accept('/') || p.accept('%')) {
    group(p);
    operated(p, costUs, openCalls);
  }
}

function group(p: Parser): void {
  if (!p.accept('-')) {
    simpleTerm(p);
    return;
  }
  const within = callsSoFar(p);
  simpleTerm(p);
  if (p.costUs > within.costUs) resolved(p, 'overloaded', within);
}

/**
 * How Cassandra finds the function that is meant by a name, a CAST or a minus. It goes through the arguments, for
 * each overload; what an overloaded function gives tells early that it is not meant, a `single` one's does not.
 */
type Resolution = 'overloaded' | 'single' | 'user';

interface Within {
  readonly costUs: number;
  readonly openCalls: number;
  readonly nativeCalls: number;
}

function callsSoFar({ costUs, openCalls, nativeCalls }: Parser): Within {
  return { costUs, openCalls, nativeCalls };
}

/** Behind a call, a CAST or a minus; `before` is what was counted before its arguments. */
function resolved(p: Parser, resolution: Resolution, before: Within): void {
  p.charge(PARSING.callUs, CALLS);
  const isAroundOpen = p.openCalls > before.openCalls;
  const isAroundNative = p.nativeCalls > before.nativeCalls;
  if (resolution !== 'overloaded') p.openCalls++;
  if (resolution !== 'user') p.nativeCalls++;
  else if (!isAroundNative) return;
  const isTried = resolution === 'overloaded' && isAroundOpen;
  p.repeat(before.costUs, isTried ? PARSING.overloadFactor : PARSING.callFactor, CALLS);
}

const CALLS =
  'the time for a value multiplies with each call around a call; nest fewer, or compute the value in the ' +
  'client and bind it';

function simpleTerm(p: Parser): void {
  if (isConstant(p.kind) || p.is('?')) {
    p.advance();
    return;
  }
  p.enter();
  composedTerm(p);
  p.leave();
}

function composedTerm(p: Parser): void {
  if (p.is('(')) {
    const end = typeEnd(p, p.index + 1);
    if (end > 0 && p.isAt(end, ')') && startsTerm(p, end + 1)) {
      p.expect('(');
      typeOfValue(p);
      p.expect(')');
      simpleTerm(p);
      return;
    }
    tuple(p);
    return;
  }
  if (p.accept('[')) {
    if (p.accept(']')) return;
    commaList(p, term);
    p.expect(']');
    return;
  }
  if (p.accept('{')) {
    braces(p);
    return;
  }
  if (p.acceptMarker() || p.accept('null') || acceptConstant(p)) return;
  if (p.is('cast') && p.isNext('(')) {
    const within = callsSoFar(p);
    p.expectAll('cast', '(');
    simpleTerm(p);
    p.expect('as');
    nativeType(p);
    p.expect(')');
    resolved(p, 'overloaded', within);
    return;
  }
  functionCall(p, term);
}

/** `(term, ...)`. */
export function tuple(p: Parser): void {
  p.expect('(');
  commaList(p, term);
  p.expect(')');
}

/** Behind `{`: a user type's `field: value`, a map, or a set. */
function braces(p: Parser): void {
  if (p.accept('}')) return;
  if (p.isNameAt(p.index) && p.isNext(':')) {
    let fields = 0;
    do {
      p.skipName('a field');
      p.expect(':');
      term(p);
      fields++;
    } while (p.accept(','));
    p.expect('}');
    p.charge(fields * fields * PARSING.fieldUs, FIELDS);
    return;
  }
  mapOrSet(p, term);
}

/** The elements of a map or a set, of which there is at least one. */
export function mapOrSet(p: Parser, element: (p: Parser) => void): void {
  element(p);
  const isMap = p.accept(':');
  if (isMap) element(p);
  while (p.accept(',')) {
    element(p);
    if (!isMap) continue;
    p.expect(':');
    element(p);
  }
  p.expect('}');
}

const FIELDS = 'the literal of a user type has too many fields; bind the value';

/** What can follow the `)` of a cast or a type hint; an operator there makes it a tuple of one. */
export function startsTerm(p: Parser, index: number): boolean {
  const word = p.wordAt(index);
  // `(a) AS b`, `(a) PER PARTITION LIMIT 1`: AS and PER are names as well, but not there.
  const next = word === 'as' && p.isNameAt(index + 1) ? p.wordAt(index + 1) : 'as';
  if (next !== 'as' && next !== 'per') return false;
  if (word === 'per' && p.isAt(index + 1, 'partition')) return false;
  if (isConstant(p.kindAt(index)) || p.isNameAt(index)) return true;
  return TERM_STARTS.has(word) || (word === ':' && p.isNameAt(index + 1));
}

/** Words and punctuation with which a term may begin, names and constants aside. */
const TERM_STARTS: ReadonlySet<string> = new Set('( [ { ? null nan infinity token'.split(' '));

/** Whether the token can be a function's own name. */
function isFunctionName(p: Parser, index: number): boolean {
  const kind = p.kindAt(index);
  if (isName(kind) && kind !== Kind.SPECIAL && kind !== Kind.KEY) return true;
  return p.isAt(index, 'token') || p.isAt(index, 'count');
}

/** Index of the `(` behind `name` or `ks.name` where a function call stands, else -1. */
export function functionEnd(p: Parser, index: number): number {
  if (p.isAt(index + 1, '(')) return isFunctionName(p, index) ? index + 1 : -1;
  if (!p.isAt(index + 1, '.') || !p.isAt(index + 3, '(')) return -1;
  return p.isNameAt(index) && isFunctionName(p, index + 2) ? index + 3 : -1;
}

/** `[ks.]f(arguments)`; the function is noted. `arity` counts arguments that the text leaves out. */
export function functionCall(
  p: Parser,
  argument: (p: Parser) => void,
  arity = 0,
  open = functionEnd(p, p.index),
): void {
  if (open < 0) throw p.unexpected('a value');
  const keyspace = open === p.index + 3 ? p.nameAt(p.index) : null;
  const name = p.functionNameAt(open - 1);
  p.rewind(open + 1);
  const within = callsSoFar(p);
  const isEmpty = p.is(')');
  if (!p.accept(')')) {
    do {
      argument(p);
      arity++;
    } while (p.accept(','));
    p.expect(')');
  }
  p.noteCall(keyspace, name, arity);
  noteNumbers(p, name, open);
  // Of a selection the types are known from its columns.
  if (argument !== term || isEmpty) return;
  const isNative = (keyspace === null && isNativeFunction(name)) || keyspace === 'system';
  const own = isOverloadedFunction(name) ? 'overloaded' : 'single';
  resolved(p, isNative ? own : 'user', within);
}

function noteNumbers(p: Parser, name: string, open: number): void {
  switch (name) {
    case 'log':
    case 'log10':
    case 'exp':
      p.numbers.logarithms = true;
      break;
    case 'fromjson':
    case 'from_json':
      p.numbers.fromJson = true;
      break;
    case 'blobasdecimal':
    case 'blob_as_decimal':
      decimalOfBlob(p, open + 1);
      break;
  }
}

/** Its first four bytes are the exponent, which takes time when it is computed with. */
function decimalOfBlob(p: Parser, argument: number): void {
  const isOne = p.index === argument + 2;
  if (p.isAt(argument, '?') || p.isAt(argument, ':') || (isOne && p.isNameAt(argument))) return;
  const scale = Number.parseInt(p.sourceTextAt(argument).slice(2, 10), 16) | 0;
  const isShort = isOne && p.kindAt(argument) === Kind.BLOB && Math.abs(scale) < CQL.decimalScale;
  if (!isShort)
    throw p.tooCostly('a decimal that is written as a blob has too large a scale; bind it');
}

/** An integer or a bind marker, as LIMIT and USING take. */
export function integerOrMarker(p: Parser): void {
  if (!p.acceptMarker() && !p.acceptKind(Kind.INTEGER)) {
    throw p.unexpected('a number or a bind marker');
  }
}
