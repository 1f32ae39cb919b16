// Locks between the workers of one gate, kept by the primary. They are granted in order of arrival, and the
// end of a worker releases its locks. A worker that holds one here then asks for the lock that gates share
// (worker.ts), so that workers wait in line here instead of asking the cluster again and again.
import { guarded } from '../guard.ts';
import { timerMs } from '../wall-clock.ts';

interface Claim {
  readonly owner: object;
  /** Settles whether it was granted; null once it is. */
  grant: ((isGranted: boolean) => void) | null;
}

export class LockBroker {
  /** The first in a line holds the lock. */
  readonly #lines = new Map<string, Claim[]>();

  /** Resolves with false when the lock is not granted in time, or when its owner has ended. */
  async acquire(owner: object, name: string, waitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const late = (): void => this.#leave(name, claim);
      const timer = setTimeout(guarded('workers', late), timerMs(waitMs));
      const claim: Claim = {
        owner,
        grant: (isGranted) => {
          clearTimeout(timer);
          claim.grant = null;
          resolve(isGranted);
        },
      };
      const line = this.#lines.get(name) ?? [];
      this.#lines.set(name, line);
      line.push(claim);
      if (line.length === 1) claim.grant?.(true);
    });
  }

  /** No-op unless the caller holds the lock. */
  release(owner: object, name: string): void {
    const holder = this.#lines.get(name)?.[0];
    if (holder?.owner === owner) this.#leave(name, holder);
  }

  /** Releases what the owner holds, and withdraws what it waits for. */
  releaseAll(owner: object): void {
    for (const [name, line] of [...this.#lines]) {
      // From the end, so that no claim of this owner is granted on the way.
      for (const claim of line.filter((one) => one.owner === owner).reverse()) {
        this.#leave(name, claim);
      }
    }
  }

  #leave(name: string, claim: Claim): void {
    const line = this.#lines.get(name) ?? [];
    const place = line.indexOf(claim);
    if (place < 0) return;
    line.splice(place, 1);
    claim.grant?.(false);
    if (line.length === 0) this.#lines.delete(name);
    else if (place === 0) line[0]!.grant?.(true);
  }
}
