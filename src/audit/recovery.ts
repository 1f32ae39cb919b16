// What a gate finds in its ledger's directory when it starts, and how it goes on from there without losing
// anything: the chain goes on behind the last whole record, bytes after that are set aside, and a new log is
// begun only where there is none. Where it can't be told how to go on, the gate does not start.
//
// A crash may come at any point of the recovery itself, so the bytes are set aside in this order:
//
//   1. copied into `<file>.torn.part`, on disk; 2. cut off the file; 3. recorded in the chain, with their
//   number and hash; 4. renamed to `<file>.torn`.
//
// A `.part` that begins like what still stands in the file was not finished in 1; any other waits for 3 or 4.
import { createHash } from 'node:crypto';
import { lstat, open, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import { LEDGER } from '../limits/audit.ts';
import {
  fileIndex,
  isLedgerName,
  isPart,
  ledgerFiles,
  namesIn,
  syncDirectory,
} from './ledger-files.ts';
import { headerLog, keptAtEnd, readTail, type Tail } from './tail.ts';

/** Bytes that stood after the last whole record. */
export interface SetAside {
  readonly bytes: number;
  readonly sha256: string;
  /** The file that they are kept in, once that is recorded. */
  readonly keptIn: string;
}

export interface Resumption {
  /** null: no log was ever begun here. */
  readonly log: string | null;
  readonly seq: number;
  readonly hash: string | null;
  readonly time: string;
  /** The file to go on in; null for a new one. */
  readonly file: string | null;
  readonly fileIndex: number;
  /** Bytes of it that hold whole records; 0: it has no header yet. */
  readonly fileBytes: number;
  /** The file before the one that is begun next. */
  readonly previous: string | null;
  /** The last file ended with the seal of a rotation, and none followed. */
  readonly isAfterSeal: boolean;
  /** To be recorded before anything else, then `settle`d. */
  readonly cuts: readonly SetAside[];
  /** Recorded before the crash. */
  readonly recordedCuts: readonly SetAside[];
}

const NOTHING: Resumption = {
  log: null,
  seq: 0,
  hash: null,
  time: '',
  file: null,
  fileIndex: 0,
  fileBytes: 0,
  previous: null,
  isAfterSeal: false,
  cuts: [],
  recordedCuts: [],
};

/** Rejects where it is not safe to go on, with what to do about it. */
export async function recover(dir: string): Promise<Resumption> {
  const names = await namesIn(dir);
  const files = await ledgerFiles(dir);
  const last = files.at(-1);
  if (last === undefined) {
    const parts = names.filter(isLedgerName);
    if (parts.length === 0) return NOTHING;
    throw refusal(dir, `it holds parts of a log (${parts.join(', ')}) but no file of it`);
  }
  const before = files.at(-2) ?? null;
  if (before !== null && fileIndex(before) === fileIndex(last)) {
    throw refusal(dir, `${before} and ${last} have the same number`);
  }
  const tail = await tailOf(dir, last);
  const found =
    tail.last === null
      ? await beginFile(dir, last, tail, before)
      : await goOn(dir, files, last, tail);
  return { ...found, ...(await setAside(dir, last, tail, names)) };
}

/** The bytes of these cuts are accounted for in the chain. */
export async function settle(dir: string, cuts: readonly SetAside[]): Promise<void> {
  for (const { keptIn } of cuts) {
    await rename(path.join(dir, `${keptIn}.part`), path.join(dir, keptIn));
  }
  if (cuts.length > 0) await syncDirectory(dir);
}

/** What is behind a link is not in this directory, and a pipe would be waited for. */
async function checkIsFile(dir: string, name: string): Promise<void> {
  const found = await lstat(path.join(dir, name));
  if (!found.isFile()) throw refusal(dir, `${name} is no file`);
}

async function tailOf(dir: string, name: string): Promise<Tail> {
  await checkIsFile(dir, name);
  return readTail(path.join(dir, name));
}

async function goOn(
  dir: string,
  files: readonly string[],
  name: string,
  { last, wholeBytes }: Tail,
): Promise<Resumption> {
  const logs: string[] = [];
  for (const file of files.slice(-2)) {
    await checkIsFile(dir, file);
    const log = await headerLog(path.join(dir, file));
    if (log !== null) logs.push(log);
  }
  if (logs.length === 0) {
    throw refusal(
      dir,
      `the first line of ${name} is no header, so it can't be told which log it is`,
    );
  }
  if (new Set(logs).size > 1) throw refusal(dir, `${name} is of another log than the file before`);
  const isAfterSeal = last!.kind === 'seal';
  return {
    ...NOTHING,
    log: logs[0]!,
    seq: last!.seq,
    hash: last!.hash,
    time: last!.time,
    file: isAfterSeal ? null : name,
    fileIndex: fileIndex(name),
    fileBytes: wholeBytes,
    previous: name,
    isAfterSeal,
  };
}

/** Not one whole record in the last file: its header is written, and the chain goes on from the file before. */
async function beginFile(
  dir: string,
  name: string,
  { size }: Tail,
  before: string | null,
): Promise<Resumption> {
  const here = { file: name, fileIndex: fileIndex(name), fileBytes: 0 };
  if (before === null) {
    // A log's first header is on disk before anything else is written.
    if (size <= LEDGER.headerBytes) return { ...NOTHING, ...here };
    throw refusal(dir, `none of the ${size} bytes of ${name} is a record`);
  }
  const { last } = await tailOf(dir, before);
  const log = await headerLog(path.join(dir, before));
  if (last === null || log === null) {
    throw refusal(dir, `neither ${name} nor ${before} can be read as part of a log`);
  }
  const { seq, hash, time } = last;
  return { ...NOTHING, ...here, log, seq, hash, time, previous: before };
}

async function setAside(
  dir: string,
  name: string,
  tail: Tail,
  names: readonly string[],
): Promise<Pick<Resumption, 'cuts' | 'recordedCuts'>> {
  const file = path.join(dir, name);
  const cuts: SetAside[] = [];
  const recordedCuts: SetAside[] = [];
  const taken = new Set(names);
  const recorded = await keptAtEnd(file);
  for (const part of names.filter(isPart)) {
    await checkIsFile(dir, part);
    const keptIn = part.slice(0, -'.part'.length);
    const copy = await measure(path.join(dir, part), 0, null);
    const still = await measure(file, tail.wholeBytes, copy.bytes);
    if (copy.bytes === 0 || (still.bytes === copy.bytes && still.sha256 === copy.sha256)) {
      await unlink(path.join(dir, part));
      continue;
    }
    taken.add(keptIn);
    (recorded.has(keptIn) ? recordedCuts : cuts).push({ ...copy, keptIn });
  }
  if (tail.size > tail.wholeBytes) {
    let keptIn = `${name}.torn`;
    for (let n = 2; taken.has(keptIn); n++) keptIn = `${name}.${n}.torn`;
    cuts.push({ ...(await cutOff(dir, name, tail, keptIn)), keptIn });
  }
  return { cuts, recordedCuts };
}

async function cutOff(
  dir: string,
  name: string,
  { wholeBytes }: Tail,
  keptIn: string,
): Promise<{ bytes: number; sha256: string }> {
  const file = await open(path.join(dir, name), 'r+');
  try {
    const copy = await open(path.join(dir, `${keptIn}.part`), 'w', 0o600);
    const hash = createHash('sha256');
    let bytes = 0;
    try {
      for await (const chunk of file.createReadStream({ start: wholeBytes, autoClose: false })) {
        await copy.appendFile(chunk as Buffer);
        hash.update(chunk as Buffer);
        bytes += (chunk as Buffer).length;
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
    await syncDirectory(dir);
    await file.truncate(wholeBytes);
    await file.sync();
    return { bytes, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}

/** Of a file from `start` on, at most so many bytes. */
async function measure(
  name: string,
  start: number,
  most: number | null,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  if (most !== 0) {
    const file = await open(name, 'r');
    const end = most === null ? Infinity : start + most - 1;
    for await (const chunk of file.createReadStream({ start, end })) {
      hash.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  }
  return { bytes, sha256: hash.digest('hex') };
}

function refusal(dir: string, why: string): Error {
  return new Error(
    `the ledger in ${dir} can't be gone on with: ${why}. A new log in its place would hide what is missing. ` +
      `Look with "cqlgate audit verify ${dir}"; put back what was moved or changed, or keep this directory as it is and give the gate another audit.dir`,
  );
}
