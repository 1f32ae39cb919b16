// Types of columns, fields, arguments and casts. User-defined ones are noted with their keyspace.
import { isTypeName, Kind } from '../lexer.ts';
import { Refusal, type Parser } from './parser.ts';

/** Words that are a type only before `<`, with how many types they hold (Infinity: any number). */
const GENERIC_TYPES: ReadonlyMap<string, number> = new Map([
  ['map', 2],
  ['list', 1],
  ['set', 1],
  ['frozen', 1],
  ['tuple', Infinity],
]);

/** Names that Cassandra keeps for types to come. */
const RESERVED_TYPE_NAMES = new Set([
  'byte',
  'complex',
  'enum',
  'date',
  'interval',
  'macaddr',
  'bitstring',
]);

/** Parses a type where one must stand. */
export function type(p: Parser): void {
  if (p.kind === Kind.NATIVE_TYPE && !p.isNext('.')) {
    p.advance();
    return;
  }
  p.enter();
  composedType(p);
  p.leave();
}

function composedType(p: Parser): void {
  if (p.kind === Kind.STRING) {
    // It names Java classes, and user types by hex inside the string: nobody needs it by CQL.
    throw new Refusal(
      'types written as a string (Java class names) are not let through',
      p.position,
      false,
    );
  }
  const word = p.wordAt(p.index);
  if (p.isNext('<')) {
    if (word === 'vector') {
      vector(p);
      return;
    }
    const most = GENERIC_TYPES.get(word);
    if (most === undefined) throw p.unexpected('a type');
    p.advance();
    p.advance();
    if (word === 'frozen' && p.kind === Kind.NATIVE_TYPE && !p.isNext('.')) {
      throw p.refusal('only collections, tuples and user-defined types can be frozen');
    }
    let count = 0;
    do {
      type(p);
      count++;
    } while (p.accept(','));
    if (most !== Infinity && count !== most) throw p.refusal(`${word} is not of ${count} types`);
    p.expect('>');
    return;
  }
  p.noteType(typeName(p));
}

function vector(p: Parser): void {
  p.expectAll('vector', '<');
  type(p);
  p.expect(',');
  if (!p.acceptKind(Kind.INTEGER)) throw p.unexpected('a dimension');
  p.expect('>');
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

/**
 * A type's text as function signatures are compared by: user types without keyspace, nothing
 * frozen, `varchar` as `text`, no spaces. Parses the type as `type` does.
 */
export function signatureType(p: Parser): string {
  const start = p.index;
  type(p);
  return signatureText(p, start, p.index);
}

function signatureText(p: Parser, start: number, end: number): string {
  let out = '';
  /** For each `<` that is open, whether it is that of `frozen<`. */
  const open: boolean[] = [];
  for (let at = start; at < end; at++) {
    const word = p.wordAt(at);
    if (p.isAt(at + 1, '<')) {
      const isFrozen = word === 'frozen';
      open.push(isFrozen);
      if (!isFrozen) out += `${word}<`;
      at++;
    } else if (word === '>') out += open.pop() === true ? '' : '>';
    else if (word === ',') out += ',';
    else if (p.kindAt(at) === Kind.INTEGER) out += p.sourceTextAt(at);
    // Of a type with its keyspace, the type.
    else if (word !== '.' && !p.isAt(at + 1, '.'))
      out += word === 'varchar' ? 'text' : p.nameAt(at);
  }
  return out;
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
