// The command line: one row for each command. Only the file of the command that is called is loaded, so that a sidecar
// does not wait for what the gate needs.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { EXIT, type CommandDefinition } from './commands/command.ts';
import { ConfigFault } from './errors.ts';

/** By the words that call it, in the order in which help lists them. */
const COMMANDS: Readonly<Record<string, () => Promise<{ readonly command: CommandDefinition }>>> = {
  serve: async () => import('./commands/serve.ts'),
  sidecar: async () => import('./commands/sidecar.ts'),
  'check-config': async () => import('./commands/check-config.ts'),
  analyse: async () => import('./commands/analyse.ts'),
  'policy explain': async () => import('./commands/policy-explain.ts'),
  'policy test': async () => import('./commands/policy-test.ts'),
  'policy suggest': async () => import('./commands/policy-suggest.ts'),
  provision: async () => import('./commands/provision.ts'),
  'token inspect': async () => import('./commands/token-inspect.ts'),
  login: async () => import('./commands/login.ts'),
  revoke: async () => import('./commands/revoke.ts'),
  'audit verify': async () => import('./commands/audit-verify.ts'),
};

/** What the first words of commands with two words stand for. */
const GROUPS: Readonly<Record<string, string>> = {
  policy: 'work with the policy',
  token: 'work with tokens',
  audit: 'work with the ledger',
};

const DESCRIPTION =
  'A gate in front of Apache Cassandra: OIDC tokens as passwords, every statement decided, every change recorded.';

/** The commands that these arguments may call or ask for help on: one, those of a group, or all. */
function namedBy([first, second]: readonly string[]): string[] {
  const all = Object.keys(COMMANDS);
  if (all.includes(`${first} ${second}`)) return [`${first} ${second}`];
  const named = all.filter((words) => words.split(' ')[0] === first);
  return named.length > 0 ? named : all;
}

async function programOf(args: readonly string[]): Promise<Command> {
  const program = new Command('cqlgate')
    .description(DESCRIPTION)
    .version(versionOf(new URL('../../package.json', import.meta.url)))
    .showHelpAfterError();
  for (const words of namedBy(args)) {
    const { command } = await COMMANDS[words]!();
    const [first, second] = words.split(' ');
    if (second === undefined) add(program, first!, command);
    else add(groupOf(program, first!), second, command);
  }
  return program;
}

function groupOf(program: Command, name: string): Command {
  const known = program.commands.find((one) => one.name() === name);
  return known ?? program.command(name).description(GROUPS[name] ?? '');
}

function add(parent: Command, name: string, definition: CommandDefinition): void {
  const { summary, argument, options, run } = definition;
  const command = parent.command(name).description(summary);
  for (const { flags, summary: text, default: value, isRequired } of options) {
    if (isRequired === true) command.requiredOption(flags, text);
    else command.option(flags, text, value);
  }
  if (argument !== undefined) command.argument(argument.name, argument.summary);
  // commander gives the argument first, where there is one, and then the options.
  command.action(async (...given: unknown[]) => {
    const [value, values] = argument === undefined ? [undefined, given[0]] : given;
    const { stdin: input, stdout: output, stderr: messages } = process;
    process.exitCode = await run(values as never, { input, output, messages }, value as never);
  });
}

function versionOf(packageFile: URL): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
}

try {
  const program = await programOf(process.argv.slice(2));
  await program.parseAsync();
} catch (error) {
  const problems = error instanceof ConfigFault ? error.problems : [String(error)];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = error instanceof ConfigFault ? EXIT.refused : EXIT.usage;
}
