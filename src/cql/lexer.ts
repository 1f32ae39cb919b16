// Turns a text into tokens and accounts for every byte. Cassandra's ANTLR lexer does not take the longest match:
// it commits to a token by what it sees first, and fails where the rest does not fit (`1a`, `12345678-1`).
// This one fails there too. It is written for speed: one pass, and no object for a token.
import { PARSING } from '../limits/cql.ts';
import { KEYWORDS, type WordClass } from './keywords.ts';
import { Kind, newCode, Tokens } from './tokens.ts';

export interface LexicalError {
  readonly reason: string;
  /** False where Cassandra may see a token's end that is not seen here. */
  readonly isNoCql: boolean;
  readonly position: number;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iy;
const EIGHT_HEX = /[0-9a-f]{8}-/iy;
/** Not by the flag `i`: to that the micro sign U+00B5 is the same as the letters U+03BC and U+039C. */
const DURATION =
  /-?(?:\d+(?:[yY]|[mM][oO]|[wW]|[dD]|[hH]|[mM][sS]|[mM]|[sS]|[uU\u00b5][sS]|[nN][sS]))+/y;
const ISO_DURATION =
  /-?P(?:\d+W|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}|(?=\d|T\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)/y;
const FLOAT = /-?\d+(?:\.(?!\.(?!\.))\d*)?(?:e[+-]?\d+)?/iy;
const NEGATIVE_WORD = /-(?:nan|infinity)/iy;
const BLOB = /0x[0-9a-f]*/iy;

/** Classes of characters, for the first of a token and for those within a word. */
const [LETTER, DIGIT, UNDERSCORE, SPACE] = [1, 2, 3, 4];
const CLASS = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z]/.test(character)) CLASS[code] = LETTER;
  else if (/\d/.test(character)) CLASS[code] = DIGIT;
  else if (character === '_') CLASS[code] = UNDERSCORE;
  else if (/[ \t\n\r]/.test(character)) CLASS[code] = SPACE;
}

/** Codes of punctuation by its first character: alone, and with a second one. */
const ONE = new Uint8Array(128);
for (const text of '[ ] { } ( ) < > , . = + - * / % : ; ?'.split(' ')) {
  ONE[text.charCodeAt(0)] = newCode(Kind.PUNCTUATION, text);
}
const TWO = new Uint8Array(128);
const SECOND = new Uint8Array(128);
for (const text of ['..', '!=', '<=', '>=', '+=', '-=']) {
  TWO[text.charCodeAt(0)] = newCode(Kind.PUNCTUATION, text);
  SECOND[text.charCodeAt(0)] = text.charCodeAt(1);
}

const KIND_OF: Readonly<Record<WordClass, number>> = {
  unreserved: Kind.UNRESERVED,
  key: Kind.KEY,
  'native type': Kind.NATIVE_TYPE,
  special: Kind.SPECIAL,
  reserved: Kind.RESERVED,
};

/** Keywords by hash of their letters, in chains of one or two. */
const KEYWORD_SLOTS = 1024;
const SLOTS: { readonly word: string; readonly code: number }[][] = [];
const LONGEST_KEYWORD = Math.max(...[...KEYWORDS.keys()].map((word) => word.length));
for (let i = 0; i < KEYWORD_SLOTS; i++) SLOTS[i] = [];
for (const [word, wordClass] of KEYWORDS) addKeyword(word, KIND_OF[wordClass]);
for (const word of ['true', 'false']) addKeyword(word, Kind.BOOLEAN);

function addKeyword(word: string, kind: number): void {
  let hash = 0;
  for (let i = 0; i < word.length; i++) hash = step(hash, word.charCodeAt(i));
  SLOTS[hash & (KEYWORD_SLOTS - 1)]!.push({ word, code: newCode(kind, word) });
}

/** Case falls away with bit 5, which digits have anyway and `_` alone turns into DEL. */
function step(hash: number, code: number): number {
  return (Math.imul(hash, 31) + (code | 0x20)) | 0;
}

function isKeyword(text: string, start: number, word: string): boolean {
  for (let i = 0; i < word.length; i++) {
    if ((text.charCodeAt(start + i) | 0x20) !== (word.charCodeAt(i) | 0x20)) return false;
  }
  return true;
}

/** Arrays of this capacity are used again; longer texts get their own. */
const KEPT_CAPACITY = 16 * 1024;
const shared = new Tokens(KEPT_CAPACITY);

/**
 * Tokens of the whole text, or the place where it does not lex. The tokens are good until the next
 * call: their arrays are used again.
 */
export function tokenize(text: string): Tokens | LexicalError {
  const { length } = text;
  const tokens = length < KEPT_CAPACITY ? shared : new Tokens(length + 1);
  tokens.count = 0;
  tokens.squaredDigits = 0;
  let at = 0;
  while (at < length) {
    const code = text.charCodeAt(at);
    if (code > 127) return noCql(FOREIGN_CHARACTER, at);
    const kind = CLASS[code];
    if (kind === SPACE) {
      at++;
      continue;
    }
    if (kind === LETTER) {
      const end = word(text, at, tokens);
      if (end < 0) return runsOn('word', at);
      at = end;
      continue;
    }
    if (kind === DIGIT) {
      const end = number(text, at, tokens);
      if (end < 0) return runsOn('number', at);
      at = end;
      continue;
    }
    // Characters that may begin something longer than themselves.
    if (code === 0x2d || code === 0x2f || code === 0x27 || code === 0x22 || code === 0x24) {
      const end = longer(text, at, code, tokens);
      if (typeof end !== 'number') return end;
      if (end > 0) {
        at = end;
        continue;
      }
    }
    if (TWO[code] !== 0 && text.charCodeAt(at + 1) === SECOND[code]) {
      tokens.push(TWO[code]!, at, at + 2);
      at += 2;
      continue;
    }
    if (ONE[code] === 0) return noCql(FOREIGN_CHARACTER, at);
    tokens.push(ONE[code]!, at, at + 1);
    at++;
  }
  tokens.push(Kind.END, length, length);
  return tokens;
}

/** Cassandra takes it; nobody needs it, and whatever ends a text at U+0000 would see another name. */
export const NUL_IN_NAME = 'a name holds the character U+0000, which cqlgate does not take';

const FOREIGN_CHARACTER = 'a character that CQL does not have';

function noCql(reason: string, position: number): LexicalError {
  return { reason, position, isNoCql: true };
}

/** Cassandra's lexer parts some of these and trips over others, by the letters that follow. */
function runsOn(what: 'word' | 'number', position: number): LexicalError {
  const reason = `a ${what} runs into what follows it, or is too large; put a space there`;
  return { reason, position, isNoCql: false };
}

/** Negative numbers, strings, quoted names, comments. 0: none of these, but plain punctuation. */
function longer(text: string, at: number, code: number, tokens: Tokens): number | LexicalError {
  const next = text.charCodeAt(at + 1);
  if (code === 0x27) {
    const end = quotedEnd(text, at, "'");
    if (end < 0) return noCql('a string is not closed', at);
    tokens.push(Kind.STRING, at, end);
    return end;
  }
  if (code === 0x22) {
    const end = quotedEnd(text, at, '"');
    if (end < 0) return noCql('a quoted name is not closed', at);
    for (let i = at + 1; i < end; i++) {
      if (text.charCodeAt(i) === 0) return { reason: NUL_IN_NAME, position: i, isNoCql: false };
    }
    tokens.push(end === at + 2 ? Kind.EMPTY_QUOTED : Kind.QUOTED, at, end);
    return end;
  }
  if (code === 0x24) {
    const close = next === 0x24 ? text.indexOf('$$', at + 2) : -1;
    if (close < 0) return noCql('a $$ string is not closed', at);
    tokens.push(Kind.STRING, at, close + 2);
    return close + 2;
  }
  if (code === next) {
    // `--` and `//`. Cassandra wants the line end; without it the text does not parse there either.
    const end = lineEnd(text, at + 2);
    if (end > 0) return end;
    return noCql('a comment is not ended by a line end', text.length);
  }
  if (code === 0x2f && next === 0x2a) {
    const close = text.indexOf('*/', at + 2);
    return close < 0 ? noCql('a comment is not closed', at) : close + 2;
  }
  if (code === 0x2f) return 0;
  const end = CLASS[next] === DIGIT ? number(text, at, tokens) : negative(text, at, tokens);
  return end < 0 ? runsOn('number', at) : end;
}

export function isLexicalError(result: Tokens | LexicalError): result is LexicalError {
  return 'reason' in result;
}

/** The name that a token of a name's kind, or a reserved word, stands for. */
export function nameOf(text: string, tokens: Tokens, at: number): string {
  const kind = tokens.kindAt(at);
  const start = tokens.starts[at]!;
  const end = tokens.ends[at]!;
  if (kind === Kind.QUOTED) {
    const name = text.slice(start + 1, end - 1);
    return name.includes('"') ? name.replaceAll('""', '"') : name;
  }
  return kind === Kind.IDENT ? text.slice(start, end).toLowerCase() : tokens.wordAt(at);
}

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function isWordCharacter(code: number): boolean {
  return code < 128 && CLASS[code]! >= LETTER && CLASS[code]! <= UNDERSCORE;
}

function word(text: string, at: number, tokens: Tokens): number {
  let hash = 0;
  let end = at;
  for (;;) {
    const code = text.charCodeAt(end);
    if (!(code < 128)) break;
    const kind = CLASS[code]!;
    if (kind < LETTER || kind > UNDERSCORE) break;
    hash = step(hash, code);
    end++;
  }
  const first = text.charCodeAt(at);
  if (text.charCodeAt(at + 8) === 0x2d && (first | 0x20) <= 0x66) {
    const uuid = uuidEnd(text, at);
    if (uuid !== 0) {
      if (uuid > 0) tokens.push(Kind.UUID, at, uuid);
      return uuid;
    }
  }
  if (first === 0x50) {
    const iso = match(ISO_DURATION, text, at);
    if (iso > at + 1 && !isWordCharacter(text.charCodeAt(iso))) {
      tokens.push(Kind.DURATION, at, iso);
      return iso;
    }
  }
  const length = end - at;
  if (length === 4 && text.charCodeAt(end) === 0x28 && text.startsWith('expr', at)) {
    tokens.push(Kind.EXPR_OPEN, at, end + 1);
    return end + 1;
  }
  if (length <= LONGEST_KEYWORD) {
    const slot = SLOTS[hash & (KEYWORD_SLOTS - 1)]!;
    for (let i = 0; i < slot.length; i++) {
      const keyword = slot[i]!;
      if (keyword.word.length !== length || !isKeyword(text, at, keyword.word)) continue;
      tokens.push(keyword.code, at, end);
      return end;
    }
  }
  tokens.push(Kind.IDENT, at, end);
  return end;
}

/** A minus and a letter: `-NaN`, `-Infinity`, `-P1D`. 0: a plain minus; -1: it fails. */
function negative(text: string, at: number, tokens: Tokens): number {
  const code = text.charCodeAt(at + 1);
  const lower = code | 0x20;
  if (lower === 0x6e || lower === 0x69) {
    const end = match(NEGATIVE_WORD, text, at);
    return end < 0 ? -1 : ended(text, at, end, Kind.FLOAT, tokens);
  }
  const next = text.charCodeAt(at + 2);
  if (code !== 0x50 || (next !== 0x54 && CLASS[next] !== DIGIT)) return 0;
  const end = match(ISO_DURATION, text, at);
  return end < 0 ? -1 : ended(text, at, end, Kind.DURATION, tokens);
}

/** Eight hex digits and a minus can only become a UUID. 0: they do not stand here; -1: it fails. */
function uuidEnd(text: string, at: number): number {
  if (match(EIGHT_HEX, text, at) < 0) return 0;
  const end = match(UUID, text, at);
  return end < 0 || isWordCharacter(text.charCodeAt(end)) ? -1 : end;
}

/** A token that begins with a digit or a minus and a digit; -1 where it does not clearly end. */
function number(text: string, at: number, tokens: Tokens): number {
  let end = at + 1;
  while (CLASS[text.charCodeAt(end)] === DIGIT) end++;
  const next = text.charCodeAt(end);
  if (text.charCodeAt(at + 8) === 0x2d && text.charCodeAt(at) !== 0x2d) {
    const uuid = uuidEnd(text, at);
    if (uuid !== 0) {
      if (uuid > 0) tokens.push(Kind.UUID, at, uuid);
      return uuid;
    }
  }
  if (next !== 0x2e && !(next > 0x7f) && !isWordCharacter(next)) {
    tokens.push(Kind.INTEGER, at, end);
    noteDigits(end - at, tokens);
    return end;
  }
  const blob = match(BLOB, text, at);
  if (blob > 0) return ended(text, at, blob, Kind.BLOB, tokens);
  const duration = match(DURATION, text, at);
  if (duration > 0 && !isWordCharacter(text.charCodeAt(duration))) {
    return ended(text, at, duration, Kind.DURATION, tokens);
  }
  if (next > 0x7f) return -1;
  const float = match(FLOAT, text, at);
  noteDigits(float - at, tokens);
  if (float !== end) {
    const source = text.slice(at, float);
    const value = Number(source);
    // Cassandra's parser trips over what a double can't hold.
    if (!Number.isFinite(value)) return -1;
    if (value === 0) tokens.squaredDigits += (PARSING.exponentDigits * exponentOf(source)) ** 2;
  }
  return ended(text, at, float, float === end ? Kind.INTEGER : Kind.FLOAT, tokens);
}

/** Numbers of fewer characters are converted at once. */
const LONG_NUMBER = 64;

function noteDigits(length: number, tokens: Tokens): void {
  if (length > LONG_NUMBER) tokens.squaredDigits += length * length;
}

/** How far from zero; a double holds no number that is not zero with one beyond 400. */
function exponentOf(source: string): number {
  const behind = /e[+-]?(\d+)$/i.exec(source);
  return behind === null ? 0 : Number(behind[1]);
}

function ended(text: string, at: number, end: number, kind: number, tokens: Tokens): number {
  if (isWordCharacter(text.charCodeAt(end))) return -1;
  tokens.push(kind, at, end);
  return end;
}

/** The end of a string or quoted name in which the doubled quote stands for itself. */
function quotedEnd(text: string, at: number, quote: string): number {
  for (let from = at + 1; ;) {
    const close = text.indexOf(quote, from);
    if (close < 0) return -1;
    if (text[close + 1] !== quote) return close + 1;
    from = close + 2;
  }
}

function lineEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x0a || code === 0x0d) return at + 1;
  }
  return -1;
}
