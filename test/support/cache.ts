// What tests fetch once and keep: Cassandra's jars, Python's environments.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

function cacheRoot(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? path.join(os.homedir(), '.cache');
  return path.join(base, 'cqlgate');
}

/** A cached folder, made by `make` if it is not there; two who race both end with a whole one. */
export async function cached(
  name: string,
  make: (dir: string) => Promise<void>,
  { inPlace = false } = {},
): Promise<string> {
  const dir = path.join(cacheRoot(), name);
  const done = path.join(dir, '.complete');
  if (existsSync(done)) return dir;
  await mkdir(cacheRoot(), { recursive: true });
  if (inPlace) {
    // A virtual environment knows its own path and can't be moved.
    await rm(dir, { recursive: true, force: true });
    await mkdir(dir, { recursive: true });
    await make(dir);
    await mkdir(done);
    return dir;
  }
  const temporary = await mkdtemp(path.join(cacheRoot(), `${name}-`));
  await make(temporary);
  await mkdir(path.join(temporary, '.complete'));
  await rename(temporary, dir).catch(async () => {
    await rm(temporary, { recursive: true, force: true });
  });
  return dir;
}

/** A cached folder with what is built of a source: another source, another folder. */
export async function built(
  name: string,
  source: string,
  make: (dir: string) => Promise<void>,
): Promise<string> {
  const digest = createHash('sha256').update(source).digest('hex').slice(0, 12);
  return cached(`${name}-${digest}`, make);
}
