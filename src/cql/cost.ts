// What a text costs the node that parses and prepares it, beyond reading it once: an estimate, added up
// while the text is parsed here (Parser.charge). Nothing stops a thread of Cassandra that has begun a
// text, and some rules of its grammar take exponential or quadratic time. The figures are in PARSING.
import { CQL, PARSING } from '../limits/cql.ts';
import { nameOf } from './lexer.ts';
import { isName, Kind, type Tokens } from './tokens.ts';

/** What a text of so many characters may cost. */
export function allowedUs(characters: number): number {
  return PARSING.freeUs + (PARSING.usPerKib * characters) / 1024;
}

/** Of numbers, which Java converts by schoolbook arithmetic. */
export function numbersUs(tokens: Tokens): number {
  return tokens.squaredDigits * PARSING.digitUs;
}

/** Where a text has numbers that stand in strings, and whether costly functions are called. */
export interface ReadNumbers {
  /** Logarithms and powers of e. */
  logarithms: boolean;
  /** INSERT JSON: its strings hold numbers of columns. */
  inJson: boolean;
  /** fromJson: its strings hold numbers that may be computed with. */
  fromJson: boolean;
}

/** Of numbers that take more than being converted, or that stand in strings of JSON. */
export function readNumbersUs(text: string, tokens: Tokens, read: ReadNumbers): number {
  const { logarithms, inJson, fromJson } = read;
  let squares = logarithms ? tokens.squaredDigits : 0;
  if (inJson || fromJson) {
    for (let at = 0; at < tokens.count; at++) {
      if (tokens.kindAt(at) !== Kind.STRING) continue;
      squares += squaresInJson(text.slice(tokens.starts[at], tokens.ends[at]), fromJson);
    }
  }
  return squares * (logarithms ? PARSING.logarithmDigitUs : PARSING.digitUs);
}

/** Java takes digits of any script. */
const DIGITS = /[\p{Nd}.]{65,}/gu;
const EXPONENT = /\p{Nd}\.?e([+-]?\p{Nd}{3,})/giu;
const ESCAPE = /\\u([0-9a-f]{4})/gi;

function squaresInJson(source: string, isComputed: boolean): number {
  const text = source.replace(ESCAPE, (_all, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  let squares = 0;
  for (const [digits] of text.matchAll(DIGITS)) squares += digits.length ** 2;
  if (!isComputed) return squares;
  for (const [, exponent] of text.matchAll(EXPONENT)) {
    const size = Math.abs(Number(exponent));
    // Digits of another script are no number here.
    if (Number.isNaN(size)) return Infinity;
    if (size > CQL.decimalScale) squares += (PARSING.exponentDigits * size) ** 2;
  }
  return squares;
}

/** Of names that Java's hash takes for the same: they stand in one chain of Cassandra's table of names. */
export function namesUs(text: string, tokens: Tokens): number {
  if (tokens.count < PARSING.namesUnchecked) return 0;
  const first = new Map<number, string>();
  let clashes = 0;
  for (let at = 0; at < tokens.count; at++) {
    if (!isName(tokens.kindAt(at))) continue;
    const name = nameOf(text, tokens, at);
    const hash = javaHash(name);
    const known = first.get(hash);
    if (known === undefined) first.set(hash, name);
    else if (known !== name) clashes++;
  }
  return clashes * clashes * PARSING.nameUs;
}

/** `java.nio.ByteBuffer.hashCode` of a name's bytes, which are signed and taken from the end. */
function javaHash(name: string): number {
  let hash = 1;
  if (/^[\0-\x7f]*$/.test(name)) {
    for (let i = name.length - 1; i >= 0; i--)
      hash = (Math.imul(31, hash) + name.charCodeAt(i)) | 0;
    return hash;
  }
  const bytes = Buffer.from(name);
  for (let i = bytes.length - 1; i >= 0; i--) hash = (Math.imul(31, hash) + bytes.readInt8(i)) | 0;
  return hash;
}
