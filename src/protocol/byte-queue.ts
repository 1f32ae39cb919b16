// Bytes as they were read, in order, handed out as views. Only what straddles two reads is copied,
// once, when it is complete: memory is bounded by what was received, not by what a header claims.

const NO_BYTES = Buffer.alloc(0);

export class ByteQueue {
  #head: Buffer = NO_BYTES;
  #offset = 0;
  #rest: Buffer[] = [];
  #available = 0;
  /** Where the bytes of the last `take` lie: an object for each would be garbage on the hot path. */
  buffer: Buffer = NO_BYTES;
  start = 0;
  /** How many takes had to copy. */
  copies = 0;

  get available(): number {
    return this.#available;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#available === 0) {
      this.#head = chunk;
      this.#offset = 0;
    } else this.#rest.push(chunk);
    this.#available += chunk.length;
  }

  /** The byte `index` places ahead; the caller has checked `available`. */
  byteAt(index: number): number {
    let at = this.#offset + index;
    if (at < this.#head.length) return this.#head[at]!;
    at -= this.#head.length;
    for (const chunk of this.#rest) {
      if (at < chunk.length) return chunk[at]!;
      at -= chunk.length;
    }
    throw new RangeError('read past the bytes received');
  }

  /** Big-endian unsigned 32 bits, `index` places ahead. */
  uint32At(index: number): number {
    return (
      this.byteAt(index) * 0x1000000 +
      ((this.byteAt(index + 1) << 16) | (this.byteAt(index + 2) << 8) | this.byteAt(index + 3))
    );
  }

  /** Little-endian unsigned, `bytes` wide (at most 6), `index` places ahead. */
  uintLeAt(index: number, bytes: number): number {
    let value = 0;
    for (let i = bytes - 1; i >= 0; i--) value = value * 256 + this.byteAt(index + i);
    return value;
  }

  /** Takes `bytes`, and says in `buffer` and `start` where they lie. The caller checked `available`. */
  take(bytes: number): void {
    if (this.#offset + bytes <= this.#head.length) {
      this.buffer = this.#head;
      this.start = this.#offset;
      this.skip(bytes);
      return;
    }
    const joined = Buffer.allocUnsafeSlow(bytes);
    let filled = 0;
    while (filled < bytes) {
      const part = Math.min(bytes - filled, this.#head.length - this.#offset);
      this.#head.copy(joined, filled, this.#offset, this.#offset + part);
      filled += part;
      this.skip(part);
    }
    this.copies++;
    this.buffer = joined;
    this.start = 0;
  }

  /** Bytes ahead that lie side by side. */
  get contiguous(): number {
    return this.#head.length - this.#offset;
  }

  /** Takes `bytes` as the views that they came in, in order; the caller checked `available`. */
  takeParts(bytes: number): Buffer[] {
    const parts: Buffer[] = [];
    for (let left = bytes; left > 0; left -= parts.at(-1)!.length) {
      const part = this.#head.subarray(this.#offset, this.#offset + left);
      parts.push(part);
      this.skip(part.length);
    }
    return parts;
  }

  /** Drops `bytes`; the caller checked `available`. */
  skip(bytes: number): void {
    this.#available -= bytes;
    let left = bytes;
    while (left > 0) {
      const part = Math.min(left, this.#head.length - this.#offset);
      this.#offset += part;
      left -= part;
      if (this.#offset === this.#head.length) {
        this.#head = this.#rest.shift() ?? NO_BYTES;
        this.#offset = 0;
      }
    }
  }

  /** Everything not yet taken, or null when nothing is left. */
  takeAll(): Buffer | null {
    if (this.#available === 0) return null;
    const bytes = this.#available;
    this.take(bytes);
    return this.buffer.subarray(this.start, this.start + bytes);
  }
}
