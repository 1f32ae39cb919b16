// The buffers behind answers that a client did not take yet. A view of 20 bytes, or the last part of an answer of
// 256 MiB, keeps all of its buffer alive: each is charged whole, once, until its last view was taken.

interface Pin {
  readonly bytes: number;
  /** Where its last view ends, in all that was added. */
  endsAt: number;
  /** What the socket was handed in all when that view had left the queue. */
  handedAt: number;
}

export class PinnedBuffers {
  /** In order of their last views. */
  #pins: Pin[] = [];
  /** Of these, those that are no longer in the queue. */
  #left = 0;
  /** That of the last one. */
  #buffer: ArrayBufferLike | null = null;
  #addedBytes = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Views of one buffer come one after the other. */
  add({ buffer, length }: Buffer): void {
    this.#addedBytes += length;
    const last = buffer === this.#buffer ? this.#pins.at(-1) : undefined;
    if (last === undefined) {
      this.#pins.push({ bytes: buffer.byteLength, endsAt: this.#addedBytes, handedAt: 0 });
      this.#bytes += buffer.byteLength;
      this.#buffer = buffer;
      return;
    }
    last.endsAt = this.#addedBytes;
    this.#left = Math.min(this.#left, this.#pins.length - 1);
  }

  /**
   * Lets go of what the client took. `queuedBytes` of the views are in the queue; the others were handed to the socket,
   * `handedBytes` in all as they leave, perhaps compressed, of which the client took `takenBytes`.
   */
  settle(queuedBytes: number, handedBytes: number, takenBytes: number): void {
    const pins = this.#pins;
    const leftBytes = this.#addedBytes - queuedBytes;
    while (this.#left < pins.length && pins[this.#left]!.endsAt <= leftBytes) {
      pins[this.#left++]!.handedAt = handedBytes;
    }
    let taken = 0;
    while (taken < this.#left && pins[taken]!.handedAt <= takenBytes) {
      this.#bytes -= pins[taken++]!.bytes;
    }
    if (taken === 0) return;
    pins.splice(0, taken);
    this.#left -= taken;
    if (pins.length === 0) this.#buffer = null;
  }

  clear(): void {
    this.#pins = [];
    this.#left = 0;
    this.#buffer = null;
    this.#bytes = 0;
  }
}
