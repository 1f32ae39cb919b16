// The cursor over the tokens of one text, and what was found on the way: tables, functions, types and columns.
// Grammar functions take a Parser. A text that does not fit throws a Refusal, which analyse() catches.
import { compoundKey } from '../../compound-key.ts';
import { CQL } from '../../limits/cql.ts';
import { allowedUs, type ReadNumbers } from '../cost.ts';
import { nameOf, NUL_IN_NAME } from '../lexer.ts';
import { isName, Kind, type Tokens } from '../tokens.ts';
import { isCall, type Call, type Name } from './names.ts';
import { foreignHint, noKeyspace, Refusal } from './refusal.ts';

const NONE: readonly never[] = [];

export class Parser {
  readonly text: string;
  readonly #tokens: Tokens;
  /** The keyspace of the request or session, for names without one. */
  readonly sessionKeyspace: string | null;
  #at = 0;
  #depth = 0;
  #costUs = 0;
  readonly #allowedUs: number;
  #lastCall: Call | null = null;
  #callBefore: Call | null = null;
  #lastType: Name | null = null;
  #columnRead: ((token: number) => void) | null = null;
  /** Functions and types as written; resolved when the statement's table is known. */
  readonly calls = new Map<string, Call>();
  /** Functions that are made, dropped or granted, not called. */
  readonly namedFunctions: { readonly keyspace: string; readonly name: string }[] = [];
  readonly types = new Map<string, Name>();
  /** Columns whose values come back; null when there are more than are worth keeping: all then. */
  columns: string[] | null = [];
  /** Columns that conditions compare. */
  restricted: string[] | null = [];
  /** Bind markers so far. */
  markers = 0;
  /** The token behind the last field or element that was selected. */
  modifiedUpTo = -1;
  /** Calls so far, in terms, that no type wanted of them rules out before their arguments are looked at. */
  openCalls = 0;
  /** Calls so far, in terms, of Cassandra's own functions, CASTs among them. */
  nativeCalls = 0;
  /** What is done with its numbers, and where others are read from. */
  readonly numbers: ReadNumbers = { logarithms: false, inJson: false, fromJson: false };
  /** Java classes named that are not Cassandra's own. */
  classes: readonly string[] = NONE;
  /** Types that are written as strings, in the whole text. */
  javaTypes: Set<string> | null = null;
  /** User-defined types that are named in them. */
  readonly javaUserTypes: { readonly keyspace: string; readonly name: string }[] = [];
  /** Types found so far whose values name Java classes (java-type.ts). */
  dynamicTypes = 0;
  /** Whether a name without a keyspace was looked up in the session's. */
  usesKeyspace = false;

  constructor(text: string, tokens: Tokens, sessionKeyspace: string | null) {
    this.text = text;
    this.#tokens = tokens;
    this.sessionKeyspace = sessionKeyspace;
    this.#allowedUs = allowedUs(text.length);
  }

  /** What the text costs the node that parses it, as far as it was parsed here: an estimate. */
  get costUs(): number {
    return this.#costUs;
  }

  get index(): number {
    return this.#at;
  }

  get kind(): number {
    return this.#tokens.kindAt(this.#at);
  }

  get position(): number {
    return this.#tokens.starts[this.#at]!;
  }

  kindAt(index: number): number {
    return index < this.#tokens.count ? this.#tokens.kindAt(index) : Kind.END;
  }

  /** The keyword or punctuation at a token; empty for all else. */
  wordAt(index: number): string {
    return index < this.#tokens.count ? this.#tokens.wordAt(index) : '';
  }

  /** Whether the present token is this keyword or punctuation. */
  is(word: string): boolean {
    return this.#tokens.wordAt(this.#at) === word;
  }

  /** Whether one of `+ - * / %` comes. */
  isOperator(): boolean {
    return this.#tokens.isOperatorAt(this.#at);
  }

  isAt(index: number, word: string): boolean {
    return this.wordAt(index) === word;
  }

  /** Whether the token after the present one is this keyword or punctuation. */
  isNext(word: string): boolean {
    return this.wordAt(this.#at + 1) === word;
  }

  accept(word: string): boolean {
    if (this.#tokens.wordAt(this.#at) !== word) return false;
    this.#at++;
    return true;
  }

  /** Steps over two words if both come next. */
  acceptBoth(first: string, second: string): boolean {
    if (!this.is(first) || !this.isNext(second)) return false;
    this.#at += 2;
    return true;
  }

  expect(word: string): void {
    if (this.#tokens.wordAt(this.#at) !== word) throw this.unexpected(word.toUpperCase());
    this.#at++;
  }

  expectAll(...words: readonly string[]): void {
    for (const word of words) this.expect(word);
  }

  acceptKind(kind: number): boolean {
    if (this.kind !== kind) return false;
    this.#at++;
    return true;
  }

  advance(): void {
    this.#at++;
  }

  /** Goes back to a token that was passed. */
  rewind(index: number): void {
    this.#at = index;
  }

  /** The source text of the present token. */
  sourceText(): string {
    return this.sourceTextAt(this.#at);
  }

  sourceTextAt(index: number): string {
    return this.sourceTextOf(index, index + 1);
  }

  /** The source text from a token up to the one before `end`; empty where there is none. */
  sourceTextOf(start: number, end: number): string {
    return start >= end
      ? ''
      : this.text.slice(this.#tokens.starts[start], this.#tokens.ends[end - 1]);
  }

  /** Value of the string literal that comes next. */
  stringLiteral(): string {
    if (this.kind !== Kind.STRING) throw this.unexpected('a string');
    const source = this.sourceText();
    this.#at++;
    return source.startsWith('$$')
      ? source.slice(2, -2)
      : source.slice(1, -1).replaceAll("''", "'");
  }

  /** A name that is written as a string: of a role, a user, an identity. */
  nameLiteral(): string {
    const name = this.stringLiteral();
    if (name.includes('\0')) throw this.notUnderstood(NUL_IN_NAME);
    return name;
  }

  /** A name: a word that is not reserved, or a quoted one. */
  name(what: string): string {
    if (!isName(this.kind)) throw this.unexpected(what);
    return nameOf(this.text, this.#tokens, this.#at++);
  }

  skipName(what: string): void {
    if (!isName(this.kind)) throw this.unexpected(what);
    this.#at++;
  }

  /** The name at a token that is one. */
  nameAt(index: number): string {
    return nameOf(this.text, this.#tokens, index);
  }

  /**
   * The function's name at a token. Keywords keep the case they are written in there, unlike
   * everywhere else: `ks.ROLE()` calls `ks."ROLE"`.
   */
  functionNameAt(index: number): string {
    return this.kindAt(index) === Kind.UNRESERVED ? this.sourceTextAt(index) : this.nameAt(index);
  }

  isNameAt(index: number): boolean {
    return isName(this.kindAt(index));
  }

  /** A column name, which may also be the empty quoted name. */
  skipColumn(): void {
    if (!this.isColumnAt(this.#at)) throw this.unexpected('a column name');
    this.#at++;
  }

  isColumnAt(index: number): boolean {
    return this.isNameAt(index) || this.kindAt(index) === Kind.EMPTY_QUOTED;
  }

  /** Notes a call; the same one again changes nothing. */
  noteCall(keyspace: string | null, name: string, arity: number): void {
    if (isCall(this.#lastCall, keyspace, name, arity)) return;
    if (isCall(this.#callBefore, keyspace, name, arity)) return;
    this.#callBefore = this.#lastCall;
    this.#lastCall = { keyspace, name, arity };
    this.calls.set(compoundKey(keyspace, name, arity), this.#lastCall);
    this.#bound(this.calls.size, 'functions');
  }

  /** Notes a user-defined type. */
  noteType(type: Name): void {
    const last = this.#lastType;
    if (last?.name === type.name && last.keyspace === type.keyspace) return;
    this.#lastType = type;
    this.types.set(compoundKey(type.keyspace, type.name), type);
    this.#bound(this.types.size, 'types');
  }

  /** Notes a Java class that is none of Cassandra's own. */
  noteClass(name: string): void {
    if (this.classes.includes(name)) return;
    this.classes = [...this.classes, name];
    if (this.classes.length > CQL.classesPerText) {
      throw this.tooMany(`more than ${CQL.classesPerText} different classes in one text`);
    }
  }

  /** Notes a type that is written as a string. */
  noteJavaType(text: string): void {
    this.javaTypes ??= new Set();
    this.javaTypes.add(text);
    this.#bound(this.javaTypes.size, 'types in strings');
  }

  #bound(count: number, what: string): void {
    if (count > CQL.namesPerText) {
      throw this.tooMany(`more than ${CQL.namesPerText} different ${what} in one text`);
    }
  }

  /** Forgets what was found: what comes next belongs to another statement of a BATCH. */
  forget(): void {
    if (this.calls.size > 0) this.calls.clear();
    if (this.types.size > 0) this.types.clear();
    this.classes = NONE;
    this.columns = [];
    this.restricted = [];
    this.#lastCall = null;
    this.#callBefore = null;
    this.#lastType = null;
  }

  /**
   * Goes over tokens that were parsed before once more, and calls `columnRead` for each column that is read there.
   * What was found and charged before stays as it is.
   */
  again<Found>(start: number, columnRead: (token: number) => void, read: () => Found): Found {
    const { columns, openCalls, nativeCalls, modifiedUpTo } = this;
    const [at, costUs] = [this.#at, this.#costUs];
    this.#at = start;
    this.#columnRead = columnRead;
    try {
      return read();
    } finally {
      this.#columnRead = null;
      this.#at = at;
      this.#costUs = costUs;
      Object.assign(this, { columns, openCalls, nativeCalls, modifiedUpTo });
    }
  }

  /** Notes a column that is read, at a token that names it. */
  readColumn(index: number): void {
    if (this.#columnRead !== null) {
      this.#columnRead(index);
      return;
    }
    if (this.columns === null) return;
    if (this.columns.length === CQL.columnsKept) this.columns = null;
    else this.columns.push(this.#columnAt(index));
  }

  /** Notes a column that a condition compares. */
  restrictColumn(index: number): void {
    if (this.restricted === null) return;
    if (this.restricted.length === CQL.columnsKept) this.restricted = null;
    else this.restricted.push(this.#columnAt(index));
  }

  #columnAt(index: number): string {
    return this.kindAt(index) === Kind.EMPTY_QUOTED ? '' : this.nameAt(index);
  }

  /** `[keyspace.]name` as written. */
  qualifiedName(what: string): Name {
    const first = this.name(what);
    if (!this.accept('.')) return { keyspace: null, name: first };
    return { keyspace: first, name: this.name(what) };
  }

  /** `[keyspace.]table`, with the session's keyspace where none is written. */
  table(): { keyspace: string; table: string } {
    const first = this.name('a table name');
    if (!this.accept('.')) return { keyspace: this.defaultKeyspace(), table: first };
    return { keyspace: first, table: this.name('a table name') };
  }

  /** The keyspace of an object that is not a table and was written without one. */
  resolve({ keyspace, name }: Name): { keyspace: string; name: string } {
    return { keyspace: keyspace ?? this.defaultKeyspace(), name };
  }

  /** `?`, `:name`, `:"Name"`. */
  acceptMarker(): boolean {
    if (this.is('?')) this.#at++;
    else if (this.is(':') && this.isNameAt(this.#at + 1)) this.#at += 2;
    else return false;
    this.markers++;
    return true;
  }

  /** Before a production that may nest: too deep a nesting is refused, not a stack overflow. */
  enter(): void {
    if (++this.#depth > CQL.nestingDepth) {
      throw this.tooCostly(`it nests deeper than ${CQL.nestingDepth} levels; nest it less deep`);
    }
  }

  leave(): void {
    this.#depth--;
  }

  unexpected(wanted: string): Refusal {
    if (this.kind === Kind.END) return this.refusal(`expected ${wanted}, found the end`);
    const source = this.sourceText();
    return this.refusal(`expected ${wanted}, found '${source.slice(0, 40)}'${foreignHint(source)}`);
  }

  /** A text that Cassandra would not parse either. */
  refusal(reason: string): Refusal {
    return new Refusal(reason, this.position);
  }

  /** A text that Cassandra may well take. */
  notUnderstood(reason: string): Refusal {
    return new Refusal(reason, this.position, 'not_understood');
  }

  /** A text that Cassandra would take, and that is beyond what is taken here. */
  tooMany(reason: string): Refusal {
    return new Refusal(reason, this.position, 'too_costly');
  }

  /** A text that Cassandra would take, and that would keep a thread of it busy for too long. */
  tooCostly(reason: string): Refusal {
    return new Refusal(`this would cost a node too much: ${reason}`, this.position, 'too_costly');
  }

  /** Adds to what the text costs; `what` is the sentence for the user if that is too much. */
  charge(us: number, what: string): void {
    this.#costUs += us;
    if (this.#costUs > this.#allowedUs) throw this.tooCostly(what);
  }

  /** What was charged since `before` comes `times` as often as it was counted. */
  repeat(before: number, times: number, what: string): void {
    this.charge((this.#costUs - before) * (times - 1), what);
  }

  defaultKeyspace(): string {
    if (this.sessionKeyspace === null) throw noKeyspace(this.position);
    this.usesKeyspace = true;
    return this.sessionKeyspace;
  }
}

/** `item (, item)*`. */
export function commaList(p: Parser, item: (p: Parser) => void): void {
  do item(p);
  while (p.accept(','));
}
