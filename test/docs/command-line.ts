// The commands and options that there are, as the built command line tells of them by --help.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './documents.ts';

const run = promisify(execFile);
export const MAIN = path.join(ROOT, 'dist/main.js');

export interface CommandHelp {
  readonly commands: ReadonlyMap<string, CommandHelp>;
  readonly options: ReadonlySet<string>;
}

export async function commandLine(words: readonly string[] = []): Promise<CommandHelp> {
  const { stdout } = await run(process.execPath, [MAIN, ...words, '--help']);
  const options = [...stdout.matchAll(/^ {2}(?:(-\w), )?(--[\w-]+)/gm)].flatMap(([, short, long]) =>
    [short, long].filter((one) => one !== undefined),
  );
  const [, listed = ''] = /^Commands:\n((?: {2}.*\n?)*)/m.exec(stdout) ?? [];
  const names = [...listed.matchAll(/^ {2}([a-z][\w-]*)/gm)]
    .map(([, name]) => name!)
    .filter((name) => name !== 'help');
  const commands = await Promise.all(
    names.map(async (name) => [name, await commandLine([...words, name])] as const),
  );
  return { commands: new Map(commands), options: new Set(options) };
}

/** What of a line is no command or option of cqlgate; null where all is. */
export function unknownIn(line: string, program: CommandHelp): string | null {
  const words = line.split(/\s+/).filter((word) => word !== '');
  let at = program;
  let isNamed = false;
  for (const word of words.slice(1)) {
    if (/^(\||>|<|&&|\|\||;|#|\\)/.test(word)) break;
    const [option] = word.split('=');
    if (/^--?[a-z]/.test(word)) {
      if (!at.options.has(option!)) return word;
    } else if (!isNamed && at.commands.size > 0) {
      const next = at.commands.get(word.replace(/[.,;:]$/, ''));
      // `cqlgate policy explain|test|suggest`, and the name of the program in a sentence.
      if (next === undefined)
        return word.split('|').every((one) => at.commands.has(one)) ? null : word;
      at = next;
    } else isNamed = true;
  }
  return null;
}
