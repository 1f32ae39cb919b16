// A node that answers as a test scripts it: for what a real one does only when it is ill.
import net from 'node:net';
import { encodeFrame, Frame } from '../../src/protocol/frame.ts';
import { FrameDecoder } from '../../src/protocol/frame-decoder.ts';
import {
  decodeAuthResponse,
  encodeAuthenticate,
  encodeToken,
} from '../../src/protocol/messages/auth.ts';
import { decodeBatch } from '../../src/protocol/messages/batch.ts';
import { decodePrepare } from '../../src/protocol/messages/prepare.ts';
import { decodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Writer } from '../../src/protocol/writer.ts';

export interface ScriptedRequest {
  readonly opcode: number;
  /** Of a QUERY or a PREPARE. */
  readonly text: string;
  readonly streamId: number;
  /** Header and body as they came. */
  readonly bytes: Buffer;
  /** The keyspace that a QUERY or BATCH names itself, or null. */
  readonly namedKeyspace: string | null;
  /** One object for all requests of a connection. */
  readonly connection: { keyspace: string | null; username: string };
  /** Answers now or later, once or more often. */
  readonly answer: (opcode: number, body: Buffer | null, streamId?: number) => void;
  /** Sends these bytes as they are. */
  readonly raw: (bytes: Buffer) => void;
  readonly close: () => void;
}

/** What is answered with another message than a result. */
const ANSWERS: ReadonlyMap<number, number> = new Map([
  [Opcode.OPTIONS, Opcode.SUPPORTED],
  [Opcode.REGISTER, Opcode.READY],
]);
function textOf(frame: Frame): string {
  if (frame.opcode === Opcode.QUERY) return decodeQuery(frame, 4).query;
  return frame.opcode === Opcode.PREPARE ? decodePrepare(frame, 4).query : '';
}

function namedKeyspaceOf(frame: Frame): string | null {
  if (frame.opcode === Opcode.QUERY) return decodeQuery(frame, 4).parameters.keyspace;
  return frame.opcode === Opcode.BATCH ? decodeBatch(frame, 4).keyspace : null;
}

const VOID = new Writer().writeInt(1).toBuffer();

export class ScriptedNode {
  readonly #server: net.Server;
  readonly sockets = new Set<net.Socket>();
  readonly #usernames = new Map<net.Socket, string>();
  readonly requests: ScriptedRequest[] = [];
  readonly port: number;
  /** Asked for each request after the login; true: answered (or left) by the script. */
  script: (request: ScriptedRequest) => boolean = () => false;
  logins = 0;
  refuseLogin = false;
  /** It accepts connections and reads, and answers nothing, as a stopped process does. */
  hangs = false;
  /** The username whose login is refused. */
  refuses: string | null = null;

  private constructor(server: net.Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', (socket) => this.#serve(socket));
  }

  static async start(port = 0): Promise<ScriptedNode> {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new ScriptedNode(server, (server.address() as net.AddressInfo).port);
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  /** Usernames of the connections that are logged in now. */
  connectedAs(): string[] {
    return [...this.#usernames.values()];
  }

  #serve(socket: net.Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#usernames.delete(socket));
    const connection = { keyspace: null, username: '' };
    const decoder = new FrameDecoder({ direction: 'request', version: 4, maxFrameBytes: 1 << 26 });
    socket.on('data', (chunk: Buffer) => {
      decoder.push(chunk);
      try {
        for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
          if (frame instanceof Frame) this.#handle(socket, frame, connection);
        }
      } catch {
        // It speaks v4 alone.
        socket.destroy();
      }
    });
  }

  #handle(socket: net.Socket, frame: Frame, connection: ScriptedRequest['connection']): void {
    const { opcode, streamId } = frame;
    const request: ScriptedRequest = {
      opcode,
      text: textOf(frame),
      streamId,
      bytes: frame.bytes(),
      namedKeyspace: namedKeyspaceOf(frame),
      connection,
      answer: (code, body, stream = streamId) =>
        socket.write(encodeFrame({ version: 4, opcode: code, streamId: stream, body })),
      raw: (bytes) => socket.write(bytes),
      close: () => socket.destroy(),
    };
    if (this.hangs) return;
    if (opcode === Opcode.STARTUP) {
      request.answer(Opcode.AUTHENTICATE, encodeAuthenticate('PasswordAuthenticator'));
      return;
    }
    if (opcode === Opcode.AUTH_RESPONSE) {
      this.logins++;
      const username = decodeAuthResponse(frame)?.toString().split('\0')[1];
      if (this.refuseLogin || username === this.refuses) {
        request.answer(Opcode.ERROR, new Writer().writeInt(0x0100).writeString('no').toBuffer());
      } else {
        this.#usernames.set(socket, username ?? '');
        connection.username = username ?? '';
        request.answer(Opcode.AUTH_SUCCESS, encodeToken(null));
      }
      return;
    }
    this.requests.push(request);
    if (this.script(request)) return;
    const keyspace = /^USE "?(\w+)"?$/.exec(request.text)?.[1];
    if (keyspace !== undefined) connection.keyspace = keyspace;
    const body =
      keyspace === undefined ? VOID : new Writer().writeInt(3).writeString(keyspace).toBuffer();
    request.answer(ANSWERS.get(opcode) ?? Opcode.RESULT, body);
  }
}
