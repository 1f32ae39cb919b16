// Text to tokens, every byte accounted for. Where Cassandra's ANTLR lexer has prediction traps
// (`1a`, `5f32`), this one is strict too: what does not clearly end is an error.

export const Kind = {
  END: 0,
  /** A word without quotes, lower-cased in `word`. Keywords are words. */
  WORD: 1,
  /** `"..."`, unescaped in `word`. */
  QUOTED: 2,
  /** `""`: only ever a column name. */
  EMPTY_QUOTED: 3,
  /** `'...'` and `$$...$$`. */
  STRING: 4,
  INTEGER: 5,
  FLOAT: 6,
  BLOB: 7,
  UUID: 8,
  DURATION: 9,
  BOOLEAN: 10,
  /** The one token `expr(` of custom index expressions. */
  EXPR_OPEN: 11,
  /** Punctuation, its text in `word`. */
  PUNCTUATION: 12,
} as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface Tokens {
  count: number;
  kinds: number[];
  starts: number[];
  ends: number[];
  /** For words, quoted names and punctuation; empty for the rest. */
  words: string[];
}

export interface LexicalError {
  readonly reason: string;
  readonly position: number;
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/iy;
const DURATION = /-?(?:\d+(?:y|mo|w|d|h|ms|m|s|us|µs|ns))+/iy;
const ISO_DURATION =
  /-?P(?:\d+W|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}|(?=\d|T\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)/y;
const NUMBER = /-?\d+(?:\.(?!\.)\d*)?(?:e[+-]?\d+)?/iy;
const BLOB = /0x[0-9a-f]*/iy;
const WORD = /[A-Za-z][A-Za-z0-9_]*/y;
const TWO_CHARACTERS = new Set(['..', '!=', '<=', '>=', '+=', '-=']);
const ONE_CHARACTER = new Set('[ ] { } ( ) < > , . = + - * / % : ; ?'.split(' '));
const PUNCTUATION_WORDS = new Map(
  [...ONE_CHARACTER, ...TWO_CHARACTERS].map((text) => [text, text]),
);

/** Character classes by code, for the first character of a token. */
const CLASS = new Uint8Array(128);
const [LETTER, DIGIT, SPACE] = [1, 2, 3];
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z]/.test(character)) CLASS[code] = LETTER;
  else if (/\d/.test(character)) CLASS[code] = DIGIT;
  else if (/[ \t\n\r]/.test(character)) CLASS[code] = SPACE;
}

/** Tokens of the whole text, or the place where it does not lex. */
export function tokenize(text: string): Tokens | LexicalError {
  const tokens: Tokens = { count: 0, kinds: [], starts: [], ends: [], words: [] };
  let at = 0;
  const { length } = text;
  while (at < length) {
    const code = text.charCodeAt(at);
    const kind = code < 128 ? CLASS[code]! : 0;
    if (kind === SPACE) {
      at++;
      continue;
    }
    const next = text.charCodeAt(at + 1);
    if (kind === LETTER) at = word(text, at, tokens);
    else if (kind === DIGIT || (code === 0x2d && next >= 0x30 && next <= 0x39)) {
      const end = number(text, at, tokens);
      if (end < 0) return { reason: 'a number runs into what follows it', position: at };
      at = end;
    } else if (code === 0x27) {
      const end = quotedEnd(text, at, "'");
      if (end < 0) return { reason: 'a string is not closed', position: at };
      push(tokens, Kind.STRING, at, end, '');
      at = end;
    } else if (code === 0x22) {
      const end = quotedEnd(text, at, '"');
      if (end < 0) return { reason: 'a quoted name is not closed', position: at };
      const name = text.slice(at + 1, end - 1).replaceAll('""', '"');
      push(tokens, name === '' ? Kind.EMPTY_QUOTED : Kind.QUOTED, at, end, name);
      at = end;
    } else if (code === 0x24 && next === 0x24) {
      const close = text.indexOf('$$', at + 2);
      if (close < 0) return { reason: 'a $$ string is not closed', position: at };
      push(tokens, Kind.STRING, at, close + 2, '');
      at = close + 2;
    } else if ((code === 0x2d && next === 0x2d) || (code === 0x2f && next === 0x2f)) {
      at = lineEnd(text, at + 2);
      // Cassandra wants the line end; without it the text does not parse there either.
      if (at < 0) return { reason: 'a comment is not ended by a line end', position: length };
    } else if (code === 0x2f && next === 0x2a) {
      const close = text.indexOf('*/', at + 2);
      if (close < 0) return { reason: 'a comment is not closed', position: at };
      at = close + 2;
    } else {
      const end = punctuation(text, at, tokens);
      if (end < 0) return { reason: 'a character that CQL does not have', position: at };
      at = end;
    }
  }
  push(tokens, Kind.END, length, length, '');
  return tokens;
}

export function isLexicalError(result: Tokens | LexicalError): result is LexicalError {
  return 'reason' in result;
}

function push(tokens: Tokens, kind: Kind, start: number, end: number, text: string): void {
  const at = tokens.count++;
  tokens.kinds[at] = kind;
  tokens.starts[at] = start;
  tokens.ends[at] = end;
  tokens.words[at] = text;
}

function match(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : -1;
}

function isWordCharacter(code: number): boolean {
  return (code < 128 && (CLASS[code] === LETTER || CLASS[code] === DIGIT)) || code === 0x5f;
}

function word(text: string, at: number, tokens: Tokens): number {
  const uuid = match(UUID, text, at);
  if (uuid > 0 && !isWordCharacter(text.charCodeAt(uuid))) {
    push(tokens, Kind.UUID, at, uuid, '');
    return uuid;
  }
  if (text.charCodeAt(at) === 0x50) {
    const iso = match(ISO_DURATION, text, at);
    if (iso > at + 1 && !isWordCharacter(text.charCodeAt(iso))) {
      push(tokens, Kind.DURATION, at, iso, '');
      return iso;
    }
  }
  const end = match(WORD, text, at);
  if (end === at + 4 && text.startsWith('expr(', at)) {
    push(tokens, Kind.EXPR_OPEN, at, end + 1, '');
    return end + 1;
  }
  const lower = text.slice(at, end).toLowerCase();
  const kind = lower === 'true' || lower === 'false' ? Kind.BOOLEAN : Kind.WORD;
  push(tokens, kind, at, end, lower);
  return end;
}

/** A token that begins with a digit or a minus and a digit; -1 where it does not clearly end. */
function number(text: string, at: number, tokens: Tokens): number {
  const uuid = match(UUID, text, at);
  if (uuid > 0) return ended(text, at, uuid, Kind.UUID, tokens);
  const blob = text.startsWith('0x', at) ? match(BLOB, text, at) : -1;
  if (blob > 0) return ended(text, at, blob, Kind.BLOB, tokens);
  const duration = match(DURATION, text, at);
  if (duration > 0 && !isWordCharacter(text.charCodeAt(duration))) {
    return ended(text, at, duration, Kind.DURATION, tokens);
  }
  const end = match(NUMBER, text, at);
  const isInteger = /^-?\d+$/.test(text.slice(at, end));
  return ended(text, at, end, isInteger ? Kind.INTEGER : Kind.FLOAT, tokens);
}

function ended(text: string, at: number, end: number, kind: Kind, tokens: Tokens): number {
  if (isWordCharacter(text.charCodeAt(end))) return -1;
  push(tokens, kind, at, end, '');
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

function punctuation(text: string, at: number, tokens: Tokens): number {
  const two = text.slice(at, at + 2);
  const known = PUNCTUATION_WORDS.get(two) ?? PUNCTUATION_WORDS.get(two[0]!);
  if (known === undefined) return -1;
  push(tokens, Kind.PUNCTUATION, at, at + known.length, known);
  return at + known.length;
}
