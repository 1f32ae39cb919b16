// Helm as its makers release it, built once and kept, and the chart rendered by it.
import { execFile, spawnSync } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { cached } from './cache.ts';
import { isSkipped } from './tools.ts';

const run = promisify(execFile);

export const CHART = path.resolve(import.meta.dirname, '../../helm/cqlgate');

/** On the PATH, or where Go's own installation puts it. */
export const GO = ['go', '/usr/local/go/bin/go'].find(
  (command) => spawnSync(command, ['version']).status === 0,
);

/** Says why. */
export function isHelmSkipped(name: string): boolean {
  return isSkipped(name, [[GO ?? 'go', 'version']]);
}

async function helmCommand(): Promise<string> {
  const dir = await cached('helm-3', async (target) => {
    await run(GO!, ['install', 'helm.sh/helm/v3/cmd/helm@latest'], {
      env: { ...process.env, GOBIN: target, CGO_ENABLED: '0' },
      maxBuffer: 1 << 26,
    });
  });
  return path.join(dir, 'helm');
}

/** For a first run, which builds it: minutes. */
export const HELM_BUILD_MS = 600_000;

export interface HelmResult {
  readonly ok: boolean;
  readonly output: string;
  /** Standard error. */
  readonly errors: string;
}

/** Whatever comes of it. */
export async function helm(args: readonly string[]): Promise<HelmResult> {
  try {
    const { stdout, stderr } = await run(await helmCommand(), args, { maxBuffer: 1 << 26 });
    return { ok: true, output: stdout, errors: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== 'number') throw error;
    return { ok: false, output: stdout, errors: stderr };
  }
}

/** An object of Kubernetes. */
export type Manifest = any;

export interface RenderOptions {
  /** A file of the chart's ci/, by name; null: none. */
  readonly values: string | null;
  /** Over them. */
  readonly over?: Record<string, unknown>;
  readonly kubeVersion?: string;
  /** Default: `gate`. */
  readonly release?: string;
  /** Default: `gates`. */
  readonly namespace?: string;
  /** Another than that of this repository. */
  readonly chart?: string;
}

/** What `helm template` prints, or why it refuses. */
export async function render(options: RenderOptions): Promise<HelmResult> {
  const { values, over, kubeVersion } = options;
  const { chart = CHART, release = 'gate', namespace = 'gates' } = options;
  const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-helm-'));
  try {
    const file = path.join(dir, 'values.yaml');
    await writeFile(file, stringify(over ?? {}));
    const from = values === null ? [] : ['-f', path.join(CHART, `ci/${values}-values.yaml`)];
    return await helm([
      ...['template', release, chart, '--namespace', namespace, ...from, '-f', file],
      ...(kubeVersion === undefined ? [] : ['--kube-version', kubeVersion]),
    ]);
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** What `helm install` prints at the end; `helm template` leaves it out. */
export async function notes(options: RenderOptions): Promise<string> {
  const chart = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-chart-'));
  try {
    await cp(CHART, chart, { recursive: true });
    const text = '{{ include "cqlgate/templates/NOTES.txt" . | toJson }}';
    await writeFile(
      path.join(chart, 'templates/notes.yaml'),
      `kind: Notes\nmetadata: {name: notes}\ntext: ${text}\n`,
    );
    return find(await objects({ ...options, chart }), 'Notes', 'notes').text as string;
  } finally {
    await rm(chart, { recursive: true });
  }
}

/** The objects that are rendered. */
export async function objects(options: RenderOptions): Promise<Manifest[]> {
  const { ok, output, errors } = await render(options);
  if (!ok) throw new Error(errors);
  return manifestsIn(output);
}

export async function manifestsOf(file: string): Promise<Manifest[]> {
  return manifestsIn(await readFile(file, 'utf8'));
}

/** Read as Kubernetes does, by YAML 1.1: its octal modes are numbers. */
function manifestsIn(text: string): Manifest[] {
  return parseAllDocuments(text, { version: '1.1' })
    .map((document) => document.toJS())
    .filter((one) => one !== null);
}

export function find(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name} is rendered`);
  return found;
}
