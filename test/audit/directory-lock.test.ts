// One writer per ledger directory: who holds it, who waits for whom, and what a crash left.
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDirectory, LOCK_FOLDER } from '../../src/audit/directory-lock.ts';
import { LEDGER } from '../../src/limits/audit.ts';
import { limit } from '../support/limits.ts';

let dir: string;
let folder: string;
let servers: net.Server[];

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-'));
  folder = path.join(dir, LOCK_FOLDER);
  servers = [];
});
afterEach(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true, force: true });
});

const IN_USE = 'is the ledger of another running cqlgate';
const [SMALL, LARGE] = ['0'.repeat(32), 'f'.repeat(32)];

/** Another process's socket in the folder, which says this of itself to each who asks. */
async function other(name: string, says: (asked: number) => string | null): Promise<() => number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  let asked = 0;
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    const word = says(++asked);
    if (word !== null) socket.end(word);
  });
  server.listen(path.join(folder, name));
  await once(server, 'listening');
  servers.push(server);
  return () => asked;
}

describe('a lock', () => {
  it('is held by one, and by the next when it was given back', async () => {
    const first = await lockDirectory(dir);
    await expect(lockDirectory(dir)).rejects.toThrow(IN_USE);
    await first.release();
    expect(await readdir(dir)).toEqual([]);
    await (await lockDirectory(dir)).release();
  });

  it('is of one of many who want it at the same time', async () => {
    const all = await Promise.allSettled(Array.from({ length: 8 }, async () => lockDirectory(dir)));
    const held = all.filter((one) => one.status === 'fulfilled');
    expect(held).toHaveLength(1);
    await held[0]!.value.release();
  });

  it('lies where only its own user may enter', async () => {
    await mkdir(folder);
    await chmod(folder, 0o777);
    const lock = await lockDirectory(dir);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    await lock.release();
  });

  it('is held by who says nothing: it may be stopped', async () => {
    limit(LEDGER, { lockAnswerMs: 100 });
    await other(SMALL, () => null);
    const before = performance.now();
    await expect(lockDirectory(dir)).rejects.toThrow(IN_USE);
    expect(performance.now() - before).toBeGreaterThanOrEqual(LEDGER.lockAnswerMs - 5);
  });

  it('is left to a contender of a smaller name, and waited for beside one of a larger', async () => {
    await other(SMALL, () => 'c');
    await expect(lockDirectory(dir)).rejects.toThrow(IN_USE);
    servers.pop()!.close();
    const asked = await other(LARGE, (times) => {
      if (times === 3) servers[0]!.close();
      return 'c';
    });
    const lock = await lockDirectory(dir);
    // It was asked until it was gone, as often as that may be.
    expect(asked()).toBeGreaterThanOrEqual(3);
    await lock.release();
  });

  it('is not waited for without end', async () => {
    limit(LEDGER, { lockWaitMs: 150, lockPollMs: 20 });
    const asked = await other(LARGE, () => 'c');
    await expect(lockDirectory(dir)).rejects.toThrow(IN_USE);
    const rounds = LEDGER.lockWaitMs / LEDGER.lockPollMs;
    expect(asked()).toBeGreaterThan(1);
    expect(asked()).toBeLessThanOrEqual(rounds + 2);
  });
});

describe('what a crash left', () => {
  it('is removed where nobody listens, and what is none of its own is left alone', async () => {
    await mkdir(folder, { mode: 0o700 });
    await writeFile(path.join(folder, 'note'), '');
    const gone = net.createServer().listen(path.join(folder, SMALL));
    await once(gone, 'listening');
    // A process that is killed closes its socket and leaves the file: here the file of a closed one is made again.
    await new Promise((resolve) => gone.close(resolve));
    await writeFile(path.join(folder, SMALL), '');
    const lock = await lockDirectory(dir);
    expect(await readdir(folder)).toContain('note');
    expect(await readdir(folder)).not.toContain(SMALL);
    await lock.release();
  });

  it('before it listened is removed once it is too old to appear', async () => {
    await mkdir(folder, { mode: 0o700 });
    const age = async (name: string, ms: number) => {
      await writeFile(path.join(folder, name), '');
      const at = new Date(Date.now() - ms);
      await utimes(path.join(folder, name), at, at);
    };
    await age(`new-${SMALL}`, LEDGER.lockSweepMs + 5_000);
    await age(`new-${LARGE}`, LEDGER.lockSweepMs - 5_000);
    const lock = await lockDirectory(dir);
    const names = await readdir(folder);
    expect([names.includes(`new-${SMALL}`), names.includes(`new-${LARGE}`)]).toEqual([false, true]);
    await lock.release();
  });

  it('of a directory that goes away again and again is not tried for without end', async () => {
    limit(LEDGER, { lockAttempts: 3 });
    await expect(lockDirectory(path.join(dir, 'none', 'none'))).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
