// Types as data, as far as signatures of functions are compared by them. Cassandra compares frozen
// forms, so `frozen<...>` leaves nothing here; and `varchar` is `text`.
import { KEYWORDS } from './keywords.ts';
import { quoteIfNeeded, stringLiteral } from './quote.ts';

export type CqlType =
  | { readonly kind: 'native'; readonly name: string }
  /** A user-defined type; no keyspace: that of the function. */
  | { readonly kind: 'user'; readonly keyspace: string | null; readonly name: string }
  | { readonly kind: Collection; readonly of: readonly CqlType[] }
  | { readonly kind: 'vector'; readonly of: readonly CqlType[]; readonly dimension: number }
  /** Cassandra wrote it in a way that may mean several types, or none known here: equal to none. */
  | { readonly kind: 'unread'; readonly text: string };

export type Collection = 'list' | 'set' | 'map' | 'tuple';

/** The types of a function's arguments, in order. */
export type Signature = readonly CqlType[];

/** Cassandra's own types by the word they are written with. */
export const NATIVE_TYPES: ReadonlyMap<string, CqlType> = new Map(
  [...KEYWORDS]
    .filter(([, wordClass]) => wordClass === 'native type')
    .map(([word]) => [word, { kind: 'native', name: word === 'varchar' ? 'text' : word }]),
);

export function isSameSignature(a: Signature, b: Signature): boolean {
  return a.length === b.length && a.every((type, i) => isSameType(type, b[i]!));
}

function isSameType(a: CqlType, b: CqlType): boolean {
  switch (a.kind) {
    case 'native':
      return b.kind === a.kind && b.name === a.name;
    case 'user':
      return b.kind === a.kind && b.name === a.name && b.keyspace === a.keyspace;
    case 'vector':
      return b.kind === a.kind && b.dimension === a.dimension && isSameSignature(a.of, b.of);
    case 'unread':
      return false;
    default:
      return b.kind === a.kind && isSameSignature(a.of, b.of);
  }
}

/** Whether any type of it, or within one of its types, is not known. */
export function isUnread(signature: Signature): boolean {
  return signature.some((type) => type.kind === 'unread' || ('of' in type && isUnread(type.of)));
}

/**
 * Whether it names a user's type of another keyspace. Cassandra takes none there, but where it is written as a string
 * it goes by the name alone: that may be one of the function's own.
 */
export function isOfOtherKeyspace(signature: Signature): boolean {
  return signature.some(
    (type) =>
      (type.kind === 'user' && type.keyspace !== null) ||
      ('of' in type && isOfOtherKeyspace(type.of)),
  );
}

/** As the grammar reads it back: `int,list<text>,"int"`. */
export function formatSignature(signature: Signature): string {
  return signature.map(formatType).join(',');
}

function formatType(type: CqlType): string {
  switch (type.kind) {
    case 'native':
      return type.name;
    case 'user': {
      const name = quoteTypeIfNeeded(type.name);
      return type.keyspace === null ? name : `${quoteIfNeeded(type.keyspace)}.${name}`;
    }
    case 'vector':
      return `vector<${formatSignature(type.of)},${type.dimension}>`;
    case 'unread':
      return stringLiteral(type.text);
    default:
      return `${type.kind}<${formatSignature(type.of)}>`;
  }
}

/** Names that Cassandra keeps for types to come: unquoted they are no user's. */
export const RESERVED_TYPE_NAMES: ReadonlySet<string> = new Set([
  'byte',
  'complex',
  'enum',
  'date',
  'interval',
  'macaddr',
  'bitstring',
]);

/** Of a type `int`, `ttl` and `byte` are words; a user's type of such a name is written in quotes. */
function quoteTypeIfNeeded(name: string): string {
  const wordClass = KEYWORDS.get(name);
  const isWord = wordClass === 'native type' || wordClass === 'special';
  return quoteIfNeeded(name, isWord || RESERVED_TYPE_NAMES.has(name));
}
