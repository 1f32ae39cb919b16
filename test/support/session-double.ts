// Stands in for a session: it notes what it is told. For tests of what is done with sessions, not of what they do.
import type { SessionOptions } from '../../src/session/session.ts';

/** All that were made, in order. */
export const sessions: Session[] = [];

export class Session {
  readonly options: SessionOptions;
  readonly told: string[] = [];
  /** An error of ours comes up in whatever it is told. */
  fails = false;

  constructor(options: SessionOptions) {
    this.options = options;
    sessions.push(this);
  }

  tick(): void {
    this.#note('tick');
  }

  schemaChanged({ keyspace }: { readonly keyspace: string }): void {
    this.#note(`changed ${keyspace}`);
  }

  goesDown(): void {
    this.#note('goes down');
  }

  endAfterFlight(_frame: Buffer | null, reason: string): void {
    this.#note(`end after flight: ${reason}`);
  }

  end(reason: string): void {
    this.#note(`end: ${reason}`);
  }

  cutOff(): void {
    this.told.push('cut off');
  }

  /** Who comes from port 1 is not logged in. */
  info(): { readonly id: string } | null {
    const { address, port } = this.options.client;
    return port === 1 ? null : { id: address };
  }

  #note(what: string): void {
    this.told.push(what);
    if (this.fails) throw new Error('ours');
  }
}
