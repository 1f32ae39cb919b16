// Text that others chose, as it may appear in records, messages and logs.

/** Without control characters, and no longer than `mostCharacters`. */
export function printable(text: string, mostCharacters: number): string {
  return text.replaceAll(/\p{Cc}/gu, '').slice(0, mostCharacters);
}
