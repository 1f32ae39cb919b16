// Stream ids of one upstream connection: taken for a request, given back with its response. An id
// whose request timed out stays out (quarantined) until its late response arrives, so that the
// response can never reach a request that did not ask for it.

export type UpstreamStreamId = number & { readonly __upstreamStreamId: unique symbol };

export class StreamIds {
  readonly #free: Int16Array;
  #freeCount: number;
  #quarantined = 0;

  /** `capacity` ids, from 0; at most 32,768 (the id is a signed short, negatives are the node's). */
  constructor(capacity: number) {
    if (capacity < 1 || capacity > 32_768) throw new RangeError('1 to 32768 stream ids');
    this.#free = new Int16Array(capacity);
    // Ascending from the top of the stack: id 0 is taken first.
    for (let i = 0; i < capacity; i++) this.#free[i] = capacity - 1 - i;
    this.#freeCount = capacity;
  }

  /** The next free id, or -1 when all are taken or quarantined. */
  take(): UpstreamStreamId | -1 {
    if (this.#freeCount === 0) return -1;
    return this.#free[--this.#freeCount]! as UpstreamStreamId;
  }

  give(id: UpstreamStreamId): void {
    this.#free[this.#freeCount++] = id;
  }

  quarantine(): void {
    this.#quarantined++;
  }

  /** The late response of a quarantined id came. */
  giveQuarantined(id: UpstreamStreamId): void {
    this.#quarantined--;
    this.give(id);
  }

  get available(): number {
    return this.#freeCount;
  }

  get taken(): number {
    return this.#free.length - this.#freeCount;
  }

  get quarantined(): number {
    return this.#quarantined;
  }
}
