// Types written as a string: the names of Java classes, as Cassandra's TypeParser reads them and `system_schema`
// shows them. A node loads each class that stands there while it parses the text, before it looks at any
// permission: so those that are not Cassandra's own are noted, and need the role's leave.
//
// Stricter than a node, which takes whatever stands behind the type, a comma too few or too many, and a string
// without any name: for it that is a blob. None of that is written by anybody who means a type.
import { CQL, PARSING } from '../../limits/cql.ts';
import { NATIVE_TYPES, type Collection, type CqlType } from '../type.ts';
import type { Parser } from './parser.ts';

const PACKAGE = 'org.apache.cassandra.db.marshal.';

/**
 * Values of this type name classes themselves, of which the gate sees nothing. A column or a field may be of it,
 * as in Cassandra; elsewhere it takes the role's leave (`typeOfValue` in types.ts).
 */
export const DYNAMIC_TYPE = `${PACKAGE}DynamicCompositeType`;

/** Classes that are the same as one of CQL's own types. */
const NATIVE_CLASSES: ReadonlyMap<string, string> = new Map([
  ['AsciiType', 'ascii'],
  ['BooleanType', 'boolean'],
  ['ByteType', 'tinyint'],
  ['BytesType', 'blob'],
  ['CounterColumnType', 'counter'],
  ['DecimalType', 'decimal'],
  ['DoubleType', 'double'],
  ['DurationType', 'duration'],
  ['FloatType', 'float'],
  ['InetAddressType', 'inet'],
  ['Int32Type', 'int'],
  ['IntegerType', 'varint'],
  ['LongType', 'bigint'],
  ['ShortType', 'smallint'],
  ['SimpleDateType', 'date'],
  ['TimeType', 'time'],
  ['TimeUUIDType', 'timeuuid'],
  ['TimestampType', 'timestamp'],
  ['UTF8Type', 'text'],
  ['UUIDType', 'uuid'],
]);

/** Cassandra's own for which CQL has no word. */
const OTHER_CLASSES: ReadonlySet<string> = new Set([
  'DateType',
  'EmptyType',
  'LegacyTimeUUIDType',
  'LexicalUUIDType',
]);

type Parameters = (cursor: Cursor) => CqlType;

/** Cassandra's own that take other types, with what stands in their parentheses. */
const COMPOSED: ReadonlyMap<string, Parameters> = new Map<string, Parameters>([
  ['ListType', (cursor) => collection(cursor, 'list', 1)],
  ['SetType', (cursor) => collection(cursor, 'set', 1)],
  ['MapType', (cursor) => collection(cursor, 'map', 2)],
  ['TupleType', (cursor) => collection(cursor, 'tuple', Infinity)],
  ['FrozenType', (cursor) => types(cursor, 1)[0]!],
  ['ReversedType', (cursor) => (types(cursor, 1), cursor.unread)],
  ['CompositeType', (cursor) => (types(cursor, Infinity), cursor.unread)],
  ['DynamicCompositeType', dynamicComposite],
  ['UserType', userType],
  ['VectorType', vector],
]);

/** The type in a string literal that was just passed. */
export function javaType(p: Parser, text: string): CqlType {
  if (text.length > CQL.javaTypeLength) {
    throw p.tooMany(`a type of more than ${CQL.javaTypeLength} characters in a string`);
  }
  p.noteJavaType(text);
  p.charge(PARSING.javaTypeUs, 'it has too many types that are written as strings');
  const cursor = new Cursor(p, text);
  cursor.skipBlanks();
  const found = oneType(cursor);
  cursor.skipBlanks();
  if (!cursor.isAtEnd) throw cursor.unexpected('the end of the type');
  return found;
}

/** Over the text of one type. */
class Cursor {
  readonly #p: Parser;
  readonly #text: string;
  /** Found, but equal to no other: what is compared by it needs the wider grant. */
  readonly unread: CqlType;
  #at = 0;
  #depth = 0;

  constructor(p: Parser, text: string) {
    this.#p = p;
    this.#text = text;
    this.unread = { kind: 'unread', text };
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  skipBlanks(): void {
    while (BLANKS.has(this.#text[this.#at] ?? '')) this.#at++;
  }

  is(mark: string): boolean {
    return this.#text.startsWith(mark, this.#at);
  }

  accept(mark: string): boolean {
    if (!this.is(mark)) return false;
    this.#at += mark.length;
    return true;
  }

  expect(mark: string): void {
    if (!this.accept(mark)) throw this.unexpected(`'${mark}'`);
  }

  /** Takes a whole number if one comes. */
  acceptNumber(): boolean {
    NUMBER.lastIndex = this.#at;
    if (!NUMBER.test(this.#text)) return false;
    this.#at = NUMBER.lastIndex;
    return true;
  }

  /** A name or number: what Cassandra takes for one. */
  word(): string {
    WORD.lastIndex = this.#at;
    const [word] = WORD.exec(this.#text) ?? [];
    if (word === undefined) throw this.unexpected('a name');
    this.#at += word.length;
    return word;
  }

  /** UTF-8 that is written as hex digits. */
  hexName(): string {
    const word = this.word();
    if (!HEX.test(word)) throw this.unexpected('a name in hex digits before it');
    const name = Buffer.from(word, 'hex').toString('utf8');
    if (Buffer.from(name).toString('hex') !== word.toLowerCase() || name.includes('\0')) {
      throw this.unexpected('a name in UTF-8 before it');
    }
    return name;
  }

  /** Between items: a comma, with blanks around it. */
  separator(): void {
    this.skipBlanks();
    this.expect(',');
    this.skipBlanks();
  }

  /** Behind an item: whether a comma and another one follow, else the closing parenthesis. */
  goesOn(): boolean {
    this.skipBlanks();
    if (this.accept(')')) return false;
    this.separator();
    return true;
  }

  open(): void {
    this.expect('(');
    this.skipBlanks();
  }

  enter(): void {
    if (++this.#depth > CQL.javaTypeDepth) {
      throw this.#p.tooMany(`a type in a string nests deeper than ${CQL.javaTypeDepth} levels`);
    }
  }

  leave(): void {
    this.#depth--;
  }

  noteClass(name: string): void {
    this.#p.noteClass(name.includes('.') ? name : PACKAGE + name);
  }

  noteUserType(keyspace: string, name: string): CqlType {
    this.#p.noteType({ keyspace, name });
    this.#p.javaUserTypes.push({ keyspace, name });
    return { kind: 'user', keyspace, name };
  }

  noteDynamic(): void {
    this.#p.dynamicTypes++;
  }

  unexpected(wanted: string): Error {
    return this.#p.notUnderstood(
      `the type in a string has no ${wanted} at character ${this.#at + 1}`,
    );
  }
}

const BLANKS: ReadonlySet<string> = new Set([' ', '\t', '\n']);
const WORD = /[\w+.&-]+/y;
const NUMBER = /\d+(?![\w+.&-])/y;
const HEX = /^(?:[0-9a-f]{2})+$/i;

function oneType(cursor: Cursor): CqlType {
  const written = cursor.word();
  const name = written.startsWith(PACKAGE) ? written.slice(PACKAGE.length) : written;
  const composed = COMPOSED.get(name);
  const native = NATIVE_CLASSES.get(name);
  cursor.enter();
  let found: CqlType;
  if (composed !== undefined) found = composed(cursor);
  else if (native !== undefined) {
    found = isReversed(cursor) ? cursor.unread : NATIVE_TYPES.get(native)!;
  } else {
    if (OTHER_CLASSES.has(name)) isReversed(cursor);
    else foreign(cursor, written);
    found = cursor.unread;
  }
  cursor.leave();
  return found;
}

/** `(reversed=true)`, which a class without parameters of its own takes. */
function isReversed(cursor: Cursor): boolean {
  cursor.skipBlanks();
  if (!cursor.is('(')) return false;
  cursor.open();
  if (cursor.accept(')')) return false;
  if (cursor.word() !== 'reversed') throw cursor.unexpected("'reversed' before it");
  if (cursor.accept('=') && cursor.word() !== 'true') throw cursor.unexpected("'true' before it");
  cursor.skipBlanks();
  cursor.expect(')');
  return true;
}

/** As many types, or at least one of any number. */
function types(cursor: Cursor, count: number): CqlType[] {
  cursor.skipBlanks();
  cursor.open();
  const found: CqlType[] = [];
  do found.push(oneType(cursor));
  while (cursor.goesOn());
  if (count !== Infinity && found.length !== count) {
    throw cursor.unexpected(`${count === 1 ? 'one type' : `${count} types`} before it`);
  }
  return found;
}

function collection(cursor: Cursor, kind: Collection, count: number): CqlType {
  return { kind, of: types(cursor, count) };
}

/** `(type , dimension)`. */
function vector(cursor: Cursor): CqlType {
  cursor.skipBlanks();
  cursor.open();
  const of = [oneType(cursor)];
  cursor.separator();
  const word = cursor.word();
  if (!/^[1-9]\d{0,8}$/.test(word)) throw cursor.unexpected('a dimension before it');
  cursor.expect(')');
  return { kind: 'vector', of, dimension: Number(word) };
}

/** `(keyspace,name in hex,field in hex:type,...)`. The keyspace stands as it is. */
function userType(cursor: Cursor): CqlType {
  cursor.skipBlanks();
  cursor.open();
  const keyspace = cursor.word();
  if (!/^\w+$/.test(keyspace)) throw cursor.unexpected('a keyspace before it');
  cursor.separator();
  const name = cursor.hexName();
  const fields = new Set<string>();
  while (cursor.goesOn()) {
    const field = cursor.hexName();
    if (fields.has(field)) throw cursor.unexpected('another field before it');
    fields.add(field);
    cursor.skipBlanks();
    cursor.expect(':');
    cursor.skipBlanks();
    oneType(cursor);
  }
  return cursor.noteUserType(keyspace, name);
}

/** `(a=>type,...)`, or nothing. */
function dynamicComposite(cursor: Cursor): CqlType {
  cursor.noteDynamic();
  cursor.skipBlanks();
  if (!cursor.is('(')) return cursor.unread;
  cursor.open();
  if (cursor.accept(')')) return cursor.unread;
  do {
    if (cursor.word().length !== 1) throw cursor.unexpected('a single character before it');
    cursor.skipBlanks();
    cursor.expect('=>');
    cursor.skipBlanks();
    oneType(cursor);
  } while (cursor.goesOn());
  return cursor.unread;
}

/**
 * A class that is none of Cassandra's types, and reads its parameters by itself: whatever stands there may be a
 * class that it loads.
 */
function foreign(cursor: Cursor, name: string): void {
  cursor.noteClass(name);
  cursor.skipBlanks();
  if (!cursor.is('(') || cursor.accept('(reversed)') || cursor.accept('(reversed=true)')) return;
  cursor.open();
  if (cursor.accept(')')) return;
  do {
    parameter(cursor);
    cursor.skipBlanks();
    if (cursor.accept('=>') || cursor.accept(':') || cursor.accept('=')) {
      cursor.skipBlanks();
      parameter(cursor);
    }
  } while (cursor.goesOn());
}

function parameter(cursor: Cursor): void {
  if (!cursor.acceptNumber()) oneType(cursor);
}
