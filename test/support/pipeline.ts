// Runs the steps of a bitbucket-pipelines.yml on this machine: each script in one shell that ends at the first
// failure, in a copy of the repository, with the variables that Bitbucket sets and a token for steps that ask for one.
import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { PIPELINE_UUID, REPOSITORY_UUID, STEP_UUID, type LocalIssuer } from './issuer.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');

interface Step {
  readonly name: string;
  readonly deployment?: string;
  readonly oidc?: boolean | { readonly audiences: readonly string[] };
  readonly script: readonly (string | PipeCall)[];
}

interface PipeCall {
  readonly pipe: string;
  readonly variables: Readonly<Record<string, string | readonly string[]>>;
}

interface Pipelines {
  readonly default: readonly { readonly step: Step }[];
  readonly branches?: Readonly<Record<string, readonly { readonly step: Step }[]>>;
}

export interface StepResult {
  readonly name: string;
  readonly code: number | null;
  readonly output: string;
}

export interface PipelineOptions {
  /** A folder with a bitbucket-pipelines.yml. */
  readonly repository: string;
  readonly branch: string;
  readonly issuer: LocalIssuer;
  /** UUIDs of deployment environments, by name. */
  readonly environments: Readonly<Record<string, string>>;
  /** Repository variables. */
  readonly variables: Readonly<Record<string, string>>;
  /** Folders of programs, first on the PATH. */
  readonly programs: readonly string[];
  /** By the names that pipelines give them. */
  readonly pipes?: Readonly<Record<string, PipeProgram>>;
}

/** What the image of a pipe starts, and where its programs are. */
export interface PipeProgram {
  readonly entry: string;
  readonly path: string;
}

/** The steps that ran: the last one is the first that failed. Where it ran is left for the caller to remove. */
export async function runPipeline(
  options: PipelineOptions,
): Promise<{ readonly dir: string; readonly steps: StepResult[] }> {
  const { repository, branch } = options;
  const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-pipeline-'));
  await cp(repository, dir, { recursive: true });
  // What `npm ci` of the repository would bring.
  const modules = path.join(dir, 'node_modules');
  await mkdir(path.join(modules, '.bin'), { recursive: true });
  const command = path.join(modules, '.bin/cqlgate');
  await writeFile(command, `#!/bin/sh\nexec node '${path.join(ROOT, 'dist/main.js')}' "$@"\n`);
  await chmod(command, 0o755);
  await symlink(
    path.join(ROOT, 'node_modules/cassandra-driver'),
    path.join(modules, 'cassandra-driver'),
  );
  const file = await readFile(path.join(dir, 'bitbucket-pipelines.yml'), 'utf8');
  const { pipelines } = parse(file) as { pipelines: Pipelines };
  const steps: StepResult[] = [];
  for (const { step } of pipelines.branches?.[branch] ?? pipelines.default) {
    const done = await runStep(step, dir, options);
    steps.push(done);
    if (done.code !== 0) break;
  }
  return { dir, steps };
}

async function runStep(step: Step, dir: string, options: PipelineOptions): Promise<StepResult> {
  const { branch, issuer, environments, variables, programs } = options;
  const environment = step.deployment === undefined ? null : environments[step.deployment]!;
  const token = issuer.mint({
    repositoryUuid: REPOSITORY_UUID,
    pipelineUuid: PIPELINE_UUID,
    stepUuid: STEP_UUID,
    branchName: branch,
    ...(environment === null ? {} : { deploymentEnvironmentUuid: environment }),
  });
  const env = {
    PATH: [...programs, process.env['PATH']].join(':'),
    HOME: dir,
    CI: 'true',
    BITBUCKET_BRANCH: branch,
    BITBUCKET_BUILD_NUMBER: '42',
    BITBUCKET_COMMIT: '0123456789abcdef0123456789abcdef01234567',
    ...(step.oidc === undefined ? {} : { BITBUCKET_STEP_OIDC_TOKEN: token }),
    ...variables,
  };
  let output = '';
  for (const part of parts(step.script)) {
    const done =
      typeof part === 'string'
        ? await run('bash', ['-ec', part], dir, env)
        : await runPipe(part, dir, env, options.pipes ?? {});
    output += done.output;
    if (done.code !== 0) return { name: step.name, code: done.code, output };
  }
  return { name: step.name, code: 0, output };
}

/** The lines between pipes are one script. */
function parts(script: Step['script']): (string | PipeCall)[] {
  const found: (string | PipeCall)[] = [];
  for (const one of script) {
    const last = found.at(-1);
    if (typeof one === 'string' && typeof last === 'string')
      found[found.length - 1] = `${last}\n${one}`;
    else found.push(one);
  }
  return found;
}

/** As Bitbucket runs a container: variables as they are written, a list as its count and items, in the clone. */
async function runPipe(
  { pipe, variables }: PipeCall,
  dir: string,
  env: Readonly<Record<string, string>>,
  pipes: Readonly<Record<string, PipeProgram>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const program = pipes[pipe];
  if (program === undefined) throw new Error(`there is no pipe ${pipe} here`);
  const filled = (text: string): string =>
    text.replace(/\$\{?(\w+)\}?/g, (_whole, name: string) => env[name] ?? '');
  const given = Object.entries(variables).flatMap(([name, value]) =>
    typeof value === 'string'
      ? [[name, filled(value)]]
      : [
          [`${name}_COUNT`, String(value.length)],
          ...value.map((one, i) => [`${name}_${i}`, filled(one)]),
        ],
  );
  return run(program.entry, [], dir, {
    ...env,
    ...(Object.fromEntries(given) as Record<string, string>),
    PATH: program.path,
  });
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(command, args, {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, output };
}
