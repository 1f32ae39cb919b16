// One writer per ledger directory. Two would fork the chain, and neither would notice.
//
// The kernel lets a listening Unix socket go with its process, however that ends; a file with a process id
// stays (and the id may be another process's by then). The sockets lie in `.lock`, a directory that only the
// gate's own user may enter: nobody else can take the lock, answer for it or remove it. Each contender has a
// socket under a name of its own, which is never used again:
//
//   1. It listens first and appears in `.lock` afterwards (by a rename), so what is seen there and does not
//      answer belongs to a process that has ended, and can be removed without a race.
//   2. It then asks all others that it sees. Of two contenders the one that appeared later sees the other, so
//      they can't both find themselves alone.
//   3. Alone, it holds the lock. Beside the holder it gives up; beside contenders the smallest name goes on.
import { randomBytes } from 'node:crypto';
import {
  chmod,
  mkdir,
  open,
  readdir,
  rename,
  rmdir,
  stat,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { later, monotonicMs, msBetween, wallAt, wallMs } from '../clock.ts';
import { LEDGER } from '../limits/audit.ts';

export interface DirectoryLock {
  release(): Promise<void>;
}

/** Within the ledger's directory. */
export const LOCK_FOLDER = '.lock';

/** What a socket is called until it is listened on. */
const NEW = 'new-';
const UNPUBLISHED = /^new-[0-9a-f]{32}$/;
const PUBLISHED = /^[0-9a-f]{32}$/;

/** What a socket says of its process to those who connect. */
const HOLDS = 'h';
const CONTENDS = 'c';

/** `sun_path` has 104 bytes on some systems, 108 on Linux, one of them for the end. */
const PATH_BYTES = 103;

/** `unsure`: somebody is there who did not say, so it is asked again. */
type Standing = 'holder' | 'contender' | 'unsure' | 'gone';

/** Rejects when another writer holds the directory. */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await contend(dir);
    } catch (error) {
      // A holder that lets go removes the folder too: perhaps between two steps of ours.
      if (!isMissing(error) || attempt === LEDGER.lockAttempts) throw error;
    }
  }
}

async function contend(dir: string): Promise<DirectoryLock> {
  const folder = await ownFolder(path.join(dir, LOCK_FOLDER));
  const place = await LockFolder.open(folder);
  const name = randomBytes(16).toString('hex');
  let holds = false;
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.end(holds ? HOLDS : CONTENDS);
  });
  const release = async (): Promise<void> => {
    await place.remove(name);
    await place.remove(NEW + name);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
    await place.close();
    // Others may be in it: then it stays.
    await rmdir(folder).catch(() => undefined);
  };
  try {
    await place.publish(server, name);
    // Holding the lock must not keep a process alive that is otherwise done.
    server.unref();
    await becomeHolder(place, name, dir);
    holds = true;
    return { release };
  } catch (error) {
    await release();
    throw error;
  }
}

async function becomeHolder(place: LockFolder, name: string, dir: string): Promise<void> {
  const endsAtMs = later(monotonicMs(), LEDGER.lockWaitMs);
  for (;;) {
    let smallest = true;
    let isAlone = true;
    for (const other of await place.others(name)) {
      const standing = await place.ask(other);
      if (standing === 'holder') throw inUse(dir);
      if (standing === 'gone') continue;
      isAlone = false;
      if (standing === 'contender' && other < name) smallest = false;
    }
    if (isAlone) return;
    // The others go away, hold it, or end; whoever is not first gives up and need not be waited for.
    if (!smallest || monotonicMs() > endsAtMs) throw inUse(dir);
    await delay(LEDGER.lockPollMs);
  }
}

/** Sockets in one directory, by names short enough for the system whatever the length of its path. */
class LockFolder {
  readonly #dir: string;
  /** The directory itself where it is reached by its descriptor. */
  readonly #handle: FileHandle | null;

  private constructor(dir: string, handle: FileHandle | null) {
    this.#dir = handle === null ? dir : `/proc/self/fd/${handle.fd}`;
    this.#handle = handle;
  }

  static async open(dir: string): Promise<LockFolder> {
    const longest = path.join(dir, NEW + '0'.repeat(32));
    if (Buffer.byteLength(longest) <= PATH_BYTES) return new LockFolder(dir, null);
    if (process.platform === 'linux') return new LockFolder(dir, await open(dir, 'r'));
    throw new Error(
      `the path of ${dir} is too long for a Unix socket (${PATH_BYTES} bytes); give the gate a shorter audit.dir`,
    );
  }

  async publish(server: net.Server, name: string): Promise<void> {
    const temporary = path.join(this.#dir, NEW + name);
    await listen(server, temporary).catch((error: unknown) => {
      if (isMissing(error)) throw error;
      throw new Error(
        `a Unix socket can't be made in ${this.#dir} (${String(error)}): audit.dir must be on a file system that has them`,
        { cause: error },
      );
    });
    await rename(temporary, path.join(this.#dir, name));
  }

  /** Names of the others' sockets. What lies here and is none of ours is left alone. */
  async others(name: string): Promise<string[]> {
    const names = await readdir(this.#dir);
    for (const one of names.filter((other) => UNPUBLISHED.test(other))) await this.#sweep(one);
    return names.filter((one) => PUBLISHED.test(one) && one !== name);
  }

  /** Whether somebody listens there, and as what; one that nobody listens on is removed. */
  async ask(name: string): Promise<Standing> {
    const standing = await connectTo(path.join(this.#dir, name));
    if (standing === 'gone') await this.remove(name);
    return standing;
  }

  /** What has not appeared yet will see us; it is removed once it is too old to appear. */
  async #sweep(name: string): Promise<void> {
    const found = await stat(path.join(this.#dir, name)).catch(() => null);
    if (found !== null && msBetween(wallAt(found.mtimeMs), wallMs()) > LEDGER.lockSweepMs)
      await this.remove(name);
  }

  async remove(name: string): Promise<void> {
    await unlink(path.join(this.#dir, name)).catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }
}

const WORDS: ReadonlyMap<string, Standing> = new Map([
  [HOLDS, 'holder'],
  [CONTENDS, 'contender'],
]);

async function ownFolder(folder: string): Promise<string> {
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  const { uid, mode } = await stat(folder);
  const user = process.getuid?.() ?? uid;
  if (uid !== user) {
    throw new Error(
      `${folder} belongs to another user (uid ${uid}), who could keep the gate from its ledger; remove it, and let only the gate's user write audit.dir`,
    );
  }
  if ((mode & 0o077) !== 0) await chmod(folder, 0o700);
  return folder;
}

async function listen(server: net.Server, file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // In a worker of Node's cluster the primary would listen in its place.
    server.listen({ path: file, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** A process that is stopped or busy is connected to by the kernel, and says nothing: it holds the lock. */
async function connectTo(file: string): Promise<Standing> {
  return new Promise((resolve) => {
    const socket = net.connect(file);
    let word = '';
    const finish = (standing: Standing): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(standing);
    };
    const timer = setTimeout(() => finish('holder'), LEDGER.lockAnswerMs);
    socket.on('data', (chunk: Buffer) => {
      word += chunk.toString('latin1');
    });
    socket.on('error', (error) => {
      const code = codeOf(error);
      if (code === 'ECONNREFUSED' || code === 'ENOENT') finish('gone');
      // It ended while it was asked, or its queue of connections is full.
      else if (code === 'ECONNRESET' || code === 'EPIPE') finish('unsure');
      else finish('holder');
    });
    socket.on('end', () => finish(WORDS.get(word) ?? 'unsure'));
  });
}

/** For a socket the system says EACCES where its directory is missing. */
function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'EACCES';
}

function codeOf(error: unknown): string | null {
  return error instanceof Error && 'code' in error ? String(error.code) : null;
}

function inUse(dir: string): Error {
  return new Error(
    `${dir} is the ledger of another running cqlgate; give each its own audit.dir, or stop the other one`,
  );
}
