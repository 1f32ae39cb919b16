// Links of the documents lead somewhere: to a file that is there, to a heading that it has.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { documentOf, documents, parse, ROOT } from './documents.ts';

const all = documents();

/** Targets of a document's links that lead nowhere. */
function dead({ name, prose, anchors }: ReturnType<typeof documentOf>): string[] {
  return [...prose.matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => {
      if (/^(https?|mailto):/.test(link)) return false;
      const [target = '', anchor] = link.split('#');
      if (target === '') return !anchors.has(anchor ?? '');
      const file = path.posix.join(path.posix.dirname(name), target);
      if (!existsSync(path.join(ROOT, file))) return true;
      return anchor !== undefined && file.endsWith('.md') && !documentOf(file).anchors.has(anchor);
    });
}

describe('links', () => {
  it('are looked for in all documents', () => {
    const names = all.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['README.md', 'CHANGELOG.md', 'bench/README.md', 'docs/SECURITY.md']),
    );
  });

  it.each(all.map((one) => [one.name, one] as const))('of %s lead somewhere', (_name, one) => {
    expect(dead(one)).toEqual([]);
  });

  it('that lead nowhere are found: a file, a heading of another, one of its own', () => {
    const text =
      '# A b, c!\n[1](NONE.md) [2](FAQ.md#none) [3](#none) [4](#a-b-c) [5](ERRORS.md#logins) [6](../src/main.ts)\n';
    const found = dead(parse('docs/x.md', text));
    expect(found).toEqual(['NONE.md', 'FAQ.md#none', '#none']);
  });

  it('lead from the README to each document', () => {
    const { prose } = documentOf('README.md');
    for (const { name } of all.filter((one) => one.name.startsWith('docs/'))) {
      expect(prose).toContain(`](${name}`);
    }
  });
});
