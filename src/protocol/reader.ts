// Reads the notations of section 3 of the native protocol specification, one method for each. Every
// read is checked against the end of the body; what does not fit is a ProtocolFault naming the field.
import { isUtf8 } from 'node:buffer';
import { MessageFault, ProtocolFault } from '../errors.ts';

/** The lengths of a [value] without bytes: -1 for null, -2 for one that is not set. */
const LEAST_VALUE_LENGTH = -2;

export class Reader {
  readonly buffer: Buffer;
  readonly end: number;
  readonly #streamId: number;
  offset: number;

  constructor(buffer: Buffer, start: number, end: number, streamId = 0) {
    this.buffer = buffer;
    this.offset = start;
    this.end = end;
    this.#streamId = streamId;
  }

  fault(message: string): ProtocolFault {
    return new ProtocolFault(message, this.#streamId);
  }

  /** Of a value that is read, and means nothing. */
  valueFault(message: string): MessageFault {
    return new MessageFault(message, this.#streamId);
  }

  readByte(field: string): number {
    this.#need(1, field);
    return this.buffer[this.offset++]!;
  }

  readShort(field: string): number {
    this.#need(2, field);
    const at = this.offset;
    this.offset = at + 2;
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!;
  }

  readInt(field: string): number {
    this.#need(4, field);
    const at = this.offset;
    this.offset = at + 4;
    const { buffer } = this;
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
  }

  readLong(field: string): bigint {
    this.#need(8, field);
    const value = this.buffer.readBigInt64BE(this.offset);
    this.offset += 8;
    return value;
  }

  readString(field: string): string {
    return this.#text(this.readShort(field), field);
  }

  /** A [string] that names something. U+0000 is refused there, as it is in CQL texts. */
  readName(field: string): string {
    const name = this.readString(field);
    if (name.includes('\0')) throw this.#nulIn(field);
    return name;
  }

  /** Steps over a [string] that names something. */
  skipName(field: string): void {
    const length = this.readShort(field);
    this.#need(length, field);
    const start = this.offset;
    const end = start + length;
    let bits = 0;
    while (this.offset < end) {
      const byte = this.buffer[this.offset++]!;
      if (byte === 0) throw this.#nulIn(field);
      bits |= byte;
    }
    if (bits > 0x7f && !isUtf8(this.buffer.subarray(start, end))) throw this.#notUtf8(field);
  }

  /** Steps over a [string], and says whether it is these bytes. */
  skipString(wanted: Buffer, field: string): boolean {
    const length = this.readShort(field);
    this.#need(length, field);
    const start = this.offset;
    this.offset = start + length;
    if (length !== wanted.length) return false;
    for (let i = 0; i < length; i++) if (this.buffer[start + i] !== wanted[i]) return false;
    return true;
  }

  readLongString(field: string): string {
    const length = this.readInt(field);
    if (length < 0) throw this.fault(`${field} has the negative length ${length}`);
    return this.#text(length, field);
  }

  /** [bytes] as a view, null for any negative length. */
  readBytes(field: string): Buffer | null {
    const length = this.readInt(field);
    if (length < 0) return null;
    this.#need(length, field);
    const view = this.buffer.subarray(this.offset, this.offset + length);
    this.offset += length;
    return view;
  }

  /** Steps over a [value]. Lengths below -2 are errors (v4 section 3). */
  skipValue(field: string): void {
    const length = this.readInt(field);
    if (length < LEAST_VALUE_LENGTH) throw this.fault(`${field} has the invalid length ${length}`);
    if (length < 0) return;
    this.#need(length, field);
    this.offset += length;
  }

  readShortBytes(field: string): Buffer {
    const length = this.readShort(field);
    this.#need(length, field);
    const view = this.buffer.subarray(this.offset, this.offset + length);
    this.offset += length;
    return view;
  }

  /** [inet]: the address's length, its bytes as a view, and a port. */
  readInet(field: string): { address: Buffer; port: number } {
    const address = this.readInetAddress(field);
    return { address, port: this.readInt(field) };
  }

  /** [inetaddr]: the address's length and its bytes as a view. */
  readInetAddress(field: string): Buffer {
    const length = this.readByte(field);
    if (length !== 4 && length !== 16) {
      throw this.fault(`${field} is an address of ${length} bytes`);
    }
    this.#need(length, field);
    const start = this.offset;
    this.offset = start + length;
    return this.buffer.subarray(start, this.offset);
  }

  skip(bytes: number, field: string): void {
    this.#need(bytes, field);
    this.offset += bytes;
  }

  readStringList(field: string): string[] {
    const count = this.readShort(field);
    const values: string[] = [];
    for (let i = 0; i < count; i++) values.push(this.readString(field));
    return values;
  }

  readStringMultimap(field: string): Map<string, string[]> {
    const count = this.readShort(field);
    const values = new Map<string, string[]>();
    for (let i = 0; i < count; i++) values.set(this.readString(field), this.readStringList(field));
    return values;
  }

  /** Bytes that no field accounts for could be read differently by the node: refused. */
  expectEnd(what: string): void {
    if (this.offset !== this.end) {
      throw this.fault(`${what} has ${this.end - this.offset} bytes after its last field`);
    }
  }

  /**
   * Cassandra decodes strictly; a decoder that replaces bad bytes would show the gate another text
   * than the node sees.
   */
  #text(length: number, field: string): string {
    this.#need(length, field);
    const start = this.offset;
    const end = start + length;
    this.offset = end;
    if (!isUtf8(this.buffer.subarray(start, end))) throw this.#notUtf8(field);
    return this.buffer.toString('utf8', start, end);
  }

  #notUtf8(field: string): ProtocolFault {
    return this.fault(`${field}: Cannot decode string as UTF8`);
  }

  #nulIn(field: string): ProtocolFault {
    return this.fault(`${field} holds the character U+0000, which cqlgate does not take`);
  }

  #need(bytes: number, field: string): void {
    if (bytes > this.end - this.offset) {
      throw this.fault(`the body ends within ${field}; check that the frame was built right`);
    }
  }
}
