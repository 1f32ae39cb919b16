// Ends the process after an error that no guard caught: nobody knows what state it is in, and whoever watches it starts
// another. Before that, what the ledger holds is written, within bounded time.
import { reportFault } from '../guard.ts';
import { LAST_RESORT } from '../limits/process.ts';

/** `EX_SOFTWARE` of sysexits.h, which is neither a refusal nor a wrong command line. */
export const INTERNAL_EXIT = 70;

export class LastResort {
  #isEnding = false;
  /** Stops what is served, and writes what must not be lost. */
  seal: () => Promise<unknown> = async () => Promise.resolve();

  /** Holds for the rest of the process. A rejected promise that nobody handles comes here too. */
  install(): void {
    process.on('uncaughtException', (error) => this.#end(error));
  }

  #end(error: unknown): void {
    reportFault('process', error);
    if (this.#isEnding) return;
    this.#isEnding = true;
    const exit = (): never => process.exit(INTERNAL_EXIT);
    setTimeout(exit, LAST_RESORT.sealMs);
    try {
      this.seal().then(exit, exit);
    } catch {
      exit();
    }
  }
}
