// The schema of the cluster as it was read last: a snapshot that is replaced whole.
import type { SchemaRows, Unmasks } from './schema.ts';
import { SchemaSnapshot } from './schema.ts';

export class FollowedSchema {
  readonly #read: () => Promise<SchemaRows>;
  readonly #unmasks: Unmasks;
  #current = new SchemaSnapshot(1, null);
  #refreshing: Promise<void> | null = null;
  #refreshAgain: Promise<void> | null = null;

  constructor(read: () => Promise<SchemaRows>, unmasks: Unmasks) {
    this.#read = read;
    this.#unmasks = unmasks;
  }

  get current(): SchemaSnapshot {
    return this.#current;
  }

  /**
   * Reads the schema again. A caller who comes while a refresh is under way gets one that starts after it: the one under
   * way may have read before the caller's change.
   */
  async refresh(): Promise<void> {
    if (this.#refreshing === null) {
      this.#refreshing = this.#replace().finally(() => {
        this.#refreshing = null;
      });
      return this.#refreshing;
    }
    this.#refreshAgain ??= this.#refreshing
      .catch(() => undefined)
      .then(async () => {
        this.#refreshAgain = null;
        return this.refresh();
      });
    return this.#refreshAgain;
  }

  async #replace(): Promise<void> {
    const rows = await this.#read();
    this.#current = new SchemaSnapshot(this.#current.version + 1, rows, this.#unmasks);
  }
}
