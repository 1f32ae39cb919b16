// Types of columns, fields, arguments and casts. User-defined ones are noted with their keyspace.
import { isTypeName, Kind } from '../tokens.ts';
import { DYNAMIC_TYPE, javaType } from './java-type.ts';
import { NATIVE_TYPES, RESERVED_TYPE_NAMES, type Collection, type CqlType } from '../type.ts';
import type { Parser } from './parser.ts';

/** Words that are a type only before `<`, with how many types they hold (Infinity: any number). */
const GENERIC_TYPES: ReadonlyMap<string, number> = new Map([
  ['map', 2],
  ['list', 1],
  ['set', 1],
  ['frozen', 1],
  ['tuple', Infinity],
]);

/**
 * A type where one must stand, of a value that the text holds or that is passed: of a hint, of an argument. A
 * column's or field's is `type`.
 */
export function typeOfValue(p: Parser): CqlType {
  const before = p.dynamicTypes;
  const found = type(p);
  if (p.dynamicTypes > before) p.noteClass(DYNAMIC_TYPE);
  return found;
}

/** The type of a column or of a field. */
export function type(p: Parser): CqlType {
  if (p.kind === Kind.NATIVE_TYPE && !p.isNext('.')) {
    const native = NATIVE_TYPES.get(p.wordAt(p.index))!;
    p.advance();
    return native;
  }
  p.enter();
  const found = composedType(p);
  p.leave();
  return found;
}

function composedType(p: Parser): CqlType {
  if (p.kind === Kind.STRING) return javaType(p, p.stringLiteral());
  const word = p.wordAt(p.index);
  if (p.isNext('<')) {
    if (word === 'vector') return vector(p);
    const most = GENERIC_TYPES.get(word);
    if (most === undefined) throw p.unexpected('a type');
    p.advance();
    p.advance();
    const isSimple = (p.kind === Kind.NATIVE_TYPE && !p.isNext('.')) || p.kind === Kind.STRING;
    if (word === 'frozen' && isSimple) {
      throw p.refusal('only collections, tuples and user-defined types can be frozen');
    }
    const of: CqlType[] = [];
    do of.push(type(p));
    while (p.accept(','));
    if (most !== Infinity && of.length !== most) {
      throw p.refusal(`${word} is not of ${of.length} types`);
    }
    p.expect('>');
    return word === 'frozen' ? of[0]! : { kind: word as Collection, of };
  }
  const name = typeName(p);
  p.noteType(name);
  return { kind: 'user', ...name };
}

function vector(p: Parser): CqlType {
  p.expectAll('vector', '<');
  const of = [type(p)];
  p.expect(',');
  const dimension = Number(p.sourceText());
  if (!p.acceptKind(Kind.INTEGER)) throw p.unexpected('a dimension');
  p.expect('>');
  return { kind: 'vector', of, dimension };
}

/** `[keyspace.]type` of a user-defined type. */
export function typeName(p: Parser): { keyspace: string | null; name: string } {
  let keyspace: string | null = null;
  if (p.isNext('.')) {
    keyspace = p.name('a keyspace');
    p.expect('.');
  }
  if (!isTypeName(p.kind)) throw p.unexpected('a type');
  const isWord = p.kind === Kind.IDENT;
  const name = p.name('a type');
  if (isWord && RESERVED_TYPE_NAMES.has(name)) {
    throw p.refusal(`${name} is a reserved name of a type`);
  }
  return { keyspace, name };
}

/** One of Cassandra's own types, as CAST takes. */
export function nativeType(p: Parser): void {
  if (p.kind !== Kind.NATIVE_TYPE) throw p.unexpected("a type of Cassandra's own");
  p.advance();
}

/** A type in the signature of a function of `keyspace`, whose own types need not name it. */
export function signatureType(p: Parser, keyspace: string): CqlType {
  return ownTypes(typeOfValue(p), keyspace);
}

function ownTypes(found: CqlType, keyspace: string): CqlType {
  if (found.kind === 'user') {
    return found.keyspace === keyspace ? { ...found, keyspace: null } : found;
  }
  if (!('of' in found)) return found;
  return { ...found, of: found.of.map((one) => ownTypes(one, keyspace)) };
}

/** Nesting of types that a look ahead follows. */
const LOOK_AHEAD_DEPTH = 32;

/**
 * Looks whether a whole type stands at a token, without taking it: the index behind it, or -1. Used
 * where `(` may open a cast or a tuple.
 */
export function typeEnd(p: Parser, index: number, depth = 0): number {
  if (depth > LOOK_AHEAD_DEPTH) return -1;
  const kind = p.kindAt(index);
  if (kind === Kind.STRING) return index + 1;
  if (p.isAt(index + 1, '<')) {
    let at = index + 1;
    do {
      at = p.kindAt(at + 1) === Kind.INTEGER ? at + 2 : typeEnd(p, at + 1, depth + 1);
      if (at < 0) return -1;
    } while (p.isAt(at, ','));
    return p.isAt(at, '>') ? at + 1 : -1;
  }
  if (!p.isNameAt(index)) return -1;
  if (p.isAt(index + 1, '.')) return isTypeName(p.kindAt(index + 2)) ? index + 3 : -1;
  return isTypeName(kind) || kind === Kind.NATIVE_TYPE ? index + 1 : -1;
}
