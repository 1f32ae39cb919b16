// Types as Cassandra writes them in `system_schema` and in LIST PERMISSIONS. That is nearly CQL, but a
// user's type called `int` stands there without its quotes, like Cassandra's own.
import { Parser } from './grammar/parser.ts';
import { Refusal } from './grammar/refusal.ts';
import { isLexicalError, tokenize } from './lexer.ts';
import { Kind } from './tokens.ts';
import { NATIVE_TYPES, type Collection, type CqlType, type Signature } from './type.ts';

/** Whether the keyspace has a user-defined type of this name. */
export type HasType = (name: string) => boolean;

const COLLECTIONS: ReadonlySet<string> = new Set<Collection>(['list', 'set', 'map', 'tuple']);

/** One text for each argument. */
export function storedSignature(texts: readonly string[], hasType: HasType): Signature {
  return texts.map((text) => {
    const types = storedTypes(text, hasType);
    return types.length === 1 ? types[0]! : unread(text);
  });
}

/** `int, text`, as LIST PERMISSIONS has the arguments of a function. */
export function storedTypes(text: string, hasType: HasType): Signature {
  if (text.trim() === '') return [];
  const tokens = tokenize(text);
  if (isLexicalError(tokens)) return [unread(text)];
  const p = new Parser(text, tokens, null);
  try {
    const types: CqlType[] = [];
    do types.push(type(p, hasType, false));
    while (p.accept(','));
    return p.kind === Kind.END ? types : [unread(text)];
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return [unread(text)];
  }
}

function unread(text: string): CqlType {
  return { kind: 'unread', text };
}

function type(p: Parser, hasType: HasType, isFrozen: boolean): CqlType {
  if (p.isNext('<')) {
    p.enter();
    const found = composed(p, hasType);
    p.leave();
    return found;
  }
  const isQuoted = p.kind === Kind.QUOTED;
  const name = p.name('a type');
  const native = isQuoted ? undefined : NATIVE_TYPES.get(name);
  // Of Cassandra's own types none can be frozen.
  if (native === undefined || isFrozen) return { kind: 'user', keyspace: null, name };
  return hasType(name) ? unread(name) : native;
}

function composed(p: Parser, hasType: HasType): CqlType {
  const word = p.wordAt(p.index);
  p.advance();
  p.expect('<');
  const of = [type(p, hasType, word === 'frozen')];
  if (word === 'vector') {
    p.expect(',');
    const dimension = Number(p.sourceText());
    if (!p.acceptKind(Kind.INTEGER)) throw p.unexpected('a dimension');
    p.expect('>');
    return { kind: 'vector', of, dimension };
  }
  while (p.accept(',')) of.push(type(p, hasType, false));
  p.expect('>');
  if (word === 'frozen' && of.length === 1) return of[0]!;
  if (!COLLECTIONS.has(word)) throw p.unexpected('a type');
  return { kind: word as Collection, of };
}
