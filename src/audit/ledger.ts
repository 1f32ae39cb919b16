// The ledger on disk: chained JSON lines, group commit off the event loop, rotation by size. Lines
// are written in the order in which they were appended, and a record counts as durable only after
// fdatasync. While the disk refuses, nothing is dropped: lines wait, mutations are refused.
import { randomBytes } from 'node:crypto';
import { appendFile, mkdir, open, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { LEDGER } from '../limits.ts';
import { GENESIS, link } from './chain.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { fileIndex, fileName, ledgerFiles, readTail } from './ledger-files.ts';
import type { AuditEntry, AuditLog } from './record.ts';

export interface LedgerOptions {
  readonly dir: string;
  readonly rotateBytes?: number;
  readonly maxQueueBytes?: number;
  readonly clock?: () => Date;
  readonly onError?: (error: Error) => void;
  /** For tests that take the disk away. */
  readonly openFile?: (file: string) => Promise<LedgerFile>;
}

/** What the ledger needs of a file handle. */
export type LedgerFile = Pick<
  FileHandle,
  'appendFile' | 'datasync' | 'truncate' | 'stat' | 'close'
>;

interface QueuedLine {
  readonly text: string;
  /** Name of the file that begins with this line; null where it goes on in the present one. */
  readonly startsFile: string | null;
}

interface Waiter {
  readonly seq: number;
  readonly resolve: (id: string) => void;
  readonly reject: (error: Error) => void;
  readonly id: string;
}

export class Ledger implements AuditLog {
  readonly #dir: string;
  readonly #rotateBytes: number;
  readonly #maxQueueBytes: number;
  readonly #clock: () => Date;
  readonly #onError: (error: Error) => void;
  readonly #openFile: (file: string) => Promise<LedgerFile>;
  readonly #lock: DirectoryLock;
  #log = randomBytes(16).toString('hex');
  #file: LedgerFile | null = null;
  #fileName = '';
  #fileIndex = 0;
  /** Bytes of the file that hold whole, written lines. */
  #fileBytes = 0;
  #seq = 0;
  #prev = GENESIS;
  #lastTime = '';
  /** Lines not yet written, in order. */
  #queue: QueuedLine[] = [];
  /** A seal and the header of the next file are in the queue. */
  #rotating = false;
  #queueBytes = 0;
  #waiters: Waiter[] = [];
  #failing: Error | null = null;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #closed = false;
  /** Groups written and synced; records in them. */
  readonly stats = { groups: 0, records: 0 };

  private constructor(options: LedgerOptions, lock: DirectoryLock) {
    this.#dir = options.dir;
    this.#rotateBytes = options.rotateBytes ?? LEDGER.rotateBytes;
    this.#maxQueueBytes = options.maxQueueBytes ?? LEDGER.queueBytes;
    this.#clock = options.clock ?? (() => new Date());
    this.#onError = options.onError ?? (() => undefined);
    this.#openFile = options.openFile ?? (async (file) => open(file, 'a', 0o600));
    this.#lock = lock;
  }

  /** Opens the directory for writing, and goes on with the log that is there. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    await mkdir(options.dir, { recursive: true, mode: 0o700 });
    const lock = await lockDirectory(options.dir);
    try {
      const ledger = new Ledger(options, lock);
      await ledger.#resume();
      return ledger;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Bytes of records that wait for the disk. */
  get queuedBytes(): number {
    return this.#queueBytes;
  }

  get writable(): boolean {
    return !this.#closed && this.#failing === null && this.#queueBytes < this.#maxQueueBytes;
  }

  append(entry: AuditEntry): string | null {
    if (this.#closed || this.#queueBytes >= this.#maxQueueBytes) return null;
    return this.#enqueue(entry);
  }

  async appendDurably(entry: AuditEntry): Promise<string> {
    if (!this.writable) throw this.#failing ?? new Error('the ledger takes no more records now');
    const id = this.#enqueue(entry);
    const seq = this.#seq;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ seq, id, resolve, reject });
      this.#write();
    });
  }

  /** Resolves when everything appended so far is on disk; rejects when the disk refuses. */
  async flush(): Promise<void> {
    while (this.#queue.length > 0 || this.#writing !== null) {
      this.#write();
      await this.#writing;
      if (this.#failing !== null) throw this.#failing;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.flush().catch((error: unknown) => this.#onError(asError(error)));
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#file?.close();
    await this.#lock.release();
  }

  async #resume(): Promise<void> {
    const files = await ledgerFiles(this.#dir);
    const last = files.at(-1);
    if (last === undefined) {
      this.#startFile(null, 'log begun');
      await this.flush();
      return;
    }
    const tail = await readTail(this.#dir, last);
    this.#fileIndex = fileIndex(last);
    if (tail !== null) {
      this.#log = tail.log;
      this.#seq = tail.seq;
      this.#prev = tail.hash;
      this.#lastTime = tail.time;
      this.#fileName = last;
    }
    if (tail === null) {
      // Not one whole line: a crash in the first write. The file stays, and the log says so.
      await this.#resumeBefore(files.slice(0, -1), last);
    } else if (tail.sealed) this.#startFile(last, 'file opened');
    else {
      this.#file = await this.#openFile(path.join(this.#dir, last));
      this.#fileBytes = tail.wholeBytes;
      if (tail.torn.length > 0) await this.#cutTorn(tail.torn);
    }
    await this.flush();
  }

  /** The last file is empty or torn in its first line: the chain goes on from the one before. */
  async #resumeBefore(files: readonly string[], empty: string): Promise<void> {
    const before = files.at(-1);
    const tail = before === undefined ? null : await readTail(this.#dir, before);
    await rename(path.join(this.#dir, empty), path.join(this.#dir, `${empty}.torn`));
    if (tail !== null) {
      this.#log = tail.log;
      this.#seq = tail.seq;
      this.#prev = tail.hash;
      this.#lastTime = tail.time;
    }
    this.#startFile(before ?? null, `${empty} held no whole record and was set aside`);
  }

  /** A crash cut a line off. It was never acknowledged; what is there of it is kept beside. */
  async #cutTorn(torn: Buffer): Promise<void> {
    const side = `${this.#fileName}.torn`;
    await appendFile(path.join(this.#dir, side), torn, { mode: 0o600 });
    await this.#file!.truncate(this.#fileBytes);
    this.#enqueue({
      kind: 'config',
      session: null,
      reason: 'a torn last line was cut off after a crash',
      detail: { bytes: torn.length, kept_in: side },
    });
  }

  #enqueue(entry: AuditEntry): string {
    const id = this.#add(entry);
    this.#schedule(LEDGER.groupMs);
    return id;
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== null || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#write();
    }, delayMs);
  }

  #add(entry: AuditEntry, startsFile: string | null = null): string {
    this.#seq++;
    const now = this.#clock().toISOString();
    // Never backwards within a log, whatever the clock does.
    const time = now > this.#lastTime ? now : this.#lastTime;
    this.#lastTime = time;
    const id = `${Date.parse(time).toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`;
    const { line, hash } = link({ seq: this.#seq, prev: this.#prev, time, id }, entry);
    this.#prev = hash;
    this.#queue.push({ text: `${line}\n`, startsFile });
    this.#queueBytes += line.length + 1;
    return id;
  }

  #write(): void {
    if (this.#writing !== null || this.#queue.length === 0) return;
    this.#writing = this.#writeGroup()
      .catch((error: unknown) => this.#failed(asError(error)))
      .finally(() => {
        this.#writing = null;
        // Those who wait are served at once; the rest gathers for the next group.
        if (this.#failing === null && this.#waiters.length > 0) this.#write();
        else if (this.#queue.length > 0) this.#schedule(LEDGER.groupMs);
      });
  }

  /** What gathered while the last group was written goes out as one write and one sync. */
  async #writeGroup(): Promise<void> {
    const { startsFile } = this.#queue[0]!;
    if (startsFile !== null) await this.#openNew(startsFile);
    else if (this.#file === null) await this.#openAgain();
    const next = this.#queue.findIndex((line, i) => i > 0 && line.startsFile !== null);
    const group = next < 0 ? this.#queue.slice() : this.#queue.slice(0, next);
    const text = group.map((line) => line.text).join('');
    const bytes = Buffer.from(text, 'utf8');
    await this.#file!.appendFile(bytes);
    await this.#file!.datasync();
    this.#written(group.length, text.length, bytes.length);
  }

  #written(lines: number, queuedBytes: number, fileBytes: number): void {
    this.#queue.splice(0, lines);
    this.#queueBytes -= queuedBytes;
    this.#fileBytes += fileBytes;
    this.#failing = null;
    this.stats.groups++;
    this.stats.records += lines;
    const upTo = this.#seq - this.#queue.length;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => waiter.seq > upTo);
    for (const waiter of waiting) if (waiter.seq <= upTo) waiter.resolve(waiter.id);
    if (this.#fileBytes >= this.#rotateBytes && !this.#rotating) this.#rotate();
  }

  #failed(error: Error): void {
    this.#failing = error;
    this.#onError(error);
    // Nobody may go on in the belief that these are on disk; the lines themselves stay queued.
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = [];
    const file = this.#file;
    this.#file = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#schedule(LEDGER.retryMs);
    // How much of the group reached the disk is unknown: the file is cut back when opened again.
    file?.close().catch(() => undefined);
  }

  async #openAgain(): Promise<void> {
    const file = await this.#openFile(path.join(this.#dir, this.#fileName));
    try {
      const { size } = await file.stat();
      if (size > this.#fileBytes) await file.truncate(this.#fileBytes);
      this.#file = file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Seal and header are queued together, so that no record comes between. */
  #rotate(): void {
    this.#rotating = true;
    this.#add({
      kind: 'seal',
      session: null,
      reason: 'rotated',
      detail: { log: this.#log, file: this.#fileName },
    });
    this.#startFile(this.#fileName, 'file opened');
  }

  /** Queues a new file's first record, which names the file before and its last hash. */
  #startFile(previous: string | null, reason: string): void {
    this.#fileIndex++;
    const file = fileName(this.#clock(), this.#fileIndex);
    this.#add(
      {
        kind: 'checkpoint',
        session: null,
        reason,
        detail: {
          log: this.#log,
          file,
          previous_file: previous,
          previous_hash: this.#prev,
        },
      },
      file,
    );
  }

  async #openNew(name: string): Promise<void> {
    if (this.#fileName !== name) {
      await this.#file?.close();
      this.#file = null;
      this.#fileName = name;
      this.#fileBytes = 0;
      this.#rotating = false;
    }
    if (this.#file === null) await this.#openAgain();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
