// Keeps what is revoked the same on all gates: reads the fleet's table again and again, and writes to it.
// Where there is none, or the cluster can't be asked, a revocation holds here at once all the same.
import { setTimeout as delay } from 'node:timers/promises';
import { LONG_AGO, monotonicMs, msSince } from '../clock.ts';
import { guarded, unattended } from '../guard.ts';
import { REVOCATION } from '../limits/fleet.ts';
import type { Revocation, Revocations } from '../revocation/revocations.ts';
import type { RevocationTable } from './revocation-table.ts';

export interface FeedListener {
  /** The table is there, or is not; told at start, at each change and after a failure. */
  shared(isShared: boolean): void;
  /** It can't be read or written now; told once in a row. */
  failed(error: Error): void;
}

export class RevocationFeed {
  readonly #table: RevocationTable;
  readonly #revocations: Revocations;
  readonly #listener: FeedListener;
  /** Not in the table, or not known to be. */
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

  /** Resolves once it is known what is revoked: nobody is let in before. */
  async start(): Promise<void> {
    for (;;) {
      await this.#look();
      if (this.#isShared !== null || this.#closed) break;
      await delay(REVOCATION.pollMs);
    }
    this.#lookAgain();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** In force here when this resolves; true where the fleet has it too. */
  async revoke(revocation: Revocation): Promise<boolean> {
    this.#revocations.add([revocation]);
    this.#ownOnly.push(revocation);
    await this.#writeOwn();
    return !this.#ownOnly.includes(revocation);
  }

  async #look(): Promise<void> {
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

  #lookAgain(): void {
    if (this.#closed) return;
    // A table that is not there is not made every second.
    const waitMs = this.#isShared === false ? REVOCATION.absentPollMs : REVOCATION.pollMs;
    const look = (): void =>
      unattended(
        'revocations',
        this.#look().finally(() => this.#lookAgain()),
      );
    this.#timer = setTimeout(guarded('revocations', look), waitMs);
  }

  /** Those that were not written yet, until one can't be. */
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
