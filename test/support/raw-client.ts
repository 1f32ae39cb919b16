// A client that speaks frames, for what no driver would send.
import net from 'node:net';
import { COMPRESSIONS, type BodyCompression } from '../../src/protocol/compression.ts';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { FrameDecoder } from '../../src/protocol/frame-decoder.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { decodeError } from '../../src/protocol/messages/error.ts';
import { encodeToken } from '../../src/protocol/messages/auth.ts';
import { encodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { Writer } from '../../src/protocol/writer.ts';

export interface QueryExtras {
  readonly flags?: number;
  readonly keyspace?: string;
  readonly values?: readonly (Buffer | null)[];
}

export class RawClient {
  readonly socket: net.Socket;
  readonly version: number;
  #decoder: FrameDecoder | SegmentDecoder;
  readonly #views = new FrameViews();
  #frames: Frame[] = [];
  #waiting: ((frame: Frame | null) => void)[] = [];
  #nextStream = 1;
  /** Everything received, for tests that look at bytes. */
  readonly received: Buffer[] = [];
  closed = false;

  private constructor(socket: net.Socket, version: number) {
    this.socket = socket;
    this.version = version;
    this.#decoder = new FrameDecoder({ direction: 'response', version, maxFrameBytes: 1 << 28 });
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.received.push(chunk);
      this.#decoder.push(chunk);
      this.#drain();
    });
    socket.on('close', () => {
      this.closed = true;
      for (const waiting of this.#waiting) waiting(null);
      this.#waiting = [];
    });
  }

  static async connect(port: number, version = 4, host = '127.0.0.1'): Promise<RawClient> {
    const socket = net.connect({ port, host, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new RawClient(socket, version);
  }

  /** Over a socket that is connected already, for instance by TLS. */
  static over(socket: net.Socket, version = 4): RawClient {
    return new RawClient(socket, version);
  }

  static async login(
    port: number,
    username: string,
    token: string,
    version = 4,
    options: Record<string, string> = {},
    host = '127.0.0.1',
  ): Promise<RawClient> {
    const client = await RawClient.connect(port, version, host);
    const answer = await client.logIn(username, token, options);
    if (answer?.opcode !== Opcode.AUTH_SUCCESS) {
      throw new Error(answer === null ? 'closed' : decodeError(answer).message);
    }
    return client;
  }

  async startup(options: Record<string, string> = { CQL_VERSION: '3.0.0' }): Promise<Frame | null> {
    const answer = await this.request(
      Opcode.STARTUP,
      encodeStartup(new Map(Object.entries(options))),
    );
    if (answer?.opcode === Opcode.AUTHENTICATE || answer?.opcode === Opcode.READY) {
      this.#agreed(COMPRESSIONS.get(options['COMPRESSION'] ?? '') ?? null);
    }
    return answer;
  }

  async logIn(
    username: string,
    token: string,
    options: Record<string, string> = {},
  ): Promise<Frame | null> {
    await this.startup({ CQL_VERSION: '3.0.0', ...options });
    return this.authenticate(Buffer.from(`\0${username}\0${token}`));
  }

  async authenticate(sasl: Buffer): Promise<Frame | null> {
    return this.request(Opcode.AUTH_RESPONSE, encodeToken(sasl));
  }

  async query(text: string, extras: QueryExtras = {}): Promise<Frame | null> {
    const writer = new Writer().writeLongString(text);
    return this.request(Opcode.QUERY, this.#parameters(writer, extras));
  }

  async prepare(text: string, keyspace?: string): Promise<Frame | null> {
    const writer = new Writer().writeLongString(text);
    if (this.version === 5) {
      writer.writeInt(keyspace === undefined ? 0 : 1);
      if (keyspace !== undefined) writer.writeString(keyspace);
    }
    return this.request(Opcode.PREPARE, writer.toBuffer());
  }

  async execute(
    id: Buffer,
    extras: QueryExtras & { metadataId?: Buffer } = {},
  ): Promise<Frame | null> {
    const writer = new Writer().writeShortBytes(id);
    if (this.version === 5) writer.writeShortBytes(extras.metadataId ?? Buffer.alloc(16));
    return this.request(Opcode.EXECUTE, this.#parameters(writer, extras));
  }

  /** Children are texts or prepared ids; no values. */
  async batch(children: readonly (string | Buffer)[], keyspace?: string): Promise<Frame | null> {
    const writer = new Writer().writeByte(0).writeShort(children.length);
    for (const child of children) {
      if (typeof child === 'string') writer.writeByte(0).writeLongString(child);
      else writer.writeByte(1).writeShortBytes(child);
      writer.writeShort(0);
    }
    return this.request(
      Opcode.BATCH,
      this.#parameters(writer, keyspace === undefined ? {} : { keyspace }),
    );
  }

  async request(opcode: number, body: Buffer | null, flags = 0): Promise<Frame | null> {
    const streamId = this.#nextStream++;
    const frame = encodeFrame({ version: this.version, opcode, streamId, flags, body });
    this.#views.push(frame);
    this.write(Buffer.concat(this.#views.take()));
    return this.next();
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  /** The next frame, or null when the connection closed first. */
  async next(): Promise<Frame | null> {
    const ready = this.#frames.shift();
    if (ready !== undefined) return ready;
    if (this.closed) return null;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.socket.destroy();
  }

  #agreed(compression: BodyCompression | null): void {
    if (this.version === 4) {
      (this.#decoder as FrameDecoder).compression = compression;
      this.#views.compression = compression;
      return;
    }
    const layout = compression === null ? PLAIN_SEGMENTS : LZ4_SEGMENTS;
    this.#views.segments = layout;
    this.#decoder = new SegmentDecoder({
      direction: 'response',
      version: 5,
      maxFrameBytes: 1 << 28,
      layout,
    });
    this.#decoder.allowMultiSegment = true;
  }

  #parameters(writer: Writer, { flags = 0, keyspace, values = [] }: QueryExtras): Buffer {
    const all = flags | (keyspace === undefined ? 0 : 0x80) | (values.length === 0 ? 0 : 0x01);
    writer.writeShort(1);
    if (this.version === 5) writer.writeInt(all);
    else writer.writeByte(all);
    if (values.length > 0) {
      writer.writeShort(values.length);
      for (const value of values) writer.writeBytes(value);
    }
    if (keyspace !== undefined) writer.writeString(keyspace);
    return writer.toBuffer();
  }

  #drain(): void {
    for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
      if (!(frame instanceof Frame)) throw new Error('an oversized response');
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#frames.push(frame);
      else waiting(frame);
    }
  }
}

/** Code and text of an ERROR, for assertions that show both. */
export function errorOf(frame: Frame | null): { code: number; message: string } | null {
  return frame === null || frame.opcode !== Opcode.ERROR ? null : decodeError(frame);
}
