// What each command of the command line consists of, and what all of them share: options, exit codes, and how they print.
import type { Readable, Writable } from 'node:stream';

/** Exit codes of all commands; those of `audit verify` and `sidecar` are in their own files. */
export const EXIT = { ok: 0, refused: 1, usage: 3 } as const;

interface OptionDefinition {
  /** As commander reads them: `-c, --config <file>`. */
  readonly flags: string;
  readonly summary: string;
  readonly default?: string;
  readonly isRequired?: true;
}

/** Where a command reads and writes; the process's own streams, but for tests. */
export interface Terminal {
  readonly input: Readable;
  /** What was asked for: a script may read it. */
  readonly output: Writable;
  /** What a person is told meanwhile. */
  readonly messages: Writable;
}

/** Each command file exports one as `command`. `Options` are what commander makes of `options`. */
export interface CommandDefinition<Options = never, Argument = never> {
  readonly summary: string;
  /** `<file>` is required, `[file]` is not, `[words...]` takes all that is left. */
  readonly argument?: { readonly name: string; readonly summary: string };
  readonly options: readonly OptionDefinition[];
  /** Resolves with the exit code. Rejects with ConfigFault, whose problems are printed, or with what went wrong. */
  readonly run: (options: Options, terminal: Terminal, argument: Argument) => Promise<number>;
}

export const CONFIG_OPTION: OptionDefinition = {
  flags: '-c, --config <file>',
  summary: 'the configuration',
  default: 'cqlgate.yaml',
};

export const JSON_OPTION: OptionDefinition = { flags: '--json', summary: 'print JSON' };

export const KEYSPACE_OPTION: OptionDefinition = {
  flags: '--keyspace <name>',
  summary: 'keyspace of unqualified names',
};

export function print({ output }: Terminal, text: string): void {
  output.write(`${text}\n`);
}

export function printJson(terminal: Terminal, value: unknown): void {
  print(terminal, JSON.stringify(value, null, 2));
}
