// The definitions of all commands: complete, and readable by the library that parses the command line.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { print, printJson, type CommandDefinition } from '../../src/commands/command.ts';
import { runCommand } from '../support/terminal.ts';

const DIR = path.resolve(import.meta.dirname, '../../src/commands');

const loaded = await Promise.all(
  readdirSync(DIR)
    .filter((name) => name.endsWith('.ts'))
    .map(async (name) => {
      const module = (await import(path.join(DIR, name))) as { command?: CommandDefinition };
      return [name, module.command] as const;
    }),
);
const definitions = loaded.flatMap(([name, command]) =>
  command === undefined ? [] : [[name, command] as const],
);

describe('a command definition', () => {
  it('is exported by each command file', () => {
    expect(definitions.map(([name]) => name)).toEqual([
      'analyse.ts',
      'audit-verify.ts',
      'check-config.ts',
      'login.ts',
      'policy-explain.ts',
      'policy-suggest.ts',
      'policy-test.ts',
      'provision.ts',
      'revoke.ts',
      'serve.ts',
      'sidecar.ts',
      'token-inspect.ts',
    ]);
  });

  it.each(definitions)('of %s says what it does and has each option once', (_name, definition) => {
    expect(definition.summary).not.toBe('');
    const command = new Command('it');
    for (const { flags, summary } of definition.options) {
      expect(summary).not.toBe('');
      // commander refuses an option that is there already.
      command.option(flags, summary);
    }
    expect(command.options).toHaveLength(definition.options.length);
  });
});

it('prints a text as a line, and JSON so that people can read it', async () => {
  const command: CommandDefinition<object, string> = {
    summary: 'prints',
    options: [],
    run: async (_options, terminal, text) => {
      print(terminal, text);
      printJson(terminal, { a: [1] });
      return Promise.resolve(0);
    },
  };
  expect((await runCommand(command, {}, 'line')).output).toBe('line\n{\n  "a": [\n    1\n  ]\n}\n');
});
