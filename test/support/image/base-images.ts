// What stands in for the base images of the Dockerfile, which come from a registry that only a
// container engine can ask. The same release of Node comes from npm, with its headers; the rest of a
// build image is this machine, the rest of a distroless one what such an image has: Node's shared
// libraries, certificates, a user, and no shell.
import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, realpath, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cached } from '../cache.ts';
import { npmEnvironment } from '../npm-environment.ts';

const run = promisify(execFile);

/** The user of distroless' tag `nonroot`. */
const NONROOT = 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin';
/** Of Debian's libc6, beside what `node` itself is linked with: modules may need them. */
const GLIBC = [
  'librt.so.1',
  'libresolv.so.2',
  'libutil.so.1',
  'libnss_dns.so.2',
  'libnss_files.so.2',
];
const CERTIFICATES = 'etc/ssl/certs/ca-certificates.crt';

export interface BaseImage {
  /** Commands of a stage on it can be run; on one without a shell none can. */
  readonly hasShell: boolean;
  /** The folder of its `node`, with the headers beside it as in the official images; null where it has none. */
  readonly nodeBin: string | null;
  /** Its files, into the root of a stage. */
  lay(root: string): Promise<void>;
  readonly env: Readonly<Record<string, string>>;
}

/** Node as npm has it, for this machine's architecture. */
async function nodeRelease(major: string): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const dir = await cached(`node-${major}-${process.arch}`, async (target) => {
    const { stdout } = await run('npm', ['pack', '--silent', `${name}@${major}`], {
      cwd: target,
      env: npmEnvironment(),
    });
    await run('tar', ['xzf', stdout.trim(), '--strip-components=1'], { cwd: target });
  });
  return path.join(dir, 'bin');
}

async function layDistroless(root: string, nodeBin: string): Promise<void> {
  for (const dir of ['nodejs/bin', 'etc/ssl/certs', 'home/nonroot', 'tmp', 'proc', 'dev']) {
    await mkdir(path.join(root, dir), { recursive: true });
  }
  const node = path.join(nodeBin, 'node');
  await copyFile(node, path.join(root, 'nodejs/bin/node'));
  const { stdout } = await run('ldd', [node]);
  const linked = [...stdout.matchAll(/\/\S+/g)].map(([library]) => library);
  const libc = path.dirname(linked.find((library) => library.endsWith('/libc.so.6'))!);
  for (const library of [...linked, ...GLIBC.map((name) => path.join(libc, name))]) {
    await mkdir(path.join(root, path.dirname(library)), { recursive: true });
    await copyFile(await realpath(library), path.join(root, library));
  }
  await copyFile(path.join('/', CERTIFICATES), path.join(root, CERTIFICATES));
  await writeFile(
    path.join(root, 'etc/passwd'),
    `root:x:0:0:root:/root:/sbin/nologin\n${NONROOT}\n`,
  );
  await writeFile(path.join(root, 'etc/group'), 'root:x:0:\nnonroot:x:65532:\n');
}

/** An image that was built here before, for a stage on it or for what a stage copies from it. */
function builtImage(root: string, env: Readonly<Record<string, string>>): BaseImage {
  const lay = async (into: string): Promise<void> =>
    cp(root, into, { recursive: true, verbatimSymlinks: true });
  return { hasShell: false, nodeBin: null, lay, env };
}

/** Images by their names; those of a registry are not looked for. */
export type BuiltImages = Readonly<
  Record<string, { readonly root: string; readonly env: Readonly<Record<string, string>> }>
>;

/**
 * `node:<major>-bookworm`, `python:3.<minor>-slim-bookworm`, `gcr.io/distroless/nodejs<major>-debian12:nonroot`, and
 * what was built before; others are refused.
 */
export async function baseImage(reference: string, built: BuiltImages = {}): Promise<BaseImage> {
  const own = built[reference];
  if (own !== undefined) return builtImage(own.root, own.env);
  // This machine's Python stands in for that release.
  if (/^python:3\.\d+-slim-bookworm$/.test(reference)) {
    const env = { PATH: '/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' };
    return { hasShell: true, nodeBin: null, lay: async () => Promise.resolve(), env };
  }
  const build = /^node:(\d+)-bookworm$/.exec(reference)?.[1];
  const distroless = /^gcr\.io\/distroless\/nodejs(\d+)-debian12:nonroot$/.exec(reference)?.[1];
  const major = build ?? distroless;
  if (major === undefined) throw new Error(`nothing stands in for the base image ${reference}`);
  const nodeBin = await nodeRelease(major);
  if (build !== undefined) {
    return { hasShell: true, nodeBin, lay: async () => Promise.resolve(), env: {} };
  }
  return {
    hasShell: false,
    nodeBin,
    lay: async (root) => layDistroless(root, nodeBin),
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
  };
}
