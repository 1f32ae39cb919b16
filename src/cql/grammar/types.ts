// Types of columns, fields, arguments and casts. User-defined ones are noted with their keyspace.
import { NATIVE_TYPES } from '../keywords.ts';
import { Kind } from '../lexer.ts';
import { Refusal, type Parser } from './parser.ts';

/** Words that are a type only before `<`. */
const GENERIC_TYPES = new Set(['map', 'list', 'set', 'frozen', 'tuple', 'vector']);

/** Parses a type where one must stand. */
export function type(p: Parser): void {
  p.nested(() => {
    if (p.kind === Kind.STRING) {
      // It names Java classes, and user types by hex inside the string: nobody needs it by CQL.
      throw new Refusal(
        'types written as a string (Java class names) are not let through',
        p.position,
        false,
      );
    }
    const word = p.wordAt(p.index);
    if (p.kind === Kind.WORD && GENERIC_TYPES.has(word) && p.is('<', 1)) {
      p.advance();
      p.advance();
      type(p);
      while (p.accept(',')) {
        if (word === 'vector' && p.acceptKind(Kind.INTEGER)) break;
        type(p);
      }
      p.expect('>');
      return;
    }
    if (p.kind === Kind.WORD && NATIVE_TYPES.has(word) && !p.is('.', 1)) {
      p.advance();
      return;
    }
    p.types.push(p.qualifiedName('a type'));
  });
}

/**
 * Looks whether a whole type stands at a token, without taking it: the index behind it, or -1. Used
 * where `(` may open a cast or a tuple.
 */
export function typeEnd(p: Parser, index: number, depth = 0): number {
  if (depth > 32) return -1;
  if (p.kindAt(index) === Kind.STRING) return index + 1;
  const isSet = p.kindAt(index) === Kind.WORD && p.wordAt(index) === 'set';
  if (!p.isNameAt(index) && !isSet) return -1;
  let at = index + 1;
  if (p.isPunctuationAt(at, '.') && p.isNameAt(at + 1)) return at + 2;
  if (!p.isPunctuationAt(at, '<')) return at;
  do {
    at = p.kindAt(at + 1) === Kind.INTEGER ? at + 2 : typeEnd(p, at + 1, depth + 1);
    if (at < 0) return -1;
  } while (p.isPunctuationAt(at, ','));
  return p.isPunctuationAt(at, '>') ? at + 1 : -1;
}
