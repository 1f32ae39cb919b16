// Writes the notations of section 3 of the native protocol specification, one method for each.

const INITIAL_BYTES = 256;

export class Writer {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  writeByte(value: number): this {
    this.#reserve(1);
    this.#buffer[this.#length++] = value & 0xff;
    return this;
  }

  writeShort(value: number): this {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value & 0xffff, this.#length);
    return this;
  }

  writeInt(value: number): this {
    this.#reserve(4);
    this.#length = this.#buffer.writeInt32BE(value | 0, this.#length);
    return this;
  }

  /** Bytes as they are, without a length. */
  writeRaw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  writeString(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    // An [string] holds 65,535 bytes; a longer text (an error message) is cut, never mis-framed, and
    // never within a character: drivers decode strictly.
    let end = bytes.length;
    if (end > 0xffff) {
      end = 0xffff;
      while ((bytes[end]! & 0xc0) === 0x80) end--;
    }
    return this.writeShort(end).writeRaw(bytes.subarray(0, end));
  }

  writeLongString(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    return this.writeInt(bytes.length).writeRaw(bytes);
  }

  /** [bytes] and [value]: null is -1. */
  writeBytes(value: Uint8Array | null): this {
    return value === null ? this.writeInt(-1) : this.writeInt(value.length).writeRaw(value);
  }

  writeShortBytes(value: Uint8Array): this {
    return this.writeShort(value.length).writeRaw(value);
  }

  writeStringList(values: readonly string[]): this {
    this.writeShort(values.length);
    for (const value of values) this.writeString(value);
    return this;
  }

  writeStringMap(values: ReadonlyMap<string, string>): this {
    this.writeShort(values.size);
    for (const [key, value] of values) this.writeString(key).writeString(value);
    return this;
  }

  writeStringMultimap(values: ReadonlyMap<string, readonly string[]>): this {
    this.writeShort(values.size);
    for (const [key, list] of values) this.writeString(key).writeStringList(list);
    return this;
  }

  /** A copy of exactly what was written. */
  toBuffer(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length));
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#length + bytes));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
