// What a request's view pins. A view of 100 bytes keeps its whole read buffer alive, so it is the
// buffer that is charged to the session, once, until the last view of it is let go.

export interface ByteAccount {
  bytesInFlight: number;
}

export class BufferCharge {
  readonly #accounts: readonly ByteAccount[];
  readonly #bytes: number;
  #views = 0;

  constructor(bytes: number, accounts: readonly ByteAccount[]) {
    this.#bytes = bytes;
    this.#accounts = accounts;
  }

  take(): void {
    if (this.#views++ > 0) return;
    for (const account of this.#accounts) account.bytesInFlight += this.#bytes;
  }

  release(): void {
    if (--this.#views > 0) return;
    for (const account of this.#accounts) account.bytesInFlight -= this.#bytes;
  }
}
