// The ledger on disk: chained JSON lines, group commit off the event loop, rotation by size. Lines
// are written in the order in which they were appended, and a record counts as durable only after
// fdatasync. While the disk refuses, lines wait; who may add to them is for Room to say, and past a last
// bound, where records are lost, the chain says so as soon as there is room again.
import { randomBytes } from 'node:crypto';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { guarded } from '../guard.ts';
import { LEDGER } from '../limits/audit.ts';
import { epochMs, wallMs, type WallMs } from '../clock.ts';
import { GENESIS, link } from './chain.ts';
import { lockDirectory, type DirectoryLock } from './directory-lock.ts';
import { fileName, syncDirectory } from './ledger-files.ts';
import type { AuditEntry, AuditLog } from './record.ts';
import { recover, settle } from './recovery.ts';
import { Room, type Share } from './room.ts';
import { isoTime, timeOfText } from '../wall-clock.ts';

export interface LedgerOptions {
  readonly dir: string;
  readonly rotateBytes?: number;
  readonly maxQueueBytes?: number;
  readonly clock?: () => WallMs;
  readonly onError?: (error: Error) => void;
  /** A record could be neither written nor kept. */
  readonly onLost?: (isFirst: boolean) => void;
  /** For tests that take the disk away, or what was not synced. */
  readonly openFile?: (file: string) => Promise<LedgerFile>;
  readonly syncDirectory?: (dir: string) => Promise<void>;
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
  readonly share: Share;
}

interface Waiter {
  readonly seq: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Until then it outlasts failures of the disk. */
  readonly timer: NodeJS.Timeout | null;
}

export class Ledger implements AuditLog {
  readonly #dir: string;
  readonly #rotateBytes: number;
  readonly #clock: () => WallMs;
  readonly #onError: (error: Error) => void;
  readonly #onLost: (isFirst: boolean) => void;
  readonly #openFile: (file: string) => Promise<LedgerFile>;
  readonly #syncDirectory: (dir: string) => Promise<void>;
  readonly #lock: DirectoryLock;
  readonly #maxHeldBytes: number;
  readonly room: Room;
  /** Of the ledger's own records. */
  readonly #own: Share;
  #log = randomBytes(16).toString('hex');
  #file: LedgerFile | null = null;
  #fileName = '';
  /** It is in its directory for good. */
  #isFileNamed = false;
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
  #lost = 0;
  #lostSince = '';
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
    const maxQueueBytes = options.maxQueueBytes ?? LEDGER.queueBytes;
    this.#maxHeldBytes = maxQueueBytes * LEDGER.heldFactor;
    this.room = new Room(maxQueueBytes, () => this.#isDiskFine);
    this.#own = this.room.newShare();
    this.#clock = options.clock ?? wallMs;
    this.#onError = options.onError ?? (() => undefined);
    this.#onLost = options.onLost ?? (() => undefined);
    this.#openFile = options.openFile ?? (async (file) => open(file, 'a', 0o600));
    this.#syncDirectory = options.syncDirectory ?? syncDirectory;
    this.#lock = lock;
  }

  /** Opens the directory for writing, and goes on with the log that is there. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const made = await mkdir(options.dir, { recursive: true, mode: 0o700 });
    if (made !== undefined) await syncDirectory(path.dirname(made));
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
    return this.#isDiskFine && !this.room.isFull;
  }

  get #isDiskFine(): boolean {
    return !this.#closed && this.#failing === null;
  }

  append(entry: AuditEntry, share: Share = this.#own): string | null {
    if (this.#closed || this.#queueBytes >= this.#maxHeldBytes) {
      if (this.#lost++ === 0) this.#lostSince = isoTime(this.#clock());
      this.#onLost(this.#lost === 1);
      return null;
    }
    if (this.#lost > 0) this.#recordLoss();
    return this.#enqueue(entry, share);
  }

  async appendDurably(entry: AuditEntry): Promise<string> {
    if (!this.writable) throw this.#failing ?? new Error('the ledger takes no more records now');
    const id = this.#enqueue(entry, this.#own);
    await this.#onDisk(null);
    return id;
  }

  /** False: not all that was appended so far reached the disk in time. */
  async durable(waitMs: number): Promise<boolean> {
    return this.#onDisk(waitMs).then(
      () => true,
      () => false,
    );
  }

  async #onDisk(waitMs: number | null): Promise<void> {
    const seq = this.#seq;
    if (this.#queue.length === 0) return;
    return new Promise((resolve, reject) => {
      const expire = guarded('audit', () => {
        this.#waiters = this.#waiters.filter((one) => one !== waiter);
        reject(this.#failing ?? new Error('the disk is too slow'));
      });
      const timer = waitMs === null ? null : setTimeout(expire, waitMs);
      const waiter: Waiter = { seq, resolve, reject, timer };
      this.#waiters.push(waiter);
      this.#write();
    });
  }

  #recordLoss(): void {
    const detail = { records: this.#lost, since: this.#lostSince };
    this.#lost = 0;
    const reason =
      'records were lost: the disk did not take them, and there was no room to keep them';
    this.#enqueue({ kind: 'config', session: null, reason, detail }, this.#own);
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
    if (this.#lost > 0) this.#recordLoss();
    await this.flush().catch((error: unknown) => this.#onError(asError(error)));
    this.#closed = true;
    this.room.close();
    for (const line of this.#queue) this.#onLost(line === this.#queue[0]);
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#file?.close();
    await this.#lock.release();
  }

  /** Goes on where the log ended, and says what a crash left behind its last whole record. */
  async #resume(): Promise<void> {
    const found = await recover(this.#dir);
    this.#log = found.log ?? this.#log;
    this.#seq = found.seq;
    this.#prev = found.hash ?? GENESIS;
    this.#lastTime = found.time;
    this.#fileIndex = found.fileIndex;
    this.#fileName = found.file ?? '';
    this.#fileBytes = found.fileBytes;
    if (found.file === null || found.fileBytes === 0) {
      const isNew = found.log === null;
      const goesOn = found.isAfterSeal
        ? 'file opened at a start: none followed the seal'
        : 'file opened';
      this.#startFile(found.previous, isNew ? 'log begun' : goesOn, found.file);
    }
    for (const { bytes, sha256, keptIn } of found.cuts) {
      const reason = 'a torn last line was cut off after a crash';
      const detail = { bytes, sha256, kept_in: keptIn };
      this.#enqueue({ kind: 'config', session: null, reason, detail }, this.#own);
    }
    await this.flush();
    await settle(this.#dir, [...found.recordedCuts, ...found.cuts]);
  }

  #enqueue(entry: AuditEntry, share: Share): string {
    const id = this.#add(entry, share);
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

  #add(entry: AuditEntry, share: Share, startsFile: string | null = null): string {
    this.#seq++;
    const nowMs = this.#clock();
    const now = isoTime(nowMs);
    // Never backwards within a log, whatever the clock does.
    const time = now > this.#lastTime ? now : this.#lastTime;
    this.#lastTime = time;
    const timeMs = epochMs(timeOfText(time) ?? nowMs);
    const id = `${timeMs.toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`;
    const { line, hash } = link({ seq: this.#seq, prev: this.#prev, time, id }, entry);
    this.#prev = hash;
    this.#queue.push({ text: `${line}\n`, startsFile, share });
    this.#queueBytes += line.length + 1;
    this.room.take(share, line.length + 1);
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

  /** What gathered while the last group was written goes out as one write and one sync, or as a few where it is much. */
  async #writeGroup(): Promise<void> {
    const { startsFile } = this.#queue[0]!;
    if (startsFile !== null) await this.#openNew(startsFile);
    else if (this.#file === null) await this.#openAgain();
    let length = 0;
    const next = this.#queue.findIndex((line, i) => {
      const isNext = (i > 0 && line.startsFile !== null) || length >= LEDGER.groupBytes;
      length += line.text.length;
      return isNext;
    });
    const group = next < 0 ? this.#queue.slice() : this.#queue.slice(0, next);
    const text = group.map((line) => line.text).join('');
    const bytes = Buffer.from(text, 'utf8');
    await this.#file!.appendFile(bytes);
    await this.#file!.datasync();
    if (!this.#isFileNamed) await this.#syncDirectory(this.#dir);
    this.#isFileNamed = true;
    this.#written(group.length, text.length, bytes.length);
  }

  #written(lines: number, queuedBytes: number, fileBytes: number): void {
    for (const { share, text } of this.#queue.splice(0, lines)) this.room.give(share, text.length);
    this.#queueBytes -= queuedBytes;
    this.#fileBytes += fileBytes;
    this.#failing = null;
    this.stats.groups++;
    this.stats.records += lines;
    const upTo = this.#seq - this.#queue.length;
    const waiting = this.#waiters;
    this.#waiters = waiting.filter((waiter) => waiter.seq > upTo);
    for (const { seq, timer, resolve } of waiting) {
      if (seq > upTo) continue;
      if (timer !== null) clearTimeout(timer);
      resolve();
    }
    this.room.serve();
    if (this.#fileBytes >= this.#rotateBytes && !this.#rotating) this.#rotate();
  }

  #failed(error: Error): void {
    this.#failing = error;
    this.#onError(error);
    // Nobody may go on in the belief that these are on disk; the lines themselves stay queued.
    const waiting = this.#waiters;
    this.#waiters = waiting.filter(({ timer }) => timer !== null);
    for (const { timer, reject } of waiting) if (timer === null) reject(error);
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
    const detail = { log: this.#log, file: this.#fileName };
    this.#add({ kind: 'seal', session: null, reason: 'rotated', detail }, this.#own);
    this.#startFile(this.#fileName, 'file opened');
  }

  /**
   * Queues a file's first record, which names the file before and its last hash. `empty` is one that is there
   * and has no record yet.
   */
  #startFile(previous: string | null, reason: string, empty: string | null = null): void {
    if (empty === null) this.#fileIndex++;
    const file = empty ?? fileName(this.#clock(), this.#fileIndex);
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
      this.#own,
      file,
    );
  }

  async #openNew(name: string): Promise<void> {
    if (this.#fileName !== name) {
      await this.#file?.close();
      this.#file = null;
      this.#fileName = name;
      this.#fileBytes = 0;
      this.#isFileNamed = false;
      this.#rotating = false;
    }
    if (this.#file === null) await this.#openAgain();
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
