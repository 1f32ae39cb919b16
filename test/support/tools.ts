// Whether the tools are there that a driver or a program is built with, what follows where they are not, and how what
// was built is run.
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

/** Command lines that end well where the tools are. */
export type Needed = readonly (readonly [command: string, ...args: string[]])[];

/** Tools that a machine need not have, CI's neither. */
const MAY_LACK: ReadonlySet<string> = new Set(['go', 'cargo']);

function firstMissing(needed: Needed): { readonly command: string; readonly why: string } | null {
  for (const [command, ...args] of needed) {
    const { error, status } = spawnSync(command, args, { stdio: 'ignore' });
    if (error !== undefined) return { command, why: `no ${command} on the PATH` };
    if (status !== 0) return { command, why: `${command} ${args.join(' ')} fails` };
  }
  return null;
}

/** Says why where something is missing; in CI that is an error, unless it may be missing there. */
export function isSkipped(name: string, needed: Needed): boolean {
  const missing = firstMissing(needed);
  if (missing === null) return false;
  console.warn(`${name} is skipped: ${missing.why}`);
  if (process.env['CI'] === 'true' && !MAY_LACK.has(missing.command)) throw new Error(missing.why);
  return true;
}

export interface ToolResult {
  readonly code: number;
  /** Both streams. */
  readonly output: string;
}

const run = promisify(execFile);

/** Whatever its exit code is. */
export async function ran(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<ToolResult> {
  try {
    const { stdout, stderr } = await run(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      timeout: 120_000,
    });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { code, output: stdout + stderr };
  }
}
