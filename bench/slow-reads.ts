// Stands before a real node and passes everything on, but for the answers of requests whose bytes hold a marker: those
// come as late as a read that takes long, and cost the node nothing meanwhile. It counts the connections.
import net from 'node:net';
import { Frame } from '../src/protocol/frame.ts';
import { FrameDecoder } from '../src/protocol/frame-decoder.ts';
import { FrameViews } from '../src/protocol/frame-views.ts';
import { Opcode } from '../src/protocol/opcodes.ts';
import { SegmentDecoder } from '../src/protocol/segment-decoder.ts';
import { PLAIN_SEGMENTS } from '../src/protocol/segment.ts';
import { usesSegments } from '../src/protocol/versions.ts';

export const SLOW = 'slow_read';
const MAX_FRAME_BYTES = 1 << 28;

export class SlowReads {
  readonly port: number;
  /** Connections that are open, and the most that were at once. */
  open = 0;
  mostOpen = 0;
  /** Logins in all, that is connections that were let in. */
  logins = 0;
  readonly #server: net.Server;
  readonly #nodePort: number;
  readonly #delayMs: number;
  readonly #sockets = new Set<net.Socket>();

  private constructor(server: net.Server, nodePort: number, delayMs: number) {
    this.#server = server;
    this.#nodePort = nodePort;
    this.#delayMs = delayMs;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (client) => this.#serve(client));
  }

  static async start(nodePort: number, delayMs: number): Promise<SlowReads> {
    const server = net.createServer({ noDelay: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 4096, resolve));
    return new SlowReads(server, nodePort, delayMs);
  }

  /** Counts anew. */
  reset(): void {
    this.mostOpen = this.open;
    this.logins = 0;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #serve(client: net.Socket): void {
    const node = net.connect({ port: this.#nodePort, host: '127.0.0.1', noDelay: true });
    this.open++;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    for (const socket of [client, node]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        node.destroy();
      });
    }
    client.on('close', () => this.open--);
    const slow = new Set<number>();
    const requests = new Watched('request');
    const answers = new Watched('response');
    client.on('data', (chunk: Buffer) => {
      node.write(chunk);
      for (const frame of requests.frames(chunk)) {
        if (frame.bytes().includes(SLOW)) slow.add(frame.streamId);
      }
    });
    const views = new FrameViews();
    const pass = (frame: Frame): void => {
      views.push(Buffer.from(frame.bytes()));
      if (!client.destroyed) client.write(Buffer.concat(views.take()));
    };
    node.on('data', (chunk: Buffer) => {
      for (const frame of answers.frames(chunk)) {
        if (slow.delete(frame.streamId)) setTimeout(() => pass(frame), this.#delayMs);
        else pass(frame);
        if (frame.opcode === Opcode.AUTH_SUCCESS) this.logins++;
        const isAgreed = frame.opcode === Opcode.AUTHENTICATE || frame.opcode === Opcode.READY;
        if (!isAgreed || !usesSegments(frame.version)) continue;
        requests.agreed(frame.version);
        answers.agreed(frame.version);
        views.segments = PLAIN_SEGMENTS;
      }
    });
  }
}

/** The frames of one direction. */
class Watched {
  readonly #direction: 'request' | 'response';
  #decoder: FrameDecoder | SegmentDecoder;

  constructor(direction: 'request' | 'response') {
    this.#direction = direction;
    this.#decoder = new FrameDecoder({ direction, version: null, maxFrameBytes: MAX_FRAME_BYTES });
  }

  *frames(chunk: Buffer): Generator<Frame> {
    this.#decoder.push(chunk);
    for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
      if (frame instanceof Frame) yield frame.whole();
    }
  }

  agreed(version: number): void {
    const rest = this.#decoder instanceof FrameDecoder ? this.#decoder.takeRest() : null;
    this.#decoder = new SegmentDecoder({
      direction: this.#direction,
      version,
      maxFrameBytes: MAX_FRAME_BYTES,
    });
    this.#decoder.allowMultiSegment = true;
    if (rest !== null) this.#decoder.push(rest);
  }
}
