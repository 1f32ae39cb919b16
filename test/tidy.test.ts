// The habits that keep the tree in order: no file without an owner, no long file or function, no export that nothing
// uses, no comment that names a file which is not there, and a share of tested files that only rises. What is
// not yet as it should be stands in test/tidy.json, which may only shrink: `npm run tidy` writes it anew.
import { beforeAll, describe, expect, it } from 'vitest';
import { missingFiles } from './support/tidy/comments.ts';
import { unusedExports, unusedMembers } from './support/tidy/exports.ts';
import {
  changes,
  measured,
  readRatchet,
  testedPercent,
  type Ratchet,
} from './support/tidy/measure.ts';
import { unownedFiles } from './support/tidy/places.ts';
import { longFiles, longFunctions } from './support/tidy/sizes.ts';
import { readTree, treeOf, type Tree } from './support/tidy/tree.ts';

const allowed = readRatchet();
let tree: Tree;
let now: Ratchet;

beforeAll(() => {
  tree = readTree();
  now = measured(tree);
}, 60_000);

const counted = (entries: readonly string[]) => Object.fromEntries(entries.map((one) => [one, 1]));

describe('the tree', () => {
  it('has an owner for each tracked file (test/support/tidy/places.ts)', () => {
    expect(tree.files.length).toBeGreaterThan(500);
    expect(unownedFiles(tree.files)).toEqual([]);
  });

  it('has no comment that names a file which does not exist', () => {
    expect(missingFiles(tree)).toEqual([]);
  });

  it.each([
    ['files over 400 lines', () => changes(now.longFiles, allowed.longFiles)],
    ['functions over 70 lines', () => changes(now.longFunctions, allowed.longFunctions)],
    [
      'exports that nothing uses',
      () => changes(counted(now.deadExports), counted(allowed.deadExports)),
    ],
    [
      'exports that only tests use',
      () => changes(counted(now.exportsForTests), counted(allowed.exportsForTests)),
    ],
    [
      'members of classes that nothing in src uses',
      () => changes(counted(now.unusedMembers), counted(allowed.unusedMembers)),
    ],
  ])('has no more %s, and what is mended is written down by `npm run tidy`', (_what, compared) => {
    expect(compared()).toEqual({ grown: [], shrunk: [] });
  });

  it('has unit tests in the mirrored place for no smaller share of src', () => {
    expect(now.testedPercent).toBeGreaterThanOrEqual(allowed.testedPercent);
    // What was gained is written down, or it could be lost again unseen.
    expect(now.testedPercent - allowed.testedPercent).toBeLessThan(2);
  });
});

describe('each check finds what it is for', () => {
  const sourcesOf = (texts: Record<string, string>) =>
    treeOf(Object.keys(texts), Object.entries(texts)).sources;
  const linesOf = (count: number): string => '  call();\n'.repeat(count);

  it('files without an owner', () => {
    const strays = [
      'isolate-0x1-1-v8.log',
      'notes.txt',
      'src/notes.md',
      'src/session/deep/file.ts',
      'docs/picture.png',
      'bench/CPU.1.cpuprofile',
      'dist/lib/main.js',
      'scratch/a.ts',
    ];
    expect(unownedFiles([...strays, 'src/session/session.ts', 'README.md'])).toEqual(strays);
  });

  it('long files', () => {
    const sources = sourcesOf({ 'src/a.ts': linesOf(401), 'src/b.ts': linesOf(400) });
    expect([...longFiles(sources)]).toEqual([['src/a.ts', 401]]);
  });

  it('long functions by name, whatever kind of function they are', () => {
    const body = `{\n${linesOf(69)}}`;
    const fits = `{\n${linesOf(68)}}`;
    const sources = sourcesOf({
      'src/a.ts': [
        `function plain() ${body}`,
        `function fits() ${fits}`,
        `const arrow = () => ${body};`,
        `class One { method() ${body} get value() ${body} constructor() ${body} }`,
        `run('title', () => ${body});`,
        `describe('a list of tests', () => ${body});`,
        `/**\n${' * text\n'.repeat(80)} */\nfunction commented() ${fits}`,
      ].join('\n'),
    });
    expect([...longFunctions(sources)]).toEqual([
      ['src/a.ts plain', 71],
      ['src/a.ts arrow', 71],
      ['src/a.ts One.method', 71],
      ['src/a.ts One.value', 71],
      ['src/a.ts One.constructor', 71],
      [`src/a.ts run 'title'`, 71],
    ]);
  });

  it('exports that nothing in src imports, and not types that a used signature names', () => {
    const sources = sourcesOf({
      'src/a.ts': [
        'export const used = 1;',
        'export const loaded = 1;',
        'export const dead = 1;',
        'export const tested = 1;',
        'export interface Parameter { readonly inner: Inner }',
        'export interface Inner {}',
        'export interface Hidden {}',
        'export function called(parameter: Parameter): void { const hidden: Hidden = {}; }',
        'export class Box { #own: Hidden | null = null; }',
      ].join('\n'),
      'src/b.ts': [
        `import { used as mine, called, Box } from './a.ts';`,
        `const { loaded } = await import('./a.ts');`,
      ].join('\n'),
      'src/whole.ts': 'export const one = 1;',
      'src/c.ts': `import * as whole from './whole.ts';`,
      'test/a.test.ts': `import { tested } from '../src/a.ts';`,
    });
    expect(unusedExports(sources)).toEqual({
      dead: ['src/a.ts Hidden', 'src/a.ts dead'],
      forTests: ['src/a.ts tested'],
    });
  });

  it('public members that only their class names', () => {
    const sources = sourcesOf({
      'src/a.ts': `export class A { seen() {} unseen() {} #own() {} get forTests() { return 1; } }`,
      'src/b.ts': `import { A } from './a.ts'; new A().seen();`,
      'test/a.test.ts': `new A().forTests;`,
    });
    expect(unusedMembers(sources)).toEqual(['src/a.ts A.forTests', 'src/a.ts A.unseen']);
  });

  it('comments that name missing files, by each way of naming one', () => {
    const text = [
      '// here.ts, src/room/here.ts, ../other/there.ts, other/there.ts and docs/FAQ.md are there, as is Node.js.',
      '// gone.ts is not.',
      "import './here.ts'; // nor is room/there.ts",
      'call(/* src/room/gone.js */ 1);',
      "const text = 'gone.ts';",
    ].join('\n');
    const files = ['src/room/here.ts', 'src/other/there.ts', 'docs/FAQ.md', 'src/room/a.ts'];
    expect(missingFiles(treeOf(files, [['src/room/a.ts', text]]))).toEqual([
      'src/room/a.ts:2 names gone.ts',
      'src/room/a.ts:3 names room/there.ts',
      'src/room/a.ts:4 names src/room/gone.js',
    ]);
  });

  it('files of src without a test in the mirrored place', () => {
    const files = ['src/a.ts', 'src/room/b.ts', 'src/room/worker.js', 'src/types.d.ts'];
    expect(testedPercent(files)).toBe(0);
    expect(testedPercent([...files, 'test/a.test.ts', 'test/other/b.test.ts'])).toBe(33.3);
  });

  it('what has grown and what has shrunk', () => {
    expect(changes({ a: 5, b: 3, c: 2 }, { a: 4, b: 4, d: 1 })).toEqual({
      grown: ['a: 5, written down as 4', 'c: 2, written down as within bounds'],
      shrunk: ['b: 3, written down as 4', 'd: within bounds, written down as 1'],
    });
  });
});
