// The files of a ledger: names that sort by their number, and the folders of workers.
import { open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { WallMs } from '../clock.ts';
import { isoTime } from '../wall-clock.ts';

const FILE_NAME = /^ledger-\d{8}T\d{6}Z-\d{6}\.jsonl$/;
/** Bytes that a crash left behind the last whole record of a file. */
const TORN_NAME = /^ledger-\d{8}T\d{6}Z-\d{6}\.jsonl(\.\d+)?\.torn$/;

export function fileName(time: WallMs, index: number): string {
  const stamp = isoTime(time).replaceAll(/[-:]|\.\d+/g, '');
  return `ledger-${stamp}-${String(index).padStart(6, '0')}.jsonl`;
}

/** Number of a file in its log: what its name ends with. */
export function fileIndex(name: string): number {
  return Number(name.slice(-12, -6));
}

export function isFileName(name: string): boolean {
  return FILE_NAME.test(name);
}

export function isTorn(name: string): boolean {
  return TORN_NAME.test(name);
}

/** A torn end that is being set aside (recovery.ts). */
export function isPart(name: string): boolean {
  return name.endsWith('.part') && isTorn(name.slice(0, -'.part'.length));
}

/** Whatever is called as if it were of a ledger. */
export function isLedgerName(name: string): boolean {
  return name.startsWith('ledger-');
}

export async function namesIn(dir: string): Promise<string[]> {
  return (await readdir(dir)).sort();
}

/** The files of a ledger, oldest first. The number decides: a clock may go back. */
export async function ledgerFiles(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter(isFileName);
  return names.sort((a, b) => fileIndex(a) - fileIndex(b) || a.localeCompare(b));
}

/** A file is not there after a power cut unless its directory was synced. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some file systems have no such thing and say so; what it is for, they do by themselves.
    const code = error instanceof Error && 'code' in error ? error.code : null;
    if (code !== 'EINVAL' && code !== 'ENOTSUP') throw error;
  } finally {
    await handle.close();
  }
}

const WORKER_FOLDER = /^worker-([1-9]\d{0,2})$/;

/** Where the worker of this number keeps its ledger, within the one of the gate. */
export function ledgerFolder(worker: number): string {
  return `worker-${worker}`;
}

/** The number of a worker's folder; null where it is none. */
export function workerOf(name: string): number | null {
  const found = WORKER_FOLDER.exec(name);
  return found === null ? null : Number(found[1]);
}

/** Directories with the chains of a gate: its own, and one for each worker that it has or had. */
export async function ledgerFolders(dir: string): Promise<string[]> {
  const folders = (await readdir(dir, { withFileTypes: true })).filter((one) => one.isDirectory());
  const numbers = folders.map(({ name }) => workerOf(name)).filter((worker) => worker !== null);
  const workers = numbers
    .sort((a, b) => a - b)
    .map((worker) => path.join(dir, ledgerFolder(worker)));
  const hasOwn = workers.length === 0 || (await ledgerFiles(dir)).length > 0;
  return hasOwn ? [dir, ...workers] : workers;
}
