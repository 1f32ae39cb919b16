// One writer per ledger directory. Two would fork the chain, and neither would notice.
//
// A Unix socket that is listened on is a lock the kernel lets go with the process, however it ends;
// a file with a process id is not (the id may be another process's by then). The socket's name is
// made of the directory's device and inode, in the abstract namespace of Linux; elsewhere it is a
// socket file in the directory, and one that nobody answers is a leftover.
import { stat, unlink } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';

export interface DirectoryLock {
  release(): Promise<void>;
}

/** Rejects when another writer holds the directory. */
export async function lockDirectory(dir: string): Promise<DirectoryLock> {
  const address = await lockAddress(dir);
  const server = net.createServer((socket) => socket.destroy());
  try {
    await listen(server, address);
  } catch (error) {
    if (!isInUse(error)) throw error;
    if (address.startsWith('\0') || (await answers(address))) throw inUse(dir);
    await unlink(address);
    await listen(server, address);
  }
  // Holding the lock must not keep a process alive that is otherwise done.
  server.unref();
  return {
    release: async () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
      }),
  };
}

async function lockAddress(dir: string): Promise<string> {
  const { dev, ino } = await stat(dir);
  return process.platform === 'linux'
    ? `\0cqlgate-ledger-${dev}-${ino}`
    : path.join(dir, '.lock.sock');
}

async function listen(server: net.Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answers(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(address, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
}

function inUse(dir: string): Error {
  return new Error(
    `${dir} is the ledger of another running cqlgate; give each its own audit.dir, or stop the other one`,
  );
}
