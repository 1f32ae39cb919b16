// Runs a command with an image's files as the whole file system, as `docker run --read-only` does:
// the root is mounted read-only, volumes over it, the user is the image's. The network is shared.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Image } from './stages.ts';

export interface Volume {
  readonly source: string;
  /** In the image; a folder that is there. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface ContainerOptions {
  readonly image: Image;
  readonly volumes?: readonly Volume[];
  readonly env?: Readonly<Record<string, string>>;
}

const isRoot = process.getuid!() === 0;
// Who isn't root gets a namespace in which mounting is allowed, and stays who it is outside.
const NAMESPACE = ['--mount', ...(isRoot ? [] : ['--map-root-user'])];

/** Arguments: root, user, group, workdir, number of volumes, the volumes, the command. */
const SCRIPT = `
set -e
root=$1 uid=$2 gid=$3 workdir=$4 volumes=$5; shift 5
mount --bind "$root" "$root"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
while [ "$volumes" -gt 0 ]; do
  mount --bind "$1" "$root$2"
  [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
  shift 3; volumes=$((volumes - 1))
done
if [ -n "$uid" ]; then set -- --setgid "$gid" --setuid "$uid" -- "$@"; else set -- -- "$@"; fi
exec unshare --root "$root" --wd "$workdir" "$@"
`;

/** Null, or why this machine can't do it. */
export function missingForContainers(): string | null {
  const trial = 'mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp';
  const { status, stderr, error } = spawnSync('unshare', [...NAMESPACE, 'sh', '-c', trial], {
    encoding: 'utf8',
  });
  return status === 0 ? null : `no mount namespaces: ${error?.message ?? stderr.trim()}`;
}

/** Starts a command as its only process; signals to the child reach that. */
export function start(options: ContainerOptions, command: readonly string[]): ChildProcess {
  const { image, volumes = [], env = {} } = options;
  const [uid, gid] = isRoot ? image.user.split(':') : ['', ''];
  const mounts = volumes.flatMap((one) => [one.source, one.target, one.readOnly ? 'ro' : 'rw']);
  const args = [image.root, uid!, gid ?? uid!, image.workdir, String(volumes.length), ...mounts];
  return spawn('unshare', [...NAMESPACE, 'sh', '-c', SCRIPT, 'sh', ...args, ...command], {
    env: { ...image.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command to its end. */
export async function run(
  options: ContainerOptions,
  command: readonly string[],
): Promise<Finished> {
  const child = start(options, command);
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
