// The documents as their tests read them: headings, links and code blocks, with the remarks that say what
// a block is. `<!-- file: NAME -->` before a block names the file that it shows; `<!-- run -->` says that its lines
// are run as they stand, `<!-- run: cassandra -->` that they need a node and a gate.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');

export interface Block {
  /** `docs/FAQ.md:12`. */
  readonly place: string;
  readonly language: string;
  readonly text: string;
  /** Of the remark before it; null where there is none. */
  readonly remark: { readonly key: string; readonly value: string } | null;
  /** Of the headings above it, the last. */
  readonly heading: string;
}

export interface MarkdownDocument {
  /** From the root of the repository. */
  readonly name: string;
  readonly blocks: readonly Block[];
  /** As GitHub makes them of headings. */
  readonly anchors: ReadonlySet<string>;
  /** Without code blocks. */
  readonly prose: string;
  /** Texts between backticks. */
  readonly codes: readonly string[];
}

const FOLDERS = ['.', 'docs', 'bench', 'examples', 'helm', 'pipe'];

/** All of them, those of folders that are there. */
export function documents(): MarkdownDocument[] {
  return FOLDERS.flatMap((folder) => markdownIn(folder)).map((name) =>
    parse(name, readFileSync(path.join(ROOT, name), 'utf8')),
  );
}

export function documentOf(name: string): MarkdownDocument {
  return parse(name, readFileSync(path.join(ROOT, name), 'utf8'));
}

function markdownIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(path.join(ROOT, folder), { recursive: folder !== '.' }) as string[];
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.md') && !name.includes('node_modules'))
    .map((name) => path.posix.join(folder, name));
}

export function parse(name: string, content: string): MarkdownDocument {
  const blocks: Block[] = [];
  const anchors = new Set<string>();
  const prose: string[] = [];
  let heading = '';
  let remark: Block['remark'] = null;
  let open = null as {
    place: string;
    language: string;
    fence: string;
    indent: number;
    lines: string[];
  } | null;
  content.split('\n').forEach((line, index) => {
    if (open !== null) {
      // In a list it is indented.
      if (line.trim() !== open.fence) open.lines.push(line.slice(open.indent));
      else {
        const { place, language, lines } = open;
        blocks.push({ place, language, text: `${lines.join('\n')}\n`, remark, heading });
        remark = null;
        open = null;
      }
      return;
    }
    const fence = /^(\s*)(`{3,})(\w*)\s*$/.exec(line);
    if (fence !== null) {
      const place = `${name}:${index + 1}`;
      const [, indent, marks, language] = fence;
      open = { place, language: language!, fence: marks!, indent: indent!.length, lines: [] };
      return;
    }
    const said = /^\s*<!-- (file|run)(?:: (.+?))? -->$/.exec(line);
    if (said !== null) remark = { key: said[1]!, value: said[2] ?? '' };
    else if (line !== '') remark = null;
    const title = /^#{1,6} (.+)$/.exec(line)?.[1];
    if (title !== undefined) {
      heading = title;
      anchors.add(unused(slug(title), anchors));
    }
    prose.push(line);
  });
  if (open !== null) throw new Error(`${name}: a code block is not closed`);
  const text = prose.join('\n');
  const codes = [...text.matchAll(/(`+)(.+?)\1/gs)].map(([, , code]) => code!);
  return { name, blocks, anchors, prose: text, codes };
}

/** As GitHub does: lower case, without punctuation, blanks to hyphens. */
function slug(title: string): string {
  return title
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

function unused(anchor: string, taken: ReadonlySet<string>): string {
  if (!taken.has(anchor)) return anchor;
  let count = 1;
  while (taken.has(`${anchor}-${count}`)) count++;
  return `${anchor}-${count}`;
}
