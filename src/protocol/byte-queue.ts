// Bytes as they were read, in order, handed out as views. Only what straddles two reads is copied, once: when it
// is complete, or, where it is large, read by read from when half of it has come, so that no turn of the event loop
// copies all of it. Memory is bounded by what was received, not by what a header claims. Small reads that have to wait
// are gathered in blocks, so that a sender of single bytes costs neither an object nor a buffer for each. Every
// operation takes time in proportion to the bytes that it hands out, however many reads they came in.
import { READS } from '../limits/session.ts';

const NO_BYTES = Buffer.alloc(0);

/** Places that were used up at the front of the list before it is cut. */
const CUT_AT = 64;

export class ByteQueue {
  #head: Buffer = NO_BYTES;
  #offset = 0;
  /** What follows the head begins at `#first`; what lies before it was used up. */
  #rest: Buffer[] = [];
  #first = 0;
  /** Small reads gathered behind all others, while there is room. */
  #block: Buffer | null = null;
  #blockEnd = 0;
  #available = 0;
  /** What the head is part of, while large bytes that belong together are joined. */
  #joined: Buffer | null = null;
  /** Where the bytes of the last `take` lie: an object for each would be garbage on the hot path. */
  buffer: Buffer = NO_BYTES;
  start = 0;

  get available(): number {
    return this.#available;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#available === 0) {
      this.#head = chunk;
      this.#offset = 0;
    } else if (chunk.length < READS.gatheredBelowBytes) this.#gather(chunk);
    else {
      this.#closeBlock();
      this.#rest.push(chunk);
    }
    this.#available += chunk.length;
  }

  /** The byte `index` places ahead; the caller has checked `available`. Headers only: it walks from the head. */
  byteAt(index: number): number {
    const at = this.#offset + index;
    return at < this.#head.length ? this.#head[at]! : this.#byteBehindHead(at - this.#head.length);
  }

  /** Apart, so that the common case above is small enough to be inlined. */
  #byteBehindHead(index: number): number {
    let at = index;
    for (let i = this.#first; i < this.#rest.length; i++) {
      const chunk = this.#rest[i]!;
      if (at < chunk.length) return chunk[at]!;
      at -= chunk.length;
    }
    if (this.#block !== null && at < this.#blockEnd) return this.#block[at]!;
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

  /** The next `bytes` will be taken as one, and not all of them are there yet. To be called after each read. */
  expect(bytes: number): void {
    if (bytes < READS.joinedFromBytes || this.#available * 2 < bytes) return;
    if (this.#joined === null) {
      this.#joined = Buffer.allocUnsafeSlow(bytes);
      this.#head.copy(this.#joined, 0, this.#offset);
      this.#head = this.#joined.subarray(0, this.#head.length - this.#offset);
      this.#offset = 0;
    }
    this.#join(this.#joined, READS.joinedAtOnceBytes);
  }

  /** Moves what follows the head into it: so many bytes, or as many as belong together. */
  #join(joined: Buffer, bytes: number): void {
    let filled = this.#head.length;
    const end = Math.min(joined.length, filled + bytes);
    while (filled < end) {
      if (this.#first === this.#rest.length) this.#closeBlock();
      const next = this.#rest[this.#first];
      if (next === undefined) break;
      const part = Math.min(next.length, joined.length - filled);
      next.copy(joined, filled, 0, part);
      filled += part;
      if (part < next.length) this.#rest[this.#first] = next.subarray(part);
      else this.#dropFirst();
    }
    this.#head = joined.subarray(0, filled);
  }

  /** Takes `bytes`, and says in `buffer` and `start` where they lie. The caller checked `available`. */
  take(bytes: number): void {
    if (this.#joined !== null) this.#join(this.#joined, Infinity);
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
    this.buffer = joined;
    this.start = 0;
  }

  /** Lets go of what the last `take` found: its taker has it, and may be the last who needs it. */
  forget(): void {
    this.buffer = NO_BYTES;
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
      if (this.#offset === this.#head.length) this.#nextHead();
    }
  }

  /** Everything not yet taken, or null when nothing is left. */
  takeAll(): Buffer | null {
    if (this.#available === 0) return null;
    const bytes = this.#available;
    this.take(bytes);
    return this.buffer.subarray(this.start, this.start + bytes);
  }

  #nextHead(): void {
    this.#offset = 0;
    this.#joined = null;
    if (this.#first === this.#rest.length) this.#closeBlock();
    const next = this.#rest[this.#first];
    if (next === undefined) {
      this.#head = NO_BYTES;
      return;
    }
    this.#head = next;
    this.#dropFirst();
  }

  /** Lets go of what it pins; the list itself is cut when half of it was used up. */
  #dropFirst(): void {
    this.#rest[this.#first++] = NO_BYTES;
    if (this.#first === this.#rest.length) {
      this.#rest = [];
      this.#first = 0;
    } else if (this.#first >= CUT_AT && this.#first * 2 >= this.#rest.length) {
      this.#rest = this.#rest.slice(this.#first);
      this.#first = 0;
    }
  }

  /** Copies a small read behind the others: into the open block, or into one twice as large as that was. */
  #gather(chunk: Buffer): void {
    if (this.#block !== null && this.#blockEnd + chunk.length > this.#block.length) {
      const { length } = this.#block;
      this.#closeBlock();
      this.#block = Buffer.allocUnsafeSlow(Math.min(2 * length, READS.blockMaxBytes));
    }
    this.#block ??= Buffer.allocUnsafeSlow(READS.blockMinBytes);
    this.#block.set(chunk, this.#blockEnd);
    this.#blockEnd += chunk.length;
  }

  #closeBlock(): void {
    if (this.#block === null) return;
    this.#rest.push(this.#block.subarray(0, this.#blockEnd));
    this.#block = null;
    this.#blockEnd = 0;
  }
}
