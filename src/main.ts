// The command line: parses, calls one command, turns its result into text and an exit code.
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { DEFAULT_CREDENTIALS } from './commands/default-credentials.ts';
import type { SuggestOptions } from './commands/policy-suggest.ts';
import type { ProvisionOptions } from './commands/provision.ts';
import type { RevokeOptions } from './commands/revoke.ts';
import type { SidecarOptions } from './commands/sidecar.ts';
import type { LoadedPolicy } from './config/load-policy.ts';
import { ConfigFault } from './errors.ts';
import type { TokenVerifier } from './identity/verifier.ts';

// Each command is loaded when it is called: a sidecar must not wait for what the gate needs.

/** Exit codes of all commands; those of `audit verify` are in its own file. */
const EXIT = { ok: 0, refused: 1, usage: 3 } as const;

const CONFIG = ['-c, --config <file>', 'the configuration', 'cqlgate.yaml'] as const;
const JSON_FLAG = ['--json', 'print JSON'] as const;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2));
}

async function policyOf(configFile: string): Promise<LoadedPolicy & { verifier: TokenVerifier }> {
  const { loadConfig } = await import('./config/load.ts');
  const loaded = await loadConfig(configFile);
  const { loadPolicy, policyContext } = await import('./config/load-policy.ts');
  const policy = await loadPolicy(loaded.policyFile, policyContext(loaded));
  const { TokenVerifier } = await import('./identity/verifier.ts');
  return { ...policy, verifier: new TokenVerifier({ issuers: loaded.issuers }) };
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function versionOf(packageFile: URL): string {
  return (JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }).version;
}

function commands(): Command {
  const program = new Command('cqlgate')
    .description(
      'A gate in front of Apache Cassandra: OIDC tokens as passwords, every statement decided, every change recorded.',
    )
    .version(versionOf(new URL('../../package.json', import.meta.url)))
    .showHelpAfterError();

  program
    .command('serve')
    .description('run the gate until SIGTERM')
    .option(...CONFIG)
    .action(async ({ config }: { config: string }) => {
      const { serve } = await import('./commands/serve.ts');
      process.exitCode = await serve(config);
    });

  program
    .command('sidecar')
    .description(
      'Cassandra at localhost for an application without a token: logs in to a gate with the token of this step; ends with the process that started it',
    )
    .requiredOption('--gate <host:port>', 'the gate, over TLS')
    .option('--listen <host:port>', 'where applications connect', '127.0.0.1:9042')
    .option('--role <name>', 'role of the policy', 'oidc')
    .option('--token-env <name>', 'variable with the token', 'BITBUCKET_STEP_OIDC_TOKEN')
    .option('--token-file <file>', 'file with the token instead; read for each login')
    .option('--ca <file>', "CA of the gate's certificate, where the system does not know it")
    .option('--server-name <name>', "name in the gate's certificate; default: the host")
    .option('--plaintext', 'no TLS, to a gate on this machine')
    .option('--password-file <file>', 'applications have to give this password (any username)')
    .option(
      '--drop-token',
      "leave the token out of the command's environment; a process of the same user can still read it in the sidecar's",
    )
    .option(
      '--wait <seconds>',
      'listen only once the gate takes the token; exit code 1 if it does not',
    )
    .option(
      '--keep-alive <seconds>',
      'after so long without a byte, ask whether application and gate are still there; default: 60',
    )
    .argument('[command...]', 'run this, after --, while the sidecar is up; exit code is its own')
    .action(async (command: string[], options: SidecarOptions) => {
      const { sidecar } = await import('./commands/sidecar.ts');
      const { LastResort } = await import('./commands/last-resort.ts');
      new LastResort().install();
      const tell = (text: string): void => void process.stderr.write(`cqlgate sidecar: ${text}\n`);
      process.exitCode = await sidecar(options, command, tell);
    });

  program
    .command('check-config')
    .description('check configuration and policy; exit code 1 where serve would refuse to start')
    .option(...CONFIG)
    .option(...JSON_FLAG)
    .action(async ({ config, json }: { config: string; json?: boolean }) => {
      const { checkConfig } = await import('./commands/check-config.ts');
      const report = await checkConfig(config);
      if (json === true) printJson(report);
      else {
        for (const problem of report.problems) print(problem);
        for (const warning of report.warnings) print(`warning: ${warning}`);
        for (const text of report.denied) print(text);
        for (const text of report.notChecked) print(`not checked: ${text}`);
        print(`compression: ${report.compression.join(', ')}`);
        if (report.problems.length === 0) print('the configuration is valid');
      }
      if (report.problems.length > 0) process.exitCode = EXIT.refused;
    });

  program
    .command('analyse')
    .description(
      'say what CQL texts touch and need; one JSON string per line in, one answer per line out',
    )
    .requiredOption('--lines', 'read JSON strings from standard input, one per line')
    .option('--keyspace <name>', 'keyspace of unqualified names')
    .action(async ({ keyspace }: { keyspace?: string }) => {
      const { analyseLines } = await import('./commands/analyse.ts');
      await analyseLines(process.stdin, process.stdout, keyspace ?? null);
    });

  const policy = program.command('policy').description('work with the policy');
  policy
    .command('explain')
    .description(
      'say which grant allows a statement to a role, or what is missing; exit code 1 where denied',
    )
    .argument('<statement>', 'a CQL text')
    .requiredOption('--role <name>', 'role of the policy')
    .option('--keyspace <name>', 'keyspace of unqualified names')
    .option(...CONFIG)
    .option(...JSON_FLAG)
    .action(async (text: string, options: ExplainOptions) => explainCommand(text, options));

  policy
    .command('test')
    .description(
      'hold the policy against expectations; exit code 1 where one is not met or a file is not valid',
    )
    .argument('<file>', 'the expectations: tokens, statements, permit or deny')
    .option(...CONFIG)
    .option(...JSON_FLAG)
    .option('--junit <file>', 'write the results as JUnit XML too')
    .action(async (file: string, options: TestOptions) => testCommand(file, options));

  policy
    .command('suggest')
    .description('the least grants for what a ledger says was done, as YAML for the policy')
    .requiredOption('--dir <dir>', 'the directory of the ledger')
    .option('--role <name>', 'one role of the policy only')
    .option('--since <duration>', 'leave out what is older, as in 30d')
    .option('--by <what>', 'a list for each role or for each binding', 'role')
    .option('--unused', "list the present policy's grants that nothing used too")
    .option(...CONFIG)
    .option(...JSON_FLAG)
    .action(async (options: SuggestCommand) => {
      const roles = options.unused === true ? (await policyOf(options.config)).roles : null;
      const { suggest, suggestedYaml } = await import('./commands/policy-suggest.ts');
      const found = await suggest(options, roles);
      if (options.json === true) printJson(found);
      else print(suggestedYaml(found));
    });

  program
    .command('provision')
    .description(
      "the policy's grants as Cassandra's own, so that the cluster is a second wall: printed as CQL, or with --apply carried out; exit code 1 where the cluster is not as the policy wants it",
    )
    .option(...CONFIG)
    .option(
      '--username <name>',
      'an admin login of the cluster; without it the cluster is not asked',
    )
    .option('--password-file <file>', 'its password; default: CQLGATE_ADMIN_PASSWORD')
    .option('--apply', 'carry the statements out')
    .option('--revoke', 'take back what the policy does not give')
    .option('--check', 'only say what is missing, wider or a superuser')
    .option(...JSON_FLAG)
    .action(async ({ json, ...options }: ProvisionOptions & { json?: boolean }) => {
      const { provision } = await import('./commands/provision.ts');
      const done = await provision(options);
      if (json === true) printJson(done.json);
      else print(done.text);
      process.exitCode = done.exitCode;
    });

  program
    .command('token')
    .description('work with tokens')
    .command('inspect')
    .description(
      'say what a token is, which roles it may take here, and why not; exit code 1 where refused',
    )
    .argument('[file]', 'file with the token; standard input where it is left out or -')
    .option(...CONFIG)
    .action(async (file: string | undefined, { config }: { config: string }) => {
      const fromFile = file !== undefined && file !== '-';
      const token = (fromFile ? await readFile(file, 'utf8') : await readAll(process.stdin)).trim();
      const { policy, verifier } = await policyOf(config);
      const { inspectToken } = await import('./commands/token-inspect.ts');
      const inspection = await inspectToken(token, verifier, policy);
      printJson(inspection);
      if (inspection.roles.length + inspection.rolesByPipelineTarget.length === 0)
        process.exitCode = EXIT.refused;
    });

  program
    .command('login')
    .description(
      'sign in in the browser (Okta and others with a device flow) and write a credentials file for cqlsh; needs no gate on this machine',
    )
    .option('-c, --config <file>', 'take issuer and client from this configuration')
    .option('--issuer <name>', 'row of the configuration; default: the only one with a clientId')
    .option('--issuer-url <url>', 'without a configuration: the issuer')
    .option('--client-id <id>', 'without a configuration: its public client')
    .option('--scope <scopes>', 'what to ask for', 'openid profile')
    .option('--role <name>', 'username for cqlsh', 'oidc')
    .option('--file <file>', 'where the credentials go', DEFAULT_CREDENTIALS)
    .option(...JSON_FLAG)
    .action(async (options: LoginFlags) => loginCommand(options));

  program
    .command('revoke')
    .description(
      'end tokens before they expire, on all gates of the fleet; by the admin API, as an operator; exit code 1 where refused',
    )
    .option('--subject <subject>', 'tokens of this subject')
    .option('--pipeline <uuid>', 'tokens of this pipeline')
    .option('--step <uuid>', 'the token of this step')
    .option('--token-sha256 <hex>', 'this token, as records name it')
    .option('--issuer <name>', 'only of this issuer; by itself: all its tokens')
    .option('--reason <text>', 'why, for the record and for who is refused')
    .option('--list', 'print what is revoked')
    .option('--url <url>', 'the admin port', 'http://127.0.0.1:9180')
    .option('--token-file <file>', 'your token; else from the variable CQLGATE_TOKEN')
    .action(async (options: RevokeOptions) => {
      const { revoke } = await import('./commands/revoke.ts');
      printJson(await revoke(options));
    });

  program
    .command('audit')
    .description('work with the ledger')
    .command('verify')
    .description('verify the chain; exit code 0 intact, 1 tampered, 2 incomplete')
    .argument('<dir>', 'the directory of the ledger')
    .option(...JSON_FLAG)
    .action(async (dir: string, { json }: { json?: boolean }) => {
      const { auditVerify, reportText } = await import('./commands/audit-verify.ts');
      const { exitCode, report } = await auditVerify(dir);
      if (json === true) printJson(report);
      else print(reportText(report));
      process.exitCode = exitCode;
    });
  return program;
}

interface ExplainOptions {
  readonly role: string;
  readonly keyspace?: string;
  readonly config: string;
  readonly json?: boolean;
}

async function explainCommand(text: string, options: ExplainOptions): Promise<void> {
  const { policy } = await policyOf(options.config);
  const { explain } = await import('./commands/policy-explain.ts');
  const found = explain(policy, options.role, text, options.keyspace ?? null);
  if (found === null) {
    throw new ConfigFault([
      `the policy has no role ${options.role}; it has ${policy.roleNames.join(', ')}`,
    ]);
  }
  if (options.json === true) printJson(found);
  else {
    print(`${found.result}: ${found.kind ?? 'not understood'} as ${found.role}`);
    for (const { need, grant } of found.needs) print(`  ${need}: ${grant ?? 'no grant'}`);
    if (found.reason !== null) print(`  ${found.reason}`);
    if (found.note !== null) print(`  note: ${found.note}`);
  }
  if (found.result === 'deny') process.exitCode = EXIT.refused;
}

interface SuggestCommand extends SuggestOptions {
  readonly config: string;
  readonly unused?: boolean;
  readonly json?: boolean;
}

interface LoginFlags {
  readonly config?: string;
  readonly issuer?: string;
  readonly issuerUrl?: string;
  readonly clientId?: string;
  readonly scope: string;
  readonly role: string;
  readonly file: string;
  readonly json?: boolean;
}

async function loginCommand({ scope, role, file, json, ...from }: LoginFlags): Promise<void> {
  const { loginIssuer } = await import('./commands/login-issuer.ts');
  const { issuer, clientId, ca } = await loginIssuer(from);
  const { OutboundClient } = await import('./outbound/client.ts');
  const outbound = new OutboundClient({ ca });
  // The terminal's other stream: what is printed at the end may be read by a script.
  const tell = (text: string): void => void process.stderr.write(`${text}\n`);
  const { login } = await import('./commands/login.ts');
  const done = await login({ issuer, clientId, scope, role, file, outbound, tell });
  await outbound.close();
  if (json === true) printJson(done);
  else {
    print(`signed in as ${done.subject} until ${done.expires}`);
    print(`cqlsh HOST PORT --credentials ${done.file}`);
  }
}

interface TestOptions {
  readonly config: string;
  readonly json?: boolean;
  readonly junit?: string;
}

async function testCommand(file: string, options: TestOptions): Promise<void> {
  const { policy } = await policyOf(options.config);
  const { loadExpectations } = await import('./config/expectations.ts');
  const { testPolicy } = await import('./commands/policy-test.ts');
  const checks = testPolicy(policy, await loadExpectations(file));
  const failed = checks.filter(({ failure }) => failure !== null);
  if (options.junit !== undefined) {
    const { junit } = await import('./commands/junit.ts');
    await writeFile(options.junit, junit(checks));
  }
  if (options.json === true) printJson(checks);
  else {
    for (const { test, name, failure } of failed) print(`${test}: ${name}\n  ${failure}`);
    print(`${checks.length - failed.length} as expected, ${failed.length} not`);
  }
  if (failed.length > 0) process.exitCode = EXIT.refused;
}

try {
  await commands().parseAsync();
} catch (error) {
  const problems = error instanceof ConfigFault ? error.problems : [String(error)];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exitCode = error instanceof ConfigFault ? EXIT.refused : EXIT.usage;
}
