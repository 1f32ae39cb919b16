// Names as CQL needs them written: quoted only where they have to be.
import { KEYWORDS } from './keywords.ts';

/** `ks`, `"Ks"`, `"a""b"`. `isWord`: where it stands the plain name would be read as something else. */
export function quoteIfNeeded(name: string, isWord = false): string {
  const isPlain = !isWord && /^[a-z][a-z0-9_]*$/.test(name) && KEYWORDS.get(name) !== 'reserved';
  if (isPlain && name !== 'true' && name !== 'false') return name;
  return `"${name.replaceAll('"', '""')}"`;
}
