// What the tidy test measures of the tree, and the ratchet it is compared with (test/tidy.json).
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { unusedExports, unusedMembers } from './exports.ts';
import { longFiles, longFunctions } from './sizes.ts';
import { ROOT, type Tree } from './tree.ts';

/** One line for each exception in the file, in order, so that changes on several branches merge well. */
export interface Ratchet {
  /** Share of the files of src with a unit test in the mirrored place, in percent with one decimal. */
  readonly testedPercent: number;
  readonly longFiles: Readonly<Record<string, number>>;
  readonly longFunctions: Readonly<Record<string, number>>;
  /** Nothing imports them. */
  readonly deadExports: readonly string[];
  /** Only tests and benches import them. */
  readonly exportsForTests: readonly string[];
  readonly unusedMembers: readonly string[];
}

const RATCHET = path.join(ROOT, 'test/tidy.json');

export function measured({ files, sources }: Tree): Ratchet {
  const { dead, forTests } = unusedExports(sources);
  return {
    testedPercent: testedPercent(files),
    longFiles: sorted(longFiles(sources)),
    longFunctions: sorted(longFunctions(sources)),
    deadExports: dead,
    exportsForTests: forTests,
    unusedMembers: unusedMembers(sources),
  };
}

/** `src/<path>.ts` is tested by `test/<path>.test.ts`. Rounded down, so that a share never looks larger than it is. */
export function testedPercent(files: readonly string[]): number {
  const tracked = new Set(files);
  const own = files.filter((file) => /^src\/.*\.(?:ts|js)$/.test(file) && !file.endsWith('.d.ts'));
  const tested = own.filter((file) =>
    tracked.has(file.replace(/^src\//, 'test/').replace(/\.(?:ts|js)$/, '.test.ts')),
  );
  return own.length === 0 ? 0 : Math.floor((1_000 * tested.length) / own.length) / 10;
}

export function readRatchet(): Ratchet {
  return JSON.parse(readFileSync(RATCHET, 'utf8')) as Ratchet;
}

export function writeRatchet(ratchet: Ratchet): void {
  writeFileSync(RATCHET, `${JSON.stringify(ratchet, null, 2)}\n`);
}

function sorted(numbers: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries([...numbers].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What has grown since the ratchet was written, and what has shrunk and is still written down as it was. */
export function changes(
  now: Readonly<Record<string, number>>,
  allowed: Readonly<Record<string, number>>,
): { readonly grown: string[]; readonly shrunk: string[] } {
  const names = [...new Set([...Object.keys(now), ...Object.keys(allowed)])].sort();
  const line = (name: string): string =>
    `${name}: ${now[name] ?? 'within bounds'}, written down as ${allowed[name] ?? 'within bounds'}`;
  const difference = (name: string): number => (now[name] ?? 0) - (allowed[name] ?? 0);
  return {
    grown: names.filter((name) => difference(name) > 0).map(line),
    shrunk: names.filter((name) => difference(name) < 0).map(line),
  };
}
