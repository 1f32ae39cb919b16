// The cursor over the tokens of one text, and what was found on the way: tables, functions, types.
// Grammar functions take a Parser; a text that does not fit throws Refusal, caught in analyse().
import { CQL } from '../../limits.ts';
import { RESERVED } from '../keywords.ts';
import { Kind, type Tokens } from '../lexer.ts';

/** Why a text is refused. `syntax`: Cassandra would not parse it either. */
export class Refusal extends Error {
  readonly position: number;
  readonly syntax: boolean;
  readonly noKeyspace: boolean;
  constructor(reason: string, position: number, syntax = true, noKeyspace = false) {
    super(reason);
    this.position = position;
    this.syntax = syntax;
    this.noKeyspace = noKeyspace;
  }
}

/** A name as written: with its keyspace, or without. */
export interface Name {
  readonly keyspace: string | null;
  readonly name: string;
}

export class Parser {
  readonly text: string;
  readonly #tokens: Tokens;
  /** The keyspace of the request or session, for names without one. */
  readonly sessionKeyspace: string | null;
  #at = 0;
  #depth = 0;
  #markers = 0;
  /** Functions and types as written; resolved when the statement's table is known. */
  readonly functions: Name[] = [];
  readonly types: Name[] = [];
  /** A name without keyspace was looked up in the session's. */
  usesKeyspace = false;
  /** Why a valid statement is refused all the same. */
  refused: string | null = null;

  constructor(text: string, tokens: Tokens, sessionKeyspace: string | null) {
    this.text = text;
    this.#tokens = tokens;
    this.sessionKeyspace = sessionKeyspace;
  }

  get index(): number {
    return this.#at;
  }

  get kind(): number {
    return this.#tokens.kinds[this.#at]!;
  }

  get position(): number {
    return this.#tokens.starts[this.#at]!;
  }

  kindAt(index: number): number {
    return this.#tokens.kinds[index] ?? Kind.END;
  }

  wordAt(index: number): string {
    return this.#tokens.words[index] ?? '';
  }

  /** Whether the token `ahead` places on is this keyword or punctuation. */
  is(word: string, ahead = 0): boolean {
    return this.#isAt(this.#at + ahead, word);
  }

  isPunctuationAt(index: number, text: string): boolean {
    return this.kindAt(index) === Kind.PUNCTUATION && this.wordAt(index) === text;
  }

  /** Steps over these words if all of them come next. */
  accept(...words: string[]): boolean {
    for (let i = 0; i < words.length; i++) if (!this.is(words[i]!, i)) return false;
    this.#at += words.length;
    return true;
  }

  expect(...words: string[]): void {
    for (const word of words) if (!this.accept(word)) throw this.unexpected(word.toUpperCase());
  }

  acceptKind(kind: number): boolean {
    if (this.kind !== kind) return false;
    this.#at++;
    return true;
  }

  advance(): void {
    this.#at++;
  }

  /** The source text of the present token. */
  sourceText(): string {
    return this.text.slice(this.#tokens.starts[this.#at], this.#tokens.ends[this.#at]);
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

  /** A name: a word that is not reserved, or a quoted one. */
  name(what: string): string {
    if (!this.isNameAt(this.#at)) throw this.unexpected(what);
    return this.#tokens.words[this.#at++]!;
  }

  /** A column name, which may also be the empty quoted name. */
  columnName(): string {
    if (this.acceptKind(Kind.EMPTY_QUOTED)) return '';
    return this.name('a column name');
  }

  isNameAt(index: number): boolean {
    const kind = this.kindAt(index);
    return kind === Kind.QUOTED || (kind === Kind.WORD && !RESERVED.has(this.wordAt(index)));
  }

  /** `[keyspace.]name` as written. */
  qualifiedName(what: string): Name {
    const first = this.name(what);
    if (!this.accept('.')) return { keyspace: null, name: first };
    return { keyspace: first, name: this.name(what) };
  }

  /** `[keyspace.]table`, with the session's keyspace where none is written. */
  table(): { keyspace: string; table: string } {
    const { keyspace, name } = this.qualifiedName('a table name');
    return { keyspace: keyspace ?? this.#defaultKeyspace(), table: name };
  }

  /** The keyspace of an object that is not a table and was written without one. */
  resolve({ keyspace, name }: Name): { keyspace: string; name: string } {
    return { keyspace: keyspace ?? this.#defaultKeyspace(), name };
  }

  /** `?`, `:name`, `:"Name"`: its position from 0, or null where none comes. */
  marker(): { index: number; name: string | null } | null {
    if (this.accept('?')) return { index: this.#markers++, name: null };
    if (this.is(':') && (this.isNameAt(this.#at + 1) || this.kindAt(this.#at + 1) === Kind.WORD)) {
      this.#at++;
      const name = this.#tokens.words[this.#at++]!;
      return { index: this.#markers++, name };
    }
    return null;
  }

  /** Runs a production that may nest; too deep a nesting is refused, not a stack overflow. */
  nested<Result>(production: () => Result): Result {
    if (++this.#depth > CQL.nestingDepth) {
      throw new Refusal(`nested deeper than ${CQL.nestingDepth} levels`, this.position, false);
    }
    const result = production();
    this.#depth--;
    return result;
  }

  unexpected(wanted: string): Refusal {
    const found = this.kind === Kind.END ? 'the end' : `'${this.sourceText().slice(0, 40)}'`;
    return new Refusal(`expected ${wanted}, found ${found}`, this.position);
  }

  #isAt(index: number, word: string): boolean {
    const kind = this.#tokens.kinds[index];
    return (kind === Kind.WORD || kind === Kind.PUNCTUATION) && this.#tokens.words[index] === word;
  }

  #defaultKeyspace(): string {
    if (this.sessionKeyspace === null) {
      throw new Refusal(
        'No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename',
        this.position,
        false,
        true,
      );
    }
    this.usesKeyspace = true;
    return this.sessionKeyspace;
  }
}

/** `item (, item)*`. */
export function commaList(p: Parser, item: () => void): void {
  do item();
  while (p.accept(','));
}
