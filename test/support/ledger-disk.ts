// The disk under the ledger of a gate in the test's own process, to be taken away and given back.
import { open } from 'node:fs/promises';
import { vi } from 'vitest';
import { Ledger, type LedgerFile, type LedgerOptions } from '../../src/audit/ledger.ts';

export class LedgerDisk {
  /** `full`: each write fails. `stuck`: nothing comes back until it is let go. */
  state: 'fine' | 'full' | 'stuck' = 'fine';
  ledger: Ledger | null = null;
  /** What reached the disk, in order with what the test adds. */
  readonly trace: string[] = [];
  #letGo: (() => void)[] = [];

  /** Of each gate that is started until the test ends. */
  attach(options: Partial<LedgerOptions> = {}): void {
    const original = Ledger.open.bind(Ledger);
    vi.spyOn(Ledger, 'open').mockImplementation(async (own) => {
      this.ledger = await original({ ...own, ...options, openFile: this.#openFile });
      return this.ledger;
    });
  }

  recover(): void {
    this.state = 'fine';
    for (const go of this.#letGo.splice(0)) go();
  }

  readonly #openFile = async (file: string): Promise<LedgerFile> => {
    const handle = await open(file, 'a', 0o600);
    return {
      appendFile: async (data) => {
        await this.#pass();
        return handle.appendFile(data);
      },
      datasync: async () => {
        await this.#pass();
        await handle.datasync();
        this.trace.push('synced');
      },
      truncate: async (length) => handle.truncate(length),
      stat: (async () => handle.stat()) as LedgerFile['stat'],
      close: async () => handle.close(),
    };
  };

  async #pass(): Promise<void> {
    if (this.state === 'stuck') await new Promise<void>((go) => this.#letGo.push(go));
    if (this.state === 'full') throw new Error('ENOSPC');
  }
}
