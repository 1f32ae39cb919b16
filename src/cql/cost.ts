// What a text costs the node that parses and prepares it, beyond reading it once: an estimate, added up
// while the text is parsed here (Parser.charge). Nothing stops a thread of Cassandra that has begun a
// text, and some rules of its grammar take exponential or quadratic time. The figures are in PARSING.
import { PARSING } from '../limits.ts';
import { isName, nameOf, type Tokens } from './lexer.ts';

/** What a text of so many characters may cost. */
export function allowedUs(characters: number): number {
  return PARSING.freeUs + (PARSING.usPerKib * characters) / 1024;
}

/** Of numbers, which Java converts by schoolbook arithmetic. */
export function numbersUs(tokens: Tokens): number {
  return tokens.squaredDigits * PARSING.digitUs;
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
