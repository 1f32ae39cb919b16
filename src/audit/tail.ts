// The end and the beginning of a ledger's file, whatever the size of what stands there.
import { open, type FileHandle } from 'node:fs/promises';
import { LEDGER } from '../limits/audit.ts';
import { parseLine, type ParsedLine } from './chain.ts';

const LF = 0x0a;
const CHUNK_BYTES = 1024 * 1024;

export interface Tail {
  readonly size: number;
  /** The last line that is a record, on its way from the end; null where there is none. */
  readonly last: ParsedLine | null;
  /** Bytes up to its end. */
  readonly wholeBytes: number;
}

export async function readTail(name: string): Promise<Tail> {
  const file = await open(name, 'r');
  try {
    const { size } = await file.stat();
    for await (const { bytes, end } of linesBackwards(file, size)) {
      const last = bytes === null ? null : parseLine(bytes.toString('utf8'));
      if (last !== null) return { size, last, wholeBytes: end };
    }
    return { size, last: null, wholeBytes: 0 };
  } finally {
    await file.close();
  }
}

/** Files that the records at its very end say torn bytes are kept in: a recovery writes them in one go. */
export async function keptAtEnd(name: string): Promise<ReadonlySet<string>> {
  const kept = new Set<string>();
  const file = await open(name, 'r');
  try {
    const { size } = await file.stat();
    for await (const { bytes } of linesBackwards(file, size)) {
      const line = bytes === null ? null : parseLine(bytes.toString('utf8'));
      const detail = line?.kind === 'config' ? line.record['detail'] : null;
      if (typeof detail !== 'object' || detail === null || !('kept_in' in detail)) break;
      if (typeof detail.kept_in === 'string') kept.add(detail.kept_in);
    }
    return kept;
  } finally {
    await file.close();
  }
}

/** The log that a file's first line names; null where that is no header. */
export async function headerLog(name: string): Promise<string | null> {
  const file = await open(name, 'r');
  try {
    const bytes = Buffer.alloc(LEDGER.headerBytes);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    const end = bytes.subarray(0, bytesRead).indexOf(LF);
    const line = end < 0 ? null : parseLine(bytes.toString('utf8', 0, end));
    return line === null ? null : logOf(line.record);
  } finally {
    await file.close();
  }
}

/** The log that a header names. */
export function logOf(record: Readonly<Record<string, unknown>>): string | null {
  const { kind, detail } = record;
  if (kind !== 'checkpoint' || typeof detail !== 'object' || detail === null) return null;
  return 'log' in detail && typeof detail.log === 'string' ? detail.log : null;
}

interface BackwardLine {
  /** Without its line feed; null where it is longer than any record. */
  readonly bytes: Buffer | null;
  /** Offset behind its line feed. */
  readonly end: number;
}

/** The lines that end with a line feed, last one first. */
async function* linesBackwards(file: FileHandle, size: number): AsyncGenerator<BackwardLine> {
  let end = -1;
  /** What was read of the line that ends at `end`, last part first. */
  let parts: Buffer[] = [];
  let length = 0;
  for (let at = size; at > 0;) {
    const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, at));
    at -= chunk.length;
    await file.read(chunk, 0, chunk.length, at);
    let to = chunk.length;
    while (to > 0) {
      const feed = chunk.lastIndexOf(LF, to - 1);
      if (end >= 0) {
        length += to - feed - 1;
        if (length <= LEDGER.lineBytes) parts.push(chunk.subarray(feed + 1, to));
      }
      if (feed < 0) break;
      if (end >= 0) yield { bytes: joined(parts, length), end };
      end = at + feed + 1;
      parts = [];
      length = 0;
      to = feed;
    }
  }
  if (end >= 0) yield { bytes: joined(parts, length), end };
}

function joined(parts: readonly Buffer[], length: number): Buffer | null {
  return length > LEDGER.lineBytes ? null : Buffer.concat(parts.toReversed());
}
