// Files under a ledger as a power cut leaves them: what was written is in the page cache, what was synced is on
// the disk, and of the rest anything may be there: nothing, a part, or later pages without earlier ones.
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LedgerFile } from '../../src/audit/ledger.ts';

const PAGE_BYTES = 4096;

export type Random = () => number;

/** Repeatable: mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export class CrashingFiles {
  readonly #random: Random;
  /** Of each file, its bytes at the last sync. */
  readonly #synced = new Map<string, Buffer>();
  /** Names that are in their directory for good. */
  readonly #named = new Set<string>();
  /** From this operation on nothing reaches the disk any more. */
  #left: number;
  crashed = false;
  /** What happened, in order. */
  readonly trace: string[] = [];

  constructor(random: Random, operations = Infinity) {
    this.#random = random;
    this.#left = operations;
  }

  readonly openFile = async (file: string): Promise<LedgerFile> => {
    this.#step();
    const handle = await open(file, 'a', 0o600);
    return {
      appendFile: async (data) => {
        this.trace.push('write');
        const bytes = data as Buffer;
        if (!this.#counts()) {
          await handle.appendFile(bytes.subarray(0, Math.floor(this.#random() * bytes.length)));
          throw new Error('the power is cut');
        }
        await handle.appendFile(bytes);
      },
      datasync: async () => {
        this.#step();
        await handle.datasync();
        this.#synced.set(path.basename(file), await readFile(file));
        this.trace.push('synced');
      },
      truncate: async (length) => {
        this.#step();
        await handle.truncate(length);
      },
      stat: (async () => handle.stat()) as LedgerFile['stat'],
      close: async () => handle.close(),
    };
  };

  readonly syncDirectory = async (): Promise<void> => {
    this.#step();
    for (const name of this.#synced.keys()) this.#named.add(name);
    return Promise.resolve();
  };

  #counts(): boolean {
    if (--this.#left > 0) return true;
    this.crashed = true;
    return false;
  }

  #step(): void {
    if (!this.#counts()) throw new Error('the power is cut');
  }

  /** Makes of `from`, which holds the page cache, what is found in `to` after the power came back. */
  async survive(from: string, to: string, names: readonly string[]): Promise<void> {
    await mkdir(to, { recursive: true, mode: 0o700 });
    for (const name of names) {
      const cached = await readFile(path.join(from, name));
      const synced = this.#synced.get(name) ?? Buffer.alloc(0);
      // A file whose directory was not synced may be gone, with all that was synced of it.
      if (!this.#named.has(name) && this.#random() < 0.5) continue;
      await writeFile(path.join(to, name), this.#pagesOf(synced, cached), { mode: 0o600 });
    }
  }

  /** What was there before is as it was synced or as it was written after that, page by page. */
  #pagesOf(synced: Buffer, cached: Buffer): Buffer {
    if (cached.length <= synced.length) return cached;
    const reach = synced.length + Math.floor(this.#random() * (cached.length - synced.length + 1));
    const found = Buffer.from(cached.subarray(0, reach));
    if (this.#random() < 0.5) return found;
    for (let page = synced.length; page < reach; page += PAGE_BYTES) {
      if (this.#random() < 0.3) found.fill(0, page, Math.min(page + PAGE_BYTES, reach));
    }
    return found;
  }
}
