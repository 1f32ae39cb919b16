#!/usr/bin/env node
// The launcher. What it starts is compiled from src into dist/lib: by `npm ci`, or here, once, in a
// checkout where install scripts did not run (npm ci --ignore-scripts). The package has it built.
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const built = new URL('./lib/main.js', import.meta.url);

if (!existsSync(built)) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  // Compiled aside and moved in whole: two starts at once must not run half of a build.
  const outDir = mkdtempSync(fileURLToPath(new URL('./building-', import.meta.url)));
  const args = [compiler, '-p', 'tsconfig.build.json', '--outDir', outDir];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    process.stderr.write('cqlgate could not be compiled; run `npm ci && npm run build`\n');
    process.exit(1);
  }
  try {
    renameSync(outDir, new URL('./lib', import.meta.url));
  } catch {
    // Another start was first; its build is the same.
    rmSync(outDir, { recursive: true });
  }
}
await import(built.href);
