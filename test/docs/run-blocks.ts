// Runs what a document says is run, as it stands there: the files that its section shows in a directory of their own,
// and `cqlgate` on the PATH as an installed package has it.
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { MAIN } from './command-line.ts';
import type { Block, MarkdownDocument } from './documents.ts';

const run = promisify(execFile);

/** What a section's lines need: nothing but the gate's commands, or a cluster and a language's tools. */
export const NEEDS = [
  '',
  'jq',
  'certificate',
  'node',
  'python',
  'cqlsh',
  'java',
  'go',
  'cargo',
] as const;
export type Needs = (typeof NEEDS)[number];

export interface Section {
  readonly heading: string;
  readonly place: string;
  readonly needs: Needs;
  readonly lines: readonly string[];
  /** By name; those of the section before those of the same name elsewhere. */
  readonly files: ReadonlyMap<string, string>;
}

/** The runs of a document: one for each section and what it needs. */
export function sectionsOf({ blocks }: MarkdownDocument): Section[] {
  const sections = new Map<string, Section & { lines: string[] }>();
  for (const { remark, heading, place, text } of blocks) {
    if (remark?.key !== 'run') continue;
    const needs = remark.value as Needs;
    const key = `${heading} ${needs}`;
    const known = sections.get(key);
    if (known !== undefined) known.lines.push(text);
    else {
      const files = filesFor(blocks, heading);
      sections.set(key, { heading, place, needs, lines: [text], files });
    }
  }
  return [...sections.values()];
}

function filesFor(blocks: readonly Block[], heading: string): Map<string, string> {
  const files = new Map<string, string>();
  const shown = blocks.filter(({ remark }) => remark?.key === 'file');
  const own = shown.filter((one) => one.heading === heading);
  for (const { remark, text } of [...own, ...shown]) {
    if (!files.has(remark!.value)) files.set(remark!.value, text);
  }
  return files;
}

export interface Ran {
  readonly stdout: string;
  readonly dir: string;
}

/** Rejects with what was printed where a line fails. `prepare` puts in place what the reader has already. */
export async function runSection(
  { files, lines }: Section,
  env: Readonly<Record<string, string>> = {},
  prepare: (dir: string) => Promise<void> = async () => Promise.resolve(),
): Promise<Ran> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-documents-'));
  try {
    for (const [name, text] of files) {
      await mkdir(path.dirname(path.join(dir, name)), { recursive: true });
      await writeFile(path.join(dir, name), text);
    }
    await prepare(dir);
    const bin = path.join(dir, '.bin');
    await mkdir(bin);
    await program(bin, 'cqlgate', `exec '${process.execPath}' '${MAIN}' "$@"`);
    await program(bin, 'npx', 'exec "$@"');
    const { stdout } = await run('sh', ['-eu', '-c', lines.join('\n')], {
      cwd: dir,
      env: { ...process.env, ...env, PATH: `${bin}:${env['PATH'] ?? process.env['PATH'] ?? ''}` },
      maxBuffer: 16 * 1024 * 1024,
      timeout: 540_000,
    });
    return { stdout, dir };
  } finally {
    await run('chmod', ['-R', 'u+w', dir]).catch(() => undefined);
    await rm(dir, { recursive: true, force: true });
  }
}

async function program(dir: string, name: string, line: string): Promise<void> {
  const file = path.join(dir, name);
  await writeFile(file, `#!/bin/sh\n${line}\n`);
  await chmod(file, 0o755);
}
