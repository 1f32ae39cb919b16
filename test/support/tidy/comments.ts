// Comments that name a file of the repository which does not exist.
import path from 'node:path';
import ts from 'typescript';
import type { Source, Tree } from './tree.ts';

/** Names with the endings of our own files, with or without a folder. */
const FILE_NAME =
  /(?<![\w/.:*<>{}@-])(?:[\w.-]+\/)*[\w-][\w.-]*\.(?:ts|js|cjs|mjs|md)(?![\w/*(-]|\.\w)/g;

/** Files of others that comments speak of. */
const OF_OTHERS: ReadonlySet<string> = new Set(['Node.js', 'express-cassandra.js']);

/** As `<file>:12 names <other file>`, in the order of files and lines. */
export function missingFiles({ files, sources }: Tree): string[] {
  const tracked = new Set(files);
  const names = new Set(files.map((file) => path.posix.basename(file)));
  const exists = (named: string, from: string): boolean =>
    tracked.has(path.posix.normalize(named)) ||
    tracked.has(path.posix.join(path.posix.dirname(from), named)) ||
    (named.includes('/') ? files.some((file) => file.endsWith(`/${named}`)) : names.has(named));
  return sources.flatMap((source) =>
    commentsOf(source).flatMap(({ text, line }) =>
      [...text.matchAll(FILE_NAME)]
        .map(([named]) => named)
        .filter((named) => !OF_OTHERS.has(named) && !exists(named, source.file))
        .map((named) => `${source.file}:${line} names ${named}`),
    ),
  );
}

function commentsOf({ text, ast }: Source): { readonly text: string; readonly line: number }[] {
  const starts = new Map<number, number>();
  const collect = (position: number): void => {
    for (const { pos, end } of [
      ...(ts.getLeadingCommentRanges(text, position) ?? []),
      ...(ts.getTrailingCommentRanges(text, position) ?? []),
    ]) {
      starts.set(pos, end);
    }
  };
  const visit = (node: ts.Node): void => {
    collect(node.pos);
    collect(node.end);
    node.forEachChild(visit);
  };
  visit(ast);
  return [...starts].map(([start, end]) => ({
    text: text.slice(start, end),
    line: ast.getLineAndCharacterOfPosition(start).line + 1,
  }));
}
