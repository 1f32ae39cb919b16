// Keeps what is revoked the same on all gates of a fleet: reads the fleet's table again and again, and writes to it.
// Where there is no such table, or the cluster can't be asked, a revocation is in force in this gate all the same.
import { setTimeout as delay } from 'node:timers/promises';
import { LONG_AGO, monotonicMs, msSince } from '../clock.ts';
import { guarded, unattended } from '../guard.ts';
import { REVOCATION } from '../limits/fleet.ts';
import type { Revocation, Revocations } from '../revocation/revocations.ts';
import type { RevocationTable } from './revocation-table.ts';

export interface FeedListener {
  /** Whether the table is there. Called at start, at each change and after a failure. */
  shared(isShared: boolean): void;
  /** The table can't be read or written now. Called once for failures in a row. */
  failed(error: Error): void;
}

export class RevocationFeed {
  readonly #table: RevocationTable;
  readonly #revocations: Revocations;
  readonly #listener: FeedListener;
  /** Revocations that are not in the table, or not known to be. */
  #ownOnly: Revocation[] = [];
  #isShared: boolean | null = null;
  #isFailing = false;
  #readAtMs = LONG_AGO;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(table: RevocationTable, revocations: Revocations, listener: FeedListener) {
    this.#table = table;
    this.#revocations = revocations;
    this.#listener = listener;
  }

  /** Seconds since the table was read; null where there is none. */
  get ageSeconds(): number | null {
    return this.#isShared === true ? msSince(this.#readAtMs) / 1000 : null;
  }

  /** Resolves once it is known what is revoked. Nobody is let in before. */
  async start(): Promise<void> {
    for (;;) {
      await this.#read();
      if (this.#isShared !== null || this.#closed) break;
      await delay(REVOCATION.pollMs);
    }
    this.#readLater();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** The revocation is in force here when this resolves; with true, the fleet has it too. */
  async revoke(revocation: Revocation): Promise<boolean> {
    this.#revocations.add([revocation]);
    this.#ownOnly.push(revocation);
    await this.#writeOwn();
    return !this.#ownOnly.includes(revocation);
  }

  async #read(): Promise<void> {
    try {
      const shared = await this.#table.read();
      if (this.#isFailing || this.#isShared !== (shared !== null)) {
        this.#isShared = shared !== null;
        this.#isFailing = false;
        this.#listener.shared(this.#isShared);
      }
      if (shared !== null) {
        this.#readAtMs = monotonicMs();
        this.#revocations.add(shared);
        await this.#writeOwn();
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  #readLater(): void {
    if (this.#closed) return;
    // Nobody makes a missing table from one second to the next.
    const waitMs = this.#isShared === false ? REVOCATION.absentPollMs : REVOCATION.pollMs;
    const read = (): void =>
      unattended(
        'revocations',
        this.#read().finally(() => this.#readLater()),
      );
    this.#timer = setTimeout(guarded('revocations', read), waitMs);
  }

  /** Writes those that are not in the table yet, until one can't be written. */
  async #writeOwn(): Promise<void> {
    if (this.#isShared !== true) return;
    for (const revocation of [...this.#ownOnly]) {
      try {
        await this.#table.write(revocation);
      } catch (error) {
        this.#failed(error);
        return;
      }
      this.#ownOnly = this.#ownOnly.filter((one) => one !== revocation);
    }
  }

  #failed(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#listener.failed(error instanceof Error ? error : new Error(String(error)));
  }
}
