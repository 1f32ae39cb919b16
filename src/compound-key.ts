// One text for several, where a Map is to be asked by all of them at once. Each part stands behind its
// length, so that no choice of parts, whatever characters they hold, gives the key of another choice.

/** `null` is a part of its own, different from every text. */
export function compoundKey(...parts: readonly (string | number | null)[]): string {
  let key = '';
  for (const part of parts) {
    if (part === null) {
      key += '-';
      continue;
    }
    const text = String(part);
    key += `${text.length}:${text}`;
  }
  return key;
}
