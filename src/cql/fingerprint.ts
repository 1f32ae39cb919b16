// The shape of a text: equal for texts that differ only in literals, bind markers, case of words, white
// space, comments, or in how many values a list holds.
import { createHash } from 'node:crypto';
import { isLexicalError, tokenize } from './lexer.ts';
import { isConstant, Kind } from './tokens.ts';

/** Hex digits: enough that no two shapes of a team's texts ever meet by chance. */
const LENGTH = 16;

/** null where the text does not lex. */
export function fingerprint(text: string): string | null {
  const tokens = tokenize(text);
  if (isLexicalError(tokens)) return null;
  const hash = createHash('sha256');
  let shape = '';
  let previous = '';
  for (let i = 0; i < tokens.count - 1; i++) {
    let word = tokens.wordAt(i);
    if (word === '?' || isConstant(tokens.kindAt(i))) word = '?';
    else if (word === ':' && tokens.kindAt(i + 1) <= Kind.SPECIAL) {
      word = '?';
      i++;
    } else if (word === '') {
      const name = text.slice(tokens.starts[i], tokens.ends[i]);
      word = tokens.kindAt(i) === Kind.IDENT ? name.toLowerCase() : name;
    }
    // `?, ?, ?` is one `?`.
    if (word === '?' && previous === '?,') {
      previous = '?';
      continue;
    }
    if (previous === '?,') shape += ',\n';
    if (word === ',' && previous === '?') {
      previous = '?,';
      continue;
    }
    shape += `${word}\n`;
    previous = word;
    if (shape.length > 16_384) {
      hash.update(shape);
      shape = '';
    }
  }
  return hash.update(shape).digest('hex').slice(0, LENGTH);
}
