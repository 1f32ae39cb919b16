// Names and strings as CQL needs them written: a name is quoted only where it has to be.
import { KEYWORDS } from './keywords.ts';

/** `ks`, `"Ks"`, `"a""b"`. `isWord`: where it stands the plain name would be read as something else. */
export function quoteIfNeeded(name: string, isWord = false): string {
  const isPlain = !isWord && /^[a-z][a-z0-9_]*$/.test(name) && KEYWORDS.get(name) !== 'reserved';
  if (isPlain && name !== 'true' && name !== 'false') return name;
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string literal: `'it''s'`. */
export function stringLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
