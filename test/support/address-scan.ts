// A tap between clients and a gate that sees every byte a client gets, as it came and as decoded (segments,
// compression), and notes each address in it that a client must not see. Tests choose addresses and data in
// which four bytes are not alike by chance: nodes on 127.0.0.2, .3, gates on 127.0.1.1.
import { once } from 'node:events';
import net from 'node:net';
import { COMPRESSIONS, type BodyCompression } from '../../src/protocol/compression.ts';
import { Frame } from '../../src/protocol/frame.ts';
import { FrameDecoder } from '../../src/protocol/frame-decoder.ts';
import { inetBytes } from '../../src/protocol/inet.ts';
import { decodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { SegmentDecoder } from '../../src/protocol/segment-decoder.ts';
import { usesSegments } from '../../src/protocol/versions.ts';

const MAX_FRAME_BYTES = 1 << 28;
/** What is noted is for a person to read: the first of many alike tell enough. */
const FINDINGS_KEPT = 1000;
const CONTEXT_BYTES = 48;

export interface AddressTapOptions {
  /** The gate's port, or where to ask for it at each connection: gates start after their tap. */
  readonly upstreamPort: number | (() => number);
  readonly upstreamHost?: string;
  /** Where clients come in: what the gate advertises. */
  readonly host?: string;
  readonly port?: number;
  /** Addresses (or host names) that no client may see. */
  readonly forbidden: readonly string[];
}

export interface Finding {
  /** Counts from 1 in the order of connections. */
  readonly connection: number;
  readonly address: string;
  /** In the bytes as they came, or in a decoded frame. */
  readonly where: 'bytes' | 'frame';
  readonly opcode: number | null;
  /** What stands around it, printable. */
  readonly context: string;
}

interface Pattern {
  readonly address: string;
  readonly bytes: Buffer;
}

export class AddressTap {
  readonly #server: net.Server;
  readonly #options: AddressTapOptions;
  readonly #patterns: readonly Pattern[];
  readonly #sockets = new Set<net.Socket>();
  #connections = 0;
  readonly findings: Finding[] = [];
  /** What was looked at, so that a test knows that something was. */
  readonly seen = { connections: 0, bytes: 0, frames: 0, undecoded: 0 };

  private constructor(server: net.Server, options: AddressTapOptions) {
    this.#server = server;
    this.#options = options;
    this.#patterns = options.forbidden.flatMap(patternsOf);
    server.on('connection', (client) => this.#connect(client));
  }

  static async start(options: AddressTapOptions): Promise<AddressTap> {
    const server = net.createServer({ noDelay: true });
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1');
    await once(server, 'listening');
    return new AddressTap(server, options);
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #connect(client: net.Socket): void {
    const { upstreamPort, upstreamHost } = this.#options;
    const port = typeof upstreamPort === 'number' ? upstreamPort : upstreamPort();
    const gate = net.connect({ port, host: upstreamHost ?? '127.0.0.1', noDelay: true });
    const number = ++this.#connections;
    this.seen.connections = number;
    const reading = new Reading({
      frame: (frame) => {
        this.seen.frames++;
        this.#search(frame.bytes(), { connection: number, where: 'frame', opcode: frame.opcode });
      },
      undecoded: () => {
        this.seen.undecoded++;
      },
    });
    const bytes = new Overlapping(Math.max(0, ...this.#patterns.map((one) => one.bytes.length)));
    client.on('data', (chunk: Buffer) => reading.sent(chunk));
    gate.on('data', (chunk: Buffer) => {
      this.seen.bytes += chunk.length;
      reading.received(chunk);
      const read = bytes.next(chunk);
      // Offsets and lengths of LZ4 look like an address now and then; its frames are searched as they are.
      if (reading.isCompressed) return;
      this.#search(read, { connection: number, where: 'bytes', opcode: null });
    });
    for (const [one, other] of [
      [client, gate],
      [gate, client],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroySoon();
      });
    }
  }

  #search(bytes: Buffer, at: Omit<Finding, 'address' | 'context'>): void {
    for (const { address, bytes: wanted } of this.#patterns) {
      const index = bytes.indexOf(wanted);
      if (index < 0 || this.findings.length >= FINDINGS_KEPT) continue;
      const context = bytes
        .toString(
          'latin1',
          Math.max(0, index - CONTEXT_BYTES),
          index + wanted.length + CONTEXT_BYTES,
        )
        .replace(/[^\x20-\x7e]/g, '.');
      this.findings.push({ ...at, address, context });
    }
  }
}

/** An address as its bytes, and in each way it may be written. */
function patternsOf(address: string): Pattern[] {
  const texts = new Set([address]);
  const bytes = inetBytes(address);
  if (bytes !== null) texts.add(bytes.toString('hex'));
  if (bytes?.length === 16) {
    // As Java writes it.
    const groups = Array.from({ length: 8 }, (_unused, i) =>
      bytes.readUInt16BE(2 * i).toString(16),
    );
    texts.add(groups.join(':'));
  }
  const patterns = [...texts].map((text) => ({ address, bytes: Buffer.from(text, 'latin1') }));
  return bytes === null ? patterns : [...patterns, { address, bytes }];
}

/** Chunks with the end of the one before, so that nothing hides between two. */
class Overlapping {
  readonly #longest: number;
  #before = Buffer.alloc(0);

  constructor(longest: number) {
    this.#longest = longest;
  }

  next(chunk: Buffer): Buffer {
    const bytes = Buffer.concat([this.#before, chunk]);
    // One byte less than the longest: what was found before is not found again.
    const kept = Math.min(bytes.length, Math.max(0, this.#longest - 1));
    this.#before = bytes.subarray(bytes.length - kept);
    return bytes;
  }
}

interface ReadingListener {
  frame(frame: Frame): void;
  /** From here on the bytes of this connection are looked at only as they came. */
  undecoded(): void;
}

/** Decodes what a client gets, by what it asked for in STARTUP. */
class Reading {
  readonly #listener: ReadingListener;
  #requests: FrameDecoder | null = new FrameDecoder({
    direction: 'request',
    version: null,
    maxFrameBytes: MAX_FRAME_BYTES,
  });
  #responses: FrameDecoder | SegmentDecoder | null = null;
  /** Of STARTUP, until it is answered. */
  #startup: { readonly compression: BodyCompression | null } | null = null;
  #isOver = false;
  #compression: BodyCompression | null = null;

  constructor(listener: ReadingListener) {
    this.#listener = listener;
  }

  /** What comes is compressed, and decoded. */
  get isCompressed(): boolean {
    return this.#compression !== null && !this.#isOver;
  }

  sent(chunk: Buffer): void {
    if (this.#requests === null) return;
    try {
      this.#requests.push(Buffer.from(chunk));
      for (let frame = this.#requests.next(); frame !== null; frame = this.#requests.next()) {
        if (!(frame instanceof Frame) || frame.opcode !== Opcode.STARTUP) continue;
        const name = decodeStartup(frame).get('COMPRESSION')?.toLowerCase() ?? '';
        this.#startup = { compression: COMPRESSIONS.get(name) ?? null };
        this.#requests = null;
        return;
      }
    } catch {
      // Not CQL, or of a version that the gate refuses.
      this.#requests = null;
    }
  }

  received(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      this.#responses ??= new FrameDecoder({
        direction: 'response',
        version: chunk[0]! & 0x7f,
        maxFrameBytes: MAX_FRAME_BYTES,
      });
      this.#responses.push(Buffer.from(chunk));
      for (let frame = this.#responses.next(); frame !== null; frame = this.#responses.next()) {
        if (!(frame instanceof Frame)) throw new Error('a frame over the limit');
        this.#listener.frame(frame);
        if (this.#startup !== null) this.#agreed(frame);
      }
    } catch {
      this.#isOver = true;
      this.#listener.undecoded();
    }
  }

  #agreed({ opcode, version }: Frame): void {
    if (opcode !== Opcode.READY && opcode !== Opcode.AUTHENTICATE) return;
    const { compression } = this.#startup!;
    this.#startup = null;
    this.#compression = compression;
    const decoder = this.#responses as FrameDecoder;
    if (!usesSegments(version)) {
      decoder.compression = compression;
      return;
    }
    const rest = decoder.takeRest();
    const segments = new SegmentDecoder({
      direction: 'response',
      version,
      maxFrameBytes: MAX_FRAME_BYTES,
      layout: compression === null ? PLAIN_SEGMENTS : LZ4_SEGMENTS,
    });
    segments.allowMultiSegment = true;
    if (rest !== null) segments.push(rest);
    this.#responses = segments;
  }
}
