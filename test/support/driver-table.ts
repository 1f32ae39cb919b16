// The README's table of drivers: what the matrix ran, and nothing else.
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { MatrixDriver } from './driver-matrix.ts';

const README = path.resolve(import.meta.dirname, '../../README.md');
const BEGIN =
  '<!-- drivers: made by a run of test/full/cluster.test.ts with UPDATE_DRIVERS=1 -->\n';
const END = '<!-- end of drivers -->';

export function driverTable(
  drivers: readonly Pick<MatrixDriver, 'name' | 'release' | 'version'>[],
): string {
  const rows = drivers.map(
    ({ name, release, version }) => `| ${name} | ${release} | v${version} |`,
  );
  return ['| driver | release | protocol |', '|-|-|-|', ...rows, ''].join('\n');
}

export async function tableInReadme(): Promise<string> {
  const [, after = ''] = (await readFile(README, 'utf8')).split(BEGIN);
  return after.split(END)[0]!;
}

export async function writeTable(table: string): Promise<void> {
  const text = await readFile(README, 'utf8');
  const [before = '', after = ''] = text.split(BEGIN);
  await writeFile(README, before + BEGIN + table + END + after.split(END)[1]!);
}
