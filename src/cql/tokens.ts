// The tokens of a text: their kinds, and the arrays that hold where each one begins and ends. Three numbers for a
// token and no object, because texts of many tokens are read on the hot path.

/**
 * Kinds of tokens. Their order carries meaning: those that may be a name are one range, and those that may be the
 * name of a type are another.
 */
export const Kind = {
  END: 0,
  /** `"..."`. */
  QUOTED: 1,
  /** A word that is no keyword. */
  IDENT: 2,
  /** Keywords by class, see keywords.ts. */
  UNRESERVED: 3,
  KEY: 4,
  NATIVE_TYPE: 5,
  SPECIAL: 6,
  RESERVED: 7,
  /** `""`: only ever a column name. */
  EMPTY_QUOTED: 8,
  PUNCTUATION: 9,
  /** The one token `expr(` of custom index expressions. */
  EXPR_OPEN: 10,
  /** `'...'` and `$$...$$`; from here on constants. */
  STRING: 11,
  INTEGER: 12,
  FLOAT: 13,
  BLOB: 14,
  UUID: 15,
  DURATION: 16,
  BOOLEAN: 17,
} as const;

export function isName(kind: number): boolean {
  return kind >= Kind.QUOTED && kind <= Kind.SPECIAL;
}

export function isTypeName(kind: number): boolean {
  return kind >= Kind.QUOTED && kind <= Kind.KEY;
}

export function isConstant(kind: number): boolean {
  return kind >= Kind.STRING;
}

/**
 * A code of one byte says what a token is. The codes 0 to 17 are the kinds themselves; beyond them each keyword and
 * each sign of punctuation has a code of its own.
 */
const KIND_OF_CODE: number[] = Object.values(Kind);
const WORD_OF_CODE: string[] = KIND_OF_CODE.map(() => '');
const OPERATORS: ReadonlySet<string> = new Set('+-*/%');
const IS_OPERATOR = new Uint8Array(256);

/** A code for one more keyword or sign of punctuation. */
export function newCode(kind: number, word: string): number {
  WORD_OF_CODE.push(word);
  const code = KIND_OF_CODE.push(kind) - 1;
  if (kind === Kind.PUNCTUATION && OPERATORS.has(word)) IS_OPERATOR[code] = 1;
  return code;
}

/** The tokens of one text, without the text. The arrays may be longer than `count`. */
export class Tokens {
  count = 0;
  /** The sum of the squared lengths of its long numbers, which is what converting them costs. */
  squaredDigits = 0;
  readonly codes: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;

  constructor(capacity: number) {
    this.codes = new Uint8Array(capacity);
    this.starts = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
  }

  push(code: number, start: number, end: number): void {
    const at = this.count++;
    this.codes[at] = code;
    this.starts[at] = start;
    this.ends[at] = end;
  }

  kindAt(index: number): number {
    return KIND_OF_CODE[this.codes[index]!]!;
  }

  /** Whether it is one of `+ - * / %`. */
  isOperatorAt(index: number): boolean {
    return IS_OPERATOR[this.codes[index]!] === 1;
  }

  /** A keyword in lower case, or punctuation; empty for all other tokens. The strings are interned. */
  wordAt(index: number): string {
    return WORD_OF_CODE[this.codes[index]!]!;
  }
}
