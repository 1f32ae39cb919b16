// Globs over claim values: `*` is any run without `/`, `**` any run at all. Case counts. Matching is
// linear in pattern times text, whatever the pattern: no regular expression is built.

export function matchesGlob(pattern: string, text: string): boolean {
  const parts = parse(pattern);
  // reachable[i]: the parts so far can match the first i characters.
  let reachable = new Uint8Array(text.length + 1);
  reachable[0] = 1;
  for (const part of parts) {
    const next = new Uint8Array(text.length + 1);
    if (part === '*' || part === '**') {
      let open = false;
      for (let i = 0; i <= text.length; i++) {
        if (i > 0 && part === '*' && text[i - 1] === '/') open = false;
        open ||= reachable[i] === 1;
        if (open) next[i] = 1;
      }
    } else {
      for (let i = 0; i < text.length; i++) {
        if (reachable[i] === 1 && text.startsWith(part, i)) next[i + part.length] = 1;
      }
    }
    reachable = next;
  }
  return reachable[text.length] === 1;
}

function parse(pattern: string): string[] {
  return pattern
    .split(/(\*+)/)
    .filter((part) => part !== '')
    .map((part) => (/^\*{2,}$/.test(part) ? '**' : part));
}
