// The requests of one session that wait for an answer: how many, and what their views pin. A view of
// 100 bytes keeps its whole read buffer alive, so it is the buffer that is charged, once, until the
// last view of it is let go.
import type { Limits } from '../limits.ts';
import type { Frame } from '../protocol/frame.ts';
import type { Exchange } from './exchange.ts';

/** Bytes of read buffers that requests in flight hold; one for a session, one for the gate. */
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

export class InFlightRequests implements ByteAccount {
  readonly #gate: ByteAccount;
  readonly #limits: Limits;
  #charge: BufferCharge | null = null;
  #chargedBuffer: Buffer | null = null;
  count = 0;
  bytesInFlight = 0;

  constructor(gate: ByteAccount, limits: Limits) {
    this.#gate = gate;
    this.#limits = limits;
  }

  get isOverLimit(): boolean {
    const limits = this.#limits;
    return (
      this.count >= limits.inFlightPerSession ||
      this.bytesInFlight >= limits.inFlightBytesPerSession ||
      this.#gate.bytesInFlight >= limits.inFlightBytes
    );
  }

  /** Charges what a request pins before it is an exchange; to be released by whoever asked. */
  charge(frame: Frame): BufferCharge {
    const charge = new BufferCharge(frame.buffer.length, [this, this.#gate]);
    charge.take();
    return charge;
  }

  /** Counts an exchange as in flight, once. */
  hold(exchange: Exchange): void {
    if (exchange.charge !== null) return;
    const { buffer } = exchange.request.frame;
    if (this.#charge === null || this.#chargedBuffer !== buffer) {
      this.#charge = new BufferCharge(buffer.length, [this, this.#gate]);
      this.#chargedBuffer = buffer;
    }
    this.count++;
    exchange.charge = this.#charge;
    exchange.charge.take();
  }

  /** Lets go of what an exchange held. False when it held nothing, or was let go before. */
  release(exchange: Exchange): boolean {
    if (exchange.charge === null || exchange.isDone) return false;
    exchange.isDone = true;
    this.count--;
    exchange.charge.release();
    if (this.count === 0) {
      // Between requests nothing of the last read is kept.
      this.#charge = null;
      this.#chargedBuffer = null;
    }
    return true;
  }
}
