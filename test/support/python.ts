// The Python driver from PyPI in a virtual environment of its own, made once.
import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { cached } from './cache.ts';

const DRIVER = 'cassandra-driver==3.30.1';
/** With it the driver compresses unless told not to. */
const LZ4 = 'lz4==4.4.5';
const SCRIPTS = path.resolve(import.meta.dirname, '../drivers');
const run = promisify(execFile);

/** Null when Python can make environments; otherwise what is missing. */
export function missingForPython(): string | null {
  const { error, status } = spawnSync('python3', ['-c', 'import venv, ensurepip']);
  if (error !== undefined) return 'no python3 on the PATH';
  return status === 0 ? null : 'python3 lacks venv or pip (Debian: python3-venv)';
}

/** The interpreter of that environment. */
export async function pythonOf(): Promise<string> {
  const dir = await cached(
    `python-${DRIVER.replace('==', '-')}-lz4`,
    async (target) => {
      await run('python3', ['-m', 'venv', target]);
      await run(path.join(target, 'bin', 'pip'), ['install', '--quiet', DRIVER, LZ4]);
    },
    { inPlace: true },
  );
  return path.join(dir, 'bin', 'python');
}

export interface PythonTarget {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** How long a scenario works that does so for a while. */
  readonly seconds?: number;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly version: number;
  readonly compression: '' | 'lz4';
  /** File with the CA to trust: then it is TLS. */
  readonly ca?: string;
}

export class PythonFailure extends Error {}

/** Runs a scenario of a script in test/drivers and returns what it printed as JSON. */
export async function runScenario(
  scenario: string,
  target: PythonTarget,
  file = 'scenarios.py',
): Promise<any> {
  const script = path.join(SCRIPTS, file);
  try {
    const { stdout } = await run(await pythonOf(), [script, scenario, JSON.stringify(target)], {
      timeout: 180_000,
      maxBuffer: 16 * 1024 * 1024,
    });
    return JSON.parse(stdout) as unknown;
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string };
    throw new PythonFailure(`${scenario}: ${stderr === '' ? message : stderr.slice(-3000)}`);
  }
}
