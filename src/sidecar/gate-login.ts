// The sidecar's login to the gate for one client: the client's own STARTUP with the sidecar's hints beside it,
// then the token. Afterwards the two sockets carry the same bytes, whatever protocol they speak.
import { COMPRESSIONS } from '../protocol/compression.ts';
import { encodeFrame, Frame } from '../protocol/frame.ts';
import { FrameDecoder } from '../protocol/frame-decoder.ts';
import { encodeToken } from '../protocol/messages/auth.ts';
import { decodeError } from '../protocol/messages/error.ts';
import { encodeStartup } from '../protocol/messages/startup.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS, type SegmentLayout } from '../protocol/segment.ts';
import { SegmentDecoder } from '../protocol/segment-decoder.ts';
import { encodeSegments } from '../protocol/segment-encoder.ts';
import { hasBodyCompression, usesSegments } from '../protocol/versions.ts';
import { SIDECAR } from '../limits/commands.ts';

/** What a socket carries after STARTUP was answered: bare frames in v4, segments in v5. */
export interface Carriage {
  readonly decoder: FrameDecoder | SegmentDecoder;
  pack(frame: Buffer): Buffer[];
}

export function carriageOf(
  version: number,
  options: ReadonlyMap<string, string>,
  direction: 'request' | 'response',
): Carriage {
  const compression = (options.get('COMPRESSION') ?? '').toLowerCase();
  const maxFrameBytes = SIDECAR.handshakeFrameBytes;
  if (usesSegments(version)) {
    const layout: SegmentLayout = compression === 'lz4' ? LZ4_SEGMENTS : PLAIN_SEGMENTS;
    const decoder = new SegmentDecoder({ direction, version, maxFrameBytes, layout });
    return { decoder, pack: (frame) => encodeSegments([frame], layout) };
  }
  const decoder = new FrameDecoder({ direction, version, maxFrameBytes });
  if (hasBodyCompression(version)) decoder.compression = COMPRESSIONS.get(compression) ?? null;
  return { decoder, pack: (frame) => [frame] };
}

export interface GateLogin {
  readonly version: number;
  /** As the client sent them, and the sidecar's own. */
  readonly options: ReadonlyMap<string, string>;
  readonly role: string;
  readonly token: string;
}

/** What the gate's answers come to. Until one of the last three, `send` is to be written to it. */
export type Step =
  | { readonly type: 'send'; readonly bytes: readonly Buffer[] }
  | { readonly type: 'in' }
  /** The frame is the gate's own, for the client. */
  | { readonly type: 'refused'; readonly frame: Buffer; readonly message: string }
  | { readonly type: 'failed'; readonly message: string };

/** The first frame to the gate. */
export function startupFrame({ version, options }: GateLogin): Buffer {
  const body = encodeStartup(options);
  return encodeFrame({ version, opcode: Opcode.STARTUP, streamId: 0, body });
}

/** Frames of the gate to the next step. The stream id of what comes back is 0. */
export class GateLoginSteps {
  readonly #login: GateLogin;
  readonly #carriage: Carriage;
  #decoder: FrameDecoder | SegmentDecoder;

  constructor(login: GateLogin) {
    this.#login = login;
    this.#carriage = carriageOf(login.version, login.options, 'response');
    this.#decoder = new FrameDecoder({
      direction: 'response',
      version: null,
      maxFrameBytes: SIDECAR.handshakeFrameBytes,
    });
  }

  /** Bytes that came behind the last frame belong to the client; there are none before it asks. */
  read(chunk: Buffer): Step[] {
    const steps: Step[] = [];
    try {
      this.#readInto(steps, chunk);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      steps.push({ type: 'failed', message: `what answers is no gate: ${why}` });
    }
    return steps;
  }

  #readInto(steps: Step[], chunk: Buffer): void {
    this.#decoder.push(chunk);
    for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
      if (!(frame instanceof Frame)) {
        steps.push({ type: 'failed', message: 'the gate sent a frame over the limit' });
        break;
      }
      steps.push(this.#next(frame));
    }
  }

  #next(frame: Frame): Step {
    switch (frame.opcode) {
      case Opcode.AUTHENTICATE:
        this.#decoder = this.#carriage.decoder;
        return { type: 'send', bytes: this.#carriage.pack(this.#response()) };
      case Opcode.READY:
      case Opcode.AUTH_SUCCESS:
        return { type: 'in' };
      case Opcode.ERROR:
        return {
          type: 'refused',
          frame: Buffer.from(frame.bytes()),
          message: decodeError(frame).message,
        };
      default:
        return {
          type: 'failed',
          message: `the gate answered the login with opcode ${frame.opcode}`,
        };
    }
  }

  #response(): Buffer {
    const { version, role, token } = this.#login;
    const body = encodeToken(Buffer.from(`\0${role}\0${token}`));
    return encodeFrame({ version, opcode: Opcode.AUTH_RESPONSE, streamId: 0, body });
  }
}
