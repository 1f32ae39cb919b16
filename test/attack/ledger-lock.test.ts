// The lock on a ledger's directory: nobody else can take it, two never hold it, and it goes with its process.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDirectory, LOCK_FOLDER } from '../../src/audit/directory-lock.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-lock-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe("the lock on a ledger's directory", () => {
  it('is not an address that any local user can bind', async () => {
    const { dev, ino } = await stat(dir);
    // The abstract namespace of Linux has no permissions: this is what another user can always do.
    const squatter = net.createServer();
    await new Promise<void>((resolve) =>
      squatter.listen(`\0cqlgate-ledger-${dev}-${ino}`, resolve),
    );
    const lock = await lockDirectory(dir);
    const folder = await stat(path.join(dir, LOCK_FOLDER));
    expect(folder.mode & 0o777).toBe(0o700);
    await lock.release();
    squatter.close();
  });

  it('keeps its folder to itself where it was left open to others', async () => {
    await mkdir(path.join(dir, LOCK_FOLDER), { mode: 0o777 });
    const lock = await lockDirectory(dir);
    expect((await stat(path.join(dir, LOCK_FOLDER))).mode & 0o077).toBe(0);
    await lock.release();
  });

  it('is had by exactly one of many that ask in the same instant', async () => {
    for (let round = 0; round < 10; round++) {
      const asked = await Promise.allSettled(
        Array.from({ length: 24 }, async () => lockDirectory(dir)),
      );
      const held = asked.filter((one) => one.status === 'fulfilled');
      expect(held).toHaveLength(1);
      for (const one of asked) {
        if (one.status === 'rejected') expect(String(one.reason)).toContain('another running');
      }
      await expect(lockDirectory(dir)).rejects.toThrow('another running cqlgate');
      await held[0]!.value.release();
    }
    expect(await readdir(dir)).toEqual([]);
  });

  it('works under a path longer than a socket may have', async () => {
    const deep = path.join(dir, 'x'.repeat(120), 'y'.repeat(120));
    await mkdir(deep, { recursive: true });
    const lock = await lockDirectory(deep);
    await expect(lockDirectory(deep)).rejects.toThrow('another running cqlgate');
    await lock.release();
    await (await lockDirectory(deep)).release();
  });
});

describe('the lock between processes', () => {
  const CONTENDER = `
    import { lockDirectory } from ${JSON.stringify(path.resolve('src/audit/directory-lock.ts'))};
    process.stdin.on('data', async () => {
      try {
        await lockDirectory(process.argv[1]);
        process.stdout.write('held\\n');
        setInterval(() => {}, 1000);
      } catch (error) {
        process.stdout.write(error.message.includes('another running') ? 'refused\\n' : error.stack + '\\n');
        process.exit();
      }
    });
    process.stdout.write('ready\\n');
  `;

  it('is had by one of those that race, and again after kill -9', async () => {
    const start = async (): Promise<{ child: ChildProcess; next: () => Promise<string> }> => {
      const child = spawn(
        process.execPath,
        ['--import', 'tsx', '--input-type=module', '-e', CONTENDER, dir],
        { stdio: ['pipe', 'pipe', 'inherit'] },
      );
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      const next = async (): Promise<string> => String((await lines.next()).value);
      expect(await next()).toBe('ready');
      return { child, next };
    };
    const racers = await Promise.all(Array.from({ length: 6 }, start));
    // In two halves: the second contends with what the first left behind by kill -9.
    for (const half of [racers.slice(0, 3), racers.slice(3)]) {
      for (const { child } of half) child.stdin!.write('go\n');
      const words = await Promise.all(half.map(async ({ next }) => next()));
      expect(words.toSorted()).toEqual(['held', 'refused', 'refused']);
      for (const { child } of half) child.kill('SIGKILL');
      await Promise.all(
        half.map(async ({ child }) => child.exitCode ?? child.signalCode ?? once(child, 'exit')),
      );
    }
    await (await lockDirectory(dir)).release();
  }, 60_000);
});
