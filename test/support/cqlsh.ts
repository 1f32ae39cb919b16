// cqlsh from PyPI in a virtual environment of its own, made once.
import { execFile, spawn } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { cached } from './cache.ts';

const CQLSH = 'cqlsh==6.2.2';
const run = promisify(execFile);

/** The environment's folder of programs: cqlsh, and a python3 with the driver. */
export async function cqlshBin(): Promise<string> {
  const dir = await cached(
    CQLSH.replace('==', '-'),
    async (target) => {
      await run('python3', ['-m', 'venv', target]);
      await run(path.join(target, 'bin', 'pip'), ['install', '--quiet', CQLSH]);
    },
    { inPlace: true },
  );
  return path.join(dir, 'bin');
}

export interface ShellResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a shell line with those programs first on the PATH. */
export async function shell(
  line: string,
  options: { readonly input?: string; readonly cwd?: string; readonly home?: string } = {},
): Promise<ShellResult> {
  const bin = await cqlshBin();
  const child = spawn('bash', ['-c', line], {
    cwd: options.cwd,
    env: {
      ...process.env,
      PATH: `${bin}:${process.env['PATH'] ?? ''}`,
      // History and settings of whoever runs the tests stay out of it.
      ...(options.home === undefined ? {} : { HOME: options.home }),
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  child.stdin.end(options.input ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}
