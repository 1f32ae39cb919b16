// Bytes to frames, for v4 and for the part of v5 before segments. `push` what was read, then `next`
// until it is null; the caller may stop in between and go on later.
import { ProtocolFault } from '../errors.ts';
import { ByteQueue } from './byte-queue.ts';
import { decompressed, isCompressed, isForThread, type BodyCompression } from './compression.ts';
import { Frame, HEADER_BYTES, KNOWN_REQUEST_FLAGS } from './frame.ts';
import { Opcode, opcodeRow } from './opcodes.ts';
import { isSupportedVersion, unsupportedVersionReply } from './versions.ts';

const RESPONSE_BIT = 0x80;

export interface FrameDecoderOptions {
  readonly direction: 'request' | 'response';
  /** null: any supported version, until it is set. */
  readonly version: number | null;
  /** Header and body together. */
  readonly maxFrameBytes: number;
  /** Results above this that came in several reads are not joined (`Frame.rest`); default: all are. */
  readonly partsFromBytes?: number;
}

/** A frame over the limit. Its body is swallowed as it comes; the connection may live on. */
export class OversizedFrame {
  readonly version: number;
  readonly streamId: number;
  readonly opcode: number;
  readonly byteLength: number;
  constructor(version: number, streamId: number, opcode: number, byteLength: number) {
    this.version = version;
    this.streamId = streamId;
    this.opcode = opcode;
    this.byteLength = byteLength;
  }
}

/** The client speaks a version the gate does not; `reply` is what makes its driver choose another. */
export class UnsupportedVersionFault extends ProtocolFault {
  readonly reply: Buffer;
  constructor(reply: Buffer) {
    super('unsupported protocol version');
    this.reply = reply;
  }
}

export class FrameDecoder {
  readonly #bytes = new ByteQueue();
  readonly #direction: 'request' | 'response';
  readonly #partsFromBytes: number;
  #skipping = 0;
  /** Of the frame that is not whole yet, where its header is. */
  #awaitedBytes = 0;
  version: number | null;
  /** Header and body, as they came and as they are when decompressed. */
  maxFrameBytes: number;
  /**
   * As agreed on in STARTUP; frames are handed out decompressed, but for requests whose body is for a thread: they
   * still have their flag.
   */
  compression: BodyCompression | null = null;
  /** What came out of compressed bodies here, since whoever counts it set it to zero. */
  decompressedBytes = 0;

  constructor({
    direction,
    version,
    maxFrameBytes,
    partsFromBytes = Infinity,
  }: FrameDecoderOptions) {
    this.#direction = direction;
    this.#partsFromBytes = partsFromBytes;
    this.version = version;
    this.maxFrameBytes = maxFrameBytes;
  }

  get bufferedBytes(): number {
    return this.#bytes.available;
  }

  /** What it holds, or will hold when the frame at hand is whole. */
  get reservedBytes(): number {
    return Math.max(this.#bytes.available, this.#awaitedBytes);
  }

  /** A frame began, or is stepped over, that did not come to its end. */
  get isMidFrame(): boolean {
    return this.#bytes.available > 0 || this.#skipping > 0;
  }

  push(chunk: Buffer): void {
    this.#bytes.push(chunk);
  }

  next(): Frame | OversizedFrame | null {
    const bytes = this.#bytes;
    if (this.#skipping > 0) {
      const part = Math.min(this.#skipping, bytes.available);
      bytes.skip(part);
      this.#skipping -= part;
    }
    if (bytes.available === 0) return null;
    this.#checkVersion(bytes.byteAt(0));
    if (bytes.available < HEADER_BYTES) return null;
    const length = bytes.uint32At(5);
    const opcode = bytes.byteAt(4);
    const streamId = ((bytes.byteAt(2) << 24) >> 16) | bytes.byteAt(3);
    checkHeader(this.#direction, bytes.byteAt(1), opcode, length, streamId);
    const frameBytes = HEADER_BYTES + length;
    if (frameBytes > this.maxFrameBytes) {
      const version = bytes.byteAt(0) & 0x7f;
      this.#skipping = frameBytes;
      this.#awaitedBytes = 0;
      const part = Math.min(frameBytes, bytes.available);
      bytes.skip(part);
      this.#skipping -= part;
      return new OversizedFrame(version, streamId, opcode, frameBytes);
    }
    if (bytes.available < frameBytes) {
      this.#awaitedBytes = frameBytes;
      if (!this.#mayStayInParts(frameBytes, opcode)) bytes.expect(frameBytes);
      return null;
    }
    this.#awaitedBytes = 0;
    if (this.#mayStayInParts(frameBytes, opcode)) {
      const [first, ...rest] = bytes.takeParts(frameBytes);
      return new Frame(first!, 0, first!.length, rest);
    }
    bytes.take(frameBytes);
    const frame = new Frame(bytes.buffer, bytes.start, bytes.start + frameBytes);
    bytes.forget();
    return frame.flags !== 0 && isCompressed(frame) ? this.#decompress(frame) : frame;
  }

  /** What came behind the last frame, for the decoder that goes on from here. */
  takeRest(): Buffer | null {
    return this.#bytes.takeAll();
  }

  /** A result as plain as can be: what has warnings, a trace or a payload is read, and what is compressed. */
  #mayStayInParts(frameBytes: number, opcode: number): boolean {
    if (frameBytes <= this.#partsFromBytes) return false;
    const { contiguous } = this.#bytes;
    const isPlain = opcode === Opcode.RESULT && this.#bytes.byteAt(1) === 0;
    return isPlain && contiguous >= HEADER_BYTES && contiguous < frameBytes;
  }

  /** The stated length is looked at before anything is allocated for it. */
  #decompress(frame: Frame): Frame | OversizedFrame {
    const { compression } = this;
    const { version, streamId, opcode } = frame;
    if (compression === null) {
      throw new ProtocolFault(
        'the frame is compressed, but no compression was agreed on in STARTUP',
        streamId,
      );
    }
    const body = frame.buffer.subarray(frame.bodyStart, frame.end);
    const bytes = HEADER_BYTES + compression.uncompressedBytes(body);
    if (Number.isNaN(bytes)) {
      throw new ProtocolFault(`the ${compression.name} body does not state its length`, streamId);
    }
    if (bytes > this.maxFrameBytes) return new OversizedFrame(version, streamId, opcode, bytes);
    if (this.#direction === 'request' && isForThread(compression, bytes - HEADER_BYTES)) {
      return frame;
    }
    this.decompressedBytes += bytes;
    return decompressed(frame, compression);
  }

  #checkVersion(byte: number): void {
    const version = byte & 0x7f;
    if (((byte & RESPONSE_BIT) !== 0) !== (this.#direction === 'response')) {
      throw new ProtocolFault(`a ${this.#direction} was expected; its first byte is ${byte}`);
    }
    if (version === this.version) return;
    if (this.version === null) {
      if (isSupportedVersion(version)) return;
      const available = Math.min(4, this.#bytes.available);
      const head = Buffer.alloc(available);
      for (let i = 0; i < available; i++) head[i] = this.#bytes.byteAt(i);
      const reply = unsupportedVersionReply(head);
      if (reply !== null) throw new UnsupportedVersionFault(reply);
      return;
    }
    const streamId =
      this.#bytes.available < 4 ? 0 : ((this.#bytes.byteAt(2) << 24) >> 16) | this.#bytes.byteAt(3);
    throw versionChanged(version, this.version, streamId);
  }
}

export function versionChanged(got: number, before: number, streamId: number): ProtocolFault {
  return new ProtocolFault(
    `Invalid message version. Got ${got}/v${got} but previous messages on this connection had version ${before}/v${before}`,
    streamId,
  );
}

/** Checks that hold for any frame, whatever carries it. */
export function checkHeader(
  direction: 'request' | 'response',
  flags: number,
  opcode: number,
  length: number,
  streamId: number,
): void {
  if (length > 0x7fffffff) {
    throw new ProtocolFault(`the body length ${length | 0} is negative`, streamId);
  }
  const row = opcodeRow(opcode);
  if (row === undefined) throw new ProtocolFault(`Unknown opcode ${opcode}`, streamId);
  if (row.direction !== direction) {
    throw new ProtocolFault(`${row.name} is no ${direction} message`, streamId);
  }
  // What the gate does not know might one day mean something to a node.
  const unknown = flags & ~KNOWN_REQUEST_FLAGS;
  if (direction === 'request' && unknown !== 0) {
    const text = `header flags 0x${unknown.toString(16)} are not known here; use a driver of protocol v4 or v5`;
    throw new ProtocolFault(text, streamId);
  }
}
