// Whether the tools are there that a driver or a program is built with, and what follows where they are not.
import { spawnSync } from 'node:child_process';

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
