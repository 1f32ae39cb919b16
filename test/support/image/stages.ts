// Builds the image without a container engine: carries out each stage's steps in a directory of its
// own, which is the root of that stage, with the files of the build context that .dockerignore lets in.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, cp, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import dockerignore from '@balena/dockerignore';
import { npmEnvironment } from '../npm-environment.ts';
import { baseImage, type BaseImage, type BuiltImages } from './base-images.ts';
import { parseDockerfile, type StageFile, type Step } from './dockerfile.ts';

const run = promisify(execFile);

export interface Image {
  /** Its files. */
  readonly root: string;
  readonly env: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: string;
  readonly volumes: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

/** A stage while it is built. */
interface Building {
  readonly file: StageFile;
  readonly base: BaseImage;
  readonly root: string;
  workdir: string;
  readonly config: Map<string, readonly string[]>;
}

/** What of a build context reaches the engine, by its .dockerignore. */
export async function contextFiles(context: string): Promise<string[]> {
  const ignore = dockerignore
    .default()
    .add((await readFile(path.join(context, '.dockerignore'), 'utf8')).split('\n'));
  const files: string[] = [];
  const walk = async (dir: string): Promise<void> => {
    for (const entry of await readdir(path.join(context, dir), { withFileTypes: true })) {
      const name = path.posix.join(dir, entry.name);
      if (entry.isDirectory()) await walk(name);
      else if (!ignore.ignores(name)) files.push(name);
    }
  };
  await walk('');
  return files;
}

class Build {
  readonly #dir: string;
  readonly #context: string;
  readonly #built: BuiltImages;
  readonly #stages = new Map<string, Building>();

  constructor(dir: string, context: string, built: BuiltImages) {
    this.#dir = dir;
    this.#context = context;
    this.#built = built;
  }

  async stage(file: StageFile): Promise<Building> {
    const base = await baseImage(file.base, this.#built);
    const root = path.join(this.#dir, file.name);
    await mkdir(root);
    await base.lay(root);
    const stage: Building = { file, base, root, workdir: '/', config: new Map() };
    this.#stages.set(file.name, stage);
    for (const step of file.steps) {
      if (step.keyword === 'WORKDIR') {
        stage.workdir = path.posix.resolve(stage.workdir, step.words[0]!);
        await mkdir(path.join(root, stage.workdir), { recursive: true });
      } else if (step.keyword === 'COPY') await this.#copy(stage, step);
      else if (step.keyword === 'RUN') await runStep(stage, step);
      else stage.config.set(step.keyword, step.words);
    }
    return stage;
  }

  /** As an engine does: a folder's contents go into the target, a file into it or in its place. */
  async #copy(stage: Building, { words, flags }: Step): Promise<void> {
    const { from, chown: owner, ...others } = flags;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new Error(`Dockerfile: COPY --${unknown} is not carried out`);
    const source = from === undefined ? this.#context : this.#stages.get(from)?.root;
    if (source === undefined) throw new Error(`Dockerfile: there is no stage ${from!}`);
    const admitted = from === undefined ? await this.#contextFiles() : null;
    const names = words.slice(0, -1);
    const target = words.at(-1)!;
    const into = path.join(stage.root, path.posix.resolve(stage.workdir, target));
    for (const name of names) {
      const file = path.join(source, name);
      if (path.relative(source, file).startsWith('..')) throw new Error(`COPY of ${name}`);
      const lets = (one: string): boolean =>
        admitted === null || admitted.has(path.relative(source, one));
      if (!existsSync(file) || !lets(file)) throw new Error(`COPY: ${name} is not in the context`);
      const isFolder = (await stat(file)).isDirectory();
      if (!isFolder && names.length > 1 && !target.endsWith('/')) {
        throw new Error(`COPY: several files need a target that ends with /`);
      }
      const place = isFolder || !target.endsWith('/') ? into : path.join(into, path.basename(name));
      await cp(file, place, { recursive: true, verbatimSymlinks: true, filter: lets });
    }
    if (owner !== undefined && process.getuid!() === 0) {
      const [uid, gid] = owner.split(':').map(Number);
      await chown(into, uid!, gid!);
      for (const name of await readdir(into, { recursive: true })) {
        await chown(path.join(into, name), uid!, gid!);
      }
    }
  }

  /** Files and the folders on the way to them. */
  async #contextFiles(): Promise<Set<string>> {
    const all = new Set(['']);
    for (const file of await contextFiles(this.#context)) {
      for (let one = file; one !== '.'; one = path.dirname(one)) all.add(one);
    }
    return all;
  }
}

async function runStep(stage: Building, { words, variables }: Step): Promise<void> {
  const text = words[0]!;
  if (!stage.base.hasShell) throw new Error(`Dockerfile: no shell for RUN ${text}`);
  // The folder is not the root of the file system here: such a path would be this machine's.
  if (/(^|[\s"'=(])\/\w/.test(text)) throw new Error(`Dockerfile: absolute path in RUN ${text}`);
  const env = { ...npmEnvironment(), ...variables };
  const { nodeBin } = stage.base;
  await run('sh', ['-c', text], {
    cwd: path.join(stage.root, stage.workdir),
    env: { ...env, PATH: [nodeBin ?? [], process.env['PATH']].flat().join(':') },
    maxBuffer: 64 * 1024 * 1024,
  });
}

/** The image of a context's Dockerfile, its stages being folders of `dir`, on images that were built before. */
export async function buildImage(
  context: string,
  dir: string,
  buildArgs: Readonly<Record<string, string>> = {},
  built: BuiltImages = {},
): Promise<Image> {
  const build = new Build(dir, context, built);
  const text = await readFile(path.join(context, 'Dockerfile'), 'utf8');
  let last: Building | null = null;
  for (const file of parseDockerfile(text, buildArgs)) last = await build.stage(file);
  const { root, workdir, config, file, base } = last!;
  return {
    root,
    env: { ...base.env, ...file.env },
    labels: file.labels,
    workdir,
    user: config.get('USER')?.[0] ?? '0:0',
    volumes: config.get('VOLUME') ?? [],
    entrypoint: config.get('ENTRYPOINT') ?? [],
    command: config.get('CMD') ?? [],
    healthcheck: config.get('HEALTHCHECK') ?? [],
  };
}
