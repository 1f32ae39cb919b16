// Terms: constants, bind markers, collections, tuples, casts and function calls, which may stand in
// nearly every place of a statement.
import { Kind } from '../lexer.ts';
import { commaList, Refusal, type Parser } from './parser.ts';
import { type, typeEnd } from './types.ts';

const CONSTANTS: ReadonlySet<number> = new Set([
  Kind.STRING,
  Kind.INTEGER,
  Kind.FLOAT,
  Kind.BLOB,
  Kind.UUID,
  Kind.DURATION,
  Kind.BOOLEAN,
]);

export function isConstant(kind: number): boolean {
  return CONSTANTS.has(kind);
}

/** Takes a constant if one comes: NaN and Infinity are words, with or without a minus. */
export function acceptConstant(p: Parser): boolean {
  if (isConstant(p.kind)) {
    p.advance();
    return true;
  }
  if (p.is('-') && (p.is('nan', 1) || p.is('infinity', 1))) p.advance();
  return p.accept('nan') || p.accept('infinity');
}

/**
 * `term`, with arithmetic. `columnTail` is for `SET c = term + c`: the `+` before a plain column
 * name is then left alone.
 */
export function term(p: Parser, columnTail = false): void {
  p.nested(() => {
    product(p);
    while (p.is('+') || p.is('-')) {
      if (columnTail && p.is('+') && p.isNameAt(p.index + 1) && functionEnd(p, p.index + 1) < 0) {
        return;
      }
      p.advance();
      product(p);
    }
  });
}

function product(p: Parser): void {
  group(p);
  while (p.accept('*') || p.accept('/') || p.accept('%')) group(p);
}

function group(p: Parser): void {
  if (p.is('-') && !p.is('nan', 1) && !p.is('infinity', 1)) p.advance();
  simpleTerm(p);
}

function simpleTerm(p: Parser): void {
  p.nested(() => {
    if (p.is('(')) {
      const end = typeEnd(p, p.index + 1);
      if (end > 0 && p.isPunctuationAt(end, ')') && startsTerm(p, end + 1)) {
        p.expect('(');
        type(p);
        p.expect(')');
        simpleTerm(p);
        return;
      }
      p.expect('(');
      commaList(p, () => term(p));
      p.expect(')');
      return;
    }
    if (p.accept('[')) {
      if (!p.accept(']')) {
        commaList(p, () => term(p));
        p.expect(']');
      }
      return;
    }
    if (p.accept('{')) {
      braces(p);
      return;
    }
    if (p.marker() !== null || p.accept('null') || acceptConstant(p)) return;
    if (p.is('cast') && p.is('(', 1)) {
      p.expect('cast', '(');
      simpleTerm(p);
      p.expect('as');
      type(p);
      p.expect(')');
      return;
    }
    functionCall(p, () => term(p));
  });
}

/** Behind `{`: a map, a set, or a user type's `field: value`. */
function braces(p: Parser): void {
  if (p.accept('}')) return;
  commaList(p, () => {
    // Field names of a user type look like columns; anything else is a term.
    if (p.isNameAt(p.index) && p.is(':', 1)) p.advance();
    else term(p);
    if (p.accept(':')) term(p);
  });
  p.expect('}');
}

/** What can follow the `)` of a cast; an operator there makes it a tuple of one. */
function startsTerm(p: Parser, index: number): boolean {
  const kind = p.kindAt(index);
  if (isConstant(kind) || kind === Kind.QUOTED) return true;
  if (kind === Kind.PUNCTUATION) return ['(', '[', '{', '?', ':'].includes(p.wordAt(index));
  const word = p.wordAt(index);
  return (
    kind === Kind.WORD && (p.isNameAt(index) || ['null', 'nan', 'infinity', 'token'].includes(word))
  );
}

/** Index behind `name` or `ks.name` when a `(` follows it there, else -1. */
export function functionEnd(p: Parser, index: number): number {
  const isToken = p.kindAt(index) === Kind.WORD && p.wordAt(index) === 'token';
  if (!p.isNameAt(index) && !isToken) return -1;
  if (p.isPunctuationAt(index + 1, '(')) return index + 1;
  if (isToken || !p.isPunctuationAt(index + 1, '.')) return -1;
  return p.isNameAt(index + 2) && p.isPunctuationAt(index + 3, '(') ? index + 3 : -1;
}

/** `[ks.]f(arguments)`; the function is noted. */
export function functionCall(p: Parser, argument: () => void): void {
  if (functionEnd(p, p.index) < 0) throw p.unexpected('a value');
  if (p.accept('token')) p.functions.push({ keyspace: null, name: 'token' });
  else p.functions.push(p.qualifiedName('a function'));
  p.expect('(');
  if (p.accept(')')) return;
  commaList(p, argument);
  p.expect(')');
}

/** An integer or a bind marker, as LIMIT and USING take. */
export function integerOrMarker(p: Parser): void {
  if (p.marker() === null && !p.acceptKind(Kind.INTEGER))
    throw p.unexpected('a number or a bind marker');
}

/**
 * `{key: value, ...}` of a property. Values of the key `class` name Java classes that the node
 * would load: only those on the list are let through.
 */
export function propertyMap(p: Parser): void {
  p.expect('{');
  if (p.accept('}')) return;
  commaList(p, () => {
    const isClass = p.kind === Kind.STRING && /^'class'$/i.test(p.sourceText());
    term(p);
    p.expect(':');
    if (isClass && p.kind === Kind.STRING) checkClass(p, p.stringLiteral());
    else if (isClass) throw new Refusal('a class name must be a plain string', p.position, false);
    else term(p);
  });
  p.expect('}');
}

/** Classes of Cassandra's own that CQL may name, without their package. */
const ALLOWED_CLASSES = new Set([
  'SimpleStrategy',
  'NetworkTopologyStrategy',
  'LocalStrategy',
  'EverywhereStrategy',
  'SizeTieredCompactionStrategy',
  'LeveledCompactionStrategy',
  'TimeWindowCompactionStrategy',
  'UnifiedCompactionStrategy',
  'LZ4Compressor',
  'SnappyCompressor',
  'DeflateCompressor',
  'ZstdCompressor',
  'NoopCompressor',
  'StorageAttachedIndex',
  'sai',
]);
const CASSANDRA_PACKAGE =
  /^org\.apache\.cassandra\.(?:locator|db\.compaction|io\.compress|index\.sai)\./;

export function checkClass(p: Parser, name: string): void {
  const short = name.replace(CASSANDRA_PACKAGE, '');
  if (ALLOWED_CLASSES.has(short) || short.toLowerCase() === 'sai') return;
  p.refused ??= `the class ${name.slice(0, 80)} is not on the list of classes that may be named`;
}

/** `name = value AND ...` behind WITH. */
export function properties(p: Parser, special: () => boolean = () => false): void {
  do {
    if (special()) continue;
    p.name('a property');
    p.expect('=');
    if (p.is('{')) propertyMap(p);
    else if (!acceptConstant(p)) p.name('a value');
  } while (p.accept('and'));
}
