// The files of a ledger: names that sort by time, the state of the last one, and a torn last line.
import { open, readdir, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { GENESIS, parseLine } from './chain.ts';

const FILE_NAME = /^ledger-\d{8}T\d{6}Z-\d{6}\.jsonl$/;

export function fileName(time: Date, index: number): string {
  const stamp = time.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `ledger-${stamp}-${String(index).padStart(6, '0')}.jsonl`;
}

/** Number of a file in its log: what its name ends with. */
export function fileIndex(name: string): number {
  return Number(name.slice(-12, -6));
}

/** The files of a ledger, oldest first. The number decides: a clock may go back. */
export async function ledgerFiles(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => FILE_NAME.test(name));
  return names.sort((a, b) => fileIndex(a) - fileIndex(b) || a.localeCompare(b));
}

const WORKER_FOLDER = /^worker-(\d+)$/;

/** Where the worker of this number keeps its ledger, within the one of the gate. */
export function ledgerFolder(worker: number): string {
  return `worker-${worker}`;
}

/** Directories with the chains of a gate: its own, and one for each worker that it has or had. */
export async function ledgerFolders(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => WORKER_FOLDER.test(name));
  const number = (name: string): number => Number(WORKER_FOLDER.exec(name)![1]);
  const workers = names.sort((a, b) => number(a) - number(b)).map((name) => path.join(dir, name));
  const hasOwn = workers.length === 0 || (await ledgerFiles(dir)).length > 0;
  return hasOwn ? [dir, ...workers] : workers;
}

export interface Tail {
  readonly log: string;
  readonly seq: number;
  readonly hash: string;
  readonly time: string;
  readonly sealed: boolean;
  /** Bytes up to the end of the last whole line. */
  readonly wholeBytes: number;
  /** What stood behind it: the start of a line that a crash cut off. */
  readonly torn: Buffer;
}

/** Bytes read from the end to find the last lines; records are at most about 20 KiB. */
const TAIL_BYTES = 1024 * 1024;

/** The end of a file and the log's name from its first line; null when it has no whole line. */
export async function readTail(dir: string, name: string): Promise<Tail | null> {
  const file = await open(path.join(dir, name), 'r');
  try {
    const { size } = await file.stat();
    const first = parseLine(await firstLine(file));
    const start = Math.max(0, size - TAIL_BYTES);
    const bytes = Buffer.alloc(size - start);
    await file.read(bytes, 0, bytes.length, start);
    const lastEnd = bytes.lastIndexOf(0x0a);
    const lineStart = lastEnd <= 0 ? 0 : bytes.lastIndexOf(0x0a, lastEnd - 1) + 1;
    const last = lastEnd < 0 ? null : parseLine(bytes.toString('utf8', lineStart, lastEnd));
    if (first === null || last === null) return null;
    return {
      log: logOf(first.record),
      seq: last.seq,
      hash: last.hash,
      time: last.time,
      sealed: last.kind === 'seal',
      wholeBytes: start + lastEnd + 1,
      torn: bytes.subarray(lastEnd + 1),
    };
  } finally {
    await file.close();
  }
}

async function firstLine(file: FileHandle): Promise<string> {
  const bytes = Buffer.alloc(64 * 1024);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  const end = bytes.subarray(0, bytesRead).indexOf(0x0a);
  return end < 0 ? '' : bytes.toString('utf8', 0, end);
}

/** The log's name out of a file's first record. */
export function logOf(record: Readonly<Record<string, unknown>>): string {
  const { detail } = record;
  if (typeof detail !== 'object' || detail === null || !('log' in detail)) return GENESIS;
  return String(detail.log);
}
