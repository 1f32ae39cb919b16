// The hash chain: each line holds the hash of the line before and its own. The hash is taken over
// the bytes as they stand in the file, so that verifying needs no canonical form of JSON.
//
//   {"v":1,"seq":7,"prev":"<hash of the line before>",...,"hash":"<sha256>"}
//                                                       ^ hashed is all before this comma, and `}`
import { createHash } from 'node:crypto';
import { encode } from './bound.ts';
import type { AuditEntry } from './record.ts';

/** What stands in `prev` of the first line of a log. */
export const GENESIS = '0'.repeat(64);

const HASH_MARK = ',"hash":"';
/** `,"hash":"` + 64 hex digits + `"}`. */
const TAIL_LENGTH = HASH_MARK.length + 64 + 2;

export interface LinkFields {
  readonly seq: number;
  readonly prev: string;
  readonly time: string;
  readonly id: string;
}

/** The line of a record, without line feed, and its hash. */
export function link(fields: LinkFields, entry: AuditEntry): { line: string; hash: string } {
  const { seq, prev, time, id } = fields;
  const linked = { v: 1, seq, prev, time, id, ...entry };
  const open = encode(linked);
  const hash = sha256(open);
  return { line: `${open.slice(0, -1)}${HASH_MARK}${hash}"}`, hash };
}

export interface ParsedLine {
  readonly seq: number;
  readonly prev: string;
  readonly time: string;
  readonly id: string;
  readonly kind: string;
  readonly hash: string;
  /** The hash computed from the bytes of the line. */
  readonly computed: string;
  readonly record: Readonly<Record<string, unknown>>;
  /** It reads as `link` would write it: no key stands in it twice, nothing was reformatted, all is UTF-8. */
  readonly isAsWritten: boolean;
}

const HASH = /^[0-9a-f]{64}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** A line read back; null where it is no record at all. */
export function parseLine(line: string): ParsedLine | null {
  const cut = line.length - TAIL_LENGTH;
  if (cut < 0 || !line.startsWith(HASH_MARK, cut) || !line.endsWith('"}')) return null;
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch {
    return null;
  }
  if (!isRecord(record)) return null;
  const { seq, prev, time, id, kind, hash } = record;
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) return null;
  if (typeof prev !== 'string' || typeof hash !== 'string' || typeof time !== 'string') return null;
  if (!HASH.test(prev) || !HASH.test(hash) || !TIME.test(time)) return null;
  if (typeof id !== 'string' || typeof kind !== 'string') return null;
  const computed = sha256(`${line.slice(0, cut)}}`);
  // U+FFFD is never written as it stands: bytes that are no UTF-8 were put there.
  const isAsWritten = JSON.stringify(record) === line && !line.includes('\ufffd');
  return { seq, prev, time, id, kind, hash, computed, record, isAsWritten };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
