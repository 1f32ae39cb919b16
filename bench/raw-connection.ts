// One client connection in the plainest form: connect, log in by PLAIN, one request after another.
// The load generator begins with it and then takes the socket; the responder asks the real node
// through it.
import net from 'node:net';
import tls from 'node:tls';
import { readFileSync } from 'node:fs';
import { bareFrames, codecOf, PLAIN_V4, type Codec, type Protocol } from './codec.ts';
import {
  bytes,
  describeError,
  HEADER_BYTES,
  prepareBody,
  type PreparedId,
  Opcode,
  queryBody,
  requestFrame,
  streamIdOf,
  stringMap,
} from './frames.ts';

/** A login behind a busy bcrypt takes seconds; nothing in a bench takes longer than this. */
const TIMEOUT_MS = 15_000;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Way {
  readonly protocol?: Protocol;
  /** File of the CA, for TLS. */
  readonly ca?: string;
}

export interface Response {
  readonly opcode: number;
  readonly body: Buffer;
}

interface Waiter {
  readonly resolve: (response: Response) => void;
  readonly reject: (cause: Error) => void;
}

export class RawConnection {
  readonly #socket: net.Socket;
  readonly #protocol: Protocol;
  /** What the socket carries from here on. */
  codec: Codec = bareFrames();
  #waiter: Waiter | null = null;
  #failure: Error | null = null;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onError = (cause: Error): void => this.#fail(cause);
  readonly #onClose = (): void => this.#fail(new Error('the peer closed the connection'));

  private constructor(socket: net.Socket, protocol: Protocol) {
    this.#socket = socket;
    this.#protocol = protocol;
    socket.on('data', this.#onData);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  /** Connects and logs in; rejects with the peer's own words when it refuses. */
  static async open(
    endpoint: Endpoint,
    credentials: Credentials,
    { protocol = PLAIN_V4, ca }: Way = {},
  ): Promise<RawConnection> {
    const socket =
      ca === undefined
        ? net.connect({ ...endpoint, noDelay: true })
        : tls.connect({ ...endpoint, ca: readFileSync(ca), servername: 'localhost' });
    if (ca !== undefined) socket.setNoDelay(true);
    const connection = new RawConnection(socket, protocol);
    const { compression } = protocol;
    try {
      const hello = await connection.request(
        Opcode.STARTUP,
        stringMap({
          CQL_VERSION: '3.0.0',
          DRIVER_NAME: 'cqlgate-bench',
          ...(compression === '' ? {} : { COMPRESSION: compression }),
        }),
      );
      connection.codec = codecOf(protocol, 'response');
      if (hello.opcode === Opcode.AUTHENTICATE) {
        const token = Buffer.from(`\0${credentials.username}\0${credentials.password}`);
        await connection.expect(Opcode.AUTH_SUCCESS, Opcode.AUTH_RESPONSE, bytes(token));
      } else if (hello.opcode !== Opcode.READY) throw refusal(Opcode.STARTUP, hello);
      return connection;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  async query(text: string): Promise<Buffer> {
    return this.expect(Opcode.RESULT, Opcode.QUERY, queryBody(text, this.#protocol.version));
  }

  /** Resolves with the prepared id. */
  async prepare(text: string): Promise<PreparedId> {
    const { version } = this.#protocol;
    const body = await this.expect(Opcode.RESULT, Opcode.PREPARE, prepareBody(text, version));
    // <int kind><short bytes id>[<short bytes result metadata id>]
    const end = 6 + body.readUInt16BE(4);
    const id = Buffer.from(body.subarray(6, end));
    if (version < 5) return { id, metadataId: null };
    return {
      id,
      metadataId: Buffer.from(body.subarray(end + 2, end + 2 + body.readUInt16BE(end))),
    };
  }

  /** The body of the answer; rejects when it has another opcode than the one wanted. */
  async expect(wanted: number, opcode: number, body: Buffer): Promise<Buffer> {
    const response = await this.request(opcode, body);
    if (response.opcode !== wanted) throw refusal(opcode, response);
    return response.body;
  }

  async request(opcode: number, body: Buffer): Promise<Response> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#waiter !== null) throw new Error('one request at a time');
    const timer = setTimeout(
      () => this.#fail(new Error(`no answer within ${TIMEOUT_MS} ms`)),
      TIMEOUT_MS,
    );
    try {
      return await new Promise<Response>((resolve, reject) => {
        this.#waiter = { resolve, reject };
        const frame = requestFrame(opcode, 0, body, this.#protocol.version);
        for (const part of this.codec.pack([frame])) this.#socket.write(part);
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Hands the socket over; nothing may be in flight. */
  release(): net.Socket {
    this.#socket.off('data', this.#onData);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
    return this.#socket;
  }

  close(): void {
    this.release().destroy();
  }

  #read(chunk: Buffer): void {
    this.codec.push(chunk, (buffer, start, end) => {
      // Events come on stream -1; nobody here asked for any.
      if (streamIdOf(buffer, start) !== 0) return;
      const waiter = this.#waiter;
      this.#waiter = null;
      const body = Buffer.from(buffer.subarray(start + HEADER_BYTES, end));
      waiter?.resolve({ opcode: buffer[start + 4]!, body });
    });
  }

  #fail(cause: Error): void {
    this.#failure ??= cause;
    this.#socket.destroy();
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(cause);
  }
}

function refusal(opcode: number, { opcode: answered, body }: Response): Error {
  const what = answered === Opcode.ERROR ? describeError(body) : `opcode ${answered}`;
  return new Error(`request with opcode ${opcode} was answered by ${what}`);
}
