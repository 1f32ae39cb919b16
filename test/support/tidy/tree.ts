// The tracked files of the repository, each parsed once, for the checks of test/tidy.test.ts.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

export const ROOT = path.resolve(import.meta.dirname, '../../..');

export interface Source {
  /** From the root of the repository, with slashes. */
  readonly file: string;
  readonly text: string;
  readonly ast: ts.SourceFile;
}

export interface Tree {
  readonly files: readonly string[];
  /** Those in TypeScript and JavaScript. */
  readonly sources: readonly Source[];
}

const IS_SOURCE = /\.(?:ts|js|cjs|mjs)$/;

/** The files that git tracks, without those that the working tree has removed. */
export function readTree(root = ROOT): Tree {
  const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' });
  const files = listed
    .split('\0')
    .filter((file) => file !== '' && existsSync(path.join(root, file)));
  const texts = files
    .filter((file) => IS_SOURCE.test(file))
    .map((file) => [file, readFileSync(path.join(root, file), 'utf8')] as const);
  return treeOf(files, texts);
}

export function treeOf(
  files: readonly string[],
  texts: readonly (readonly [file: string, text: string])[],
): Tree {
  return { files, sources: texts.map(([file, text]) => sourceOf(file, text)) };
}

function sourceOf(file: string, text: string): Source {
  const kind = file.endsWith('.ts') ? ts.ScriptKind.TS : ts.ScriptKind.JS;
  const ast = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true, kind);
  return { file, text, ast };
}

/** The file that a relative import names; null for packages. */
export function importedFile(from: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  return path.posix.join(path.posix.dirname(from), specifier);
}
