// One application's connection: its start-up is answered here as by a node without authentication (or with the
// sidecar's own password), the gate is logged in to with the token, and from then on bytes pass both ways as
// they are.
import { timingSafeEqual } from 'node:crypto';
import type net from 'node:net';
import { AuthFault, CqlErrorCode, ProtocolFault } from '../errors.ts';
import { decodePlain } from '../identity/sasl-plain.ts';
import { SIDECAR } from '../limits.ts';
import { encodeFrame, Frame } from '../protocol/frame.ts';
import { FrameDecoder, UnsupportedVersionFault } from '../protocol/frame-decoder.ts';
import { decodeAuthResponse, encodeAuthenticate, encodeToken } from '../protocol/messages/auth.ts';
import { encodeError, type PlainErrorCode } from '../protocol/messages/error.ts';
import { decodeStartup } from '../protocol/messages/startup.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { carriageOf, GateLoginSteps, startupFrame, type Carriage } from './gate-login.ts';

const WRONG_PASSWORD = "the password is not that of the sidecar's --password-file";

export interface ClientOptions {
  readonly socket: net.Socket;
  /** A connection to the gate, on its way or there. */
  readonly connect: () => net.Socket;
  /** The token of this moment; rejects with what to do. */
  readonly token: () => Promise<string>;
  readonly role: string;
  /** Added to what the client says in STARTUP. */
  readonly hints: ReadonlyMap<string, string>;
  /** Asked of the application; null: any, or none. */
  readonly password: string | null;
  readonly refused: (message: string) => void;
}

export class SidecarClient {
  readonly #options: ClientOptions;
  readonly #socket: net.Socket;
  #decoder: FrameDecoder | Carriage['decoder'];
  #gate: net.Socket | null = null;
  #carriage: Carriage | null = null;
  #startup: Frame | null = null;
  /** Bytes pass both ways. */
  #joined = false;
  readonly #timer: NodeJS.Timeout;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onGateData = (chunk: Buffer): void => void this.#socket.write(chunk);

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#decoder = new FrameDecoder({
      direction: 'request',
      version: null,
      maxFrameBytes: SIDECAR.handshakeFrameBytes,
    });
    this.#socket.on('data', this.#onData);
    this.#socket.on('error', () => this.close());
    this.#socket.on('close', () => this.close());
    this.#timer = setTimeout(() => this.close(), SIDECAR.handshakeMs);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket.destroy();
    this.#gate?.destroy();
  }

  #read(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame !== null; frame = this.#decoder.next()) {
        if (!(frame instanceof Frame)) throw new ProtocolFault('a frame over the limit in a login');
        this.#handle(frame);
      }
    } catch (error) {
      if (error instanceof UnsupportedVersionFault) this.#socket.end(error.reply);
      else if (error instanceof ProtocolFault) {
        this.#refuse(CqlErrorCode.PROTOCOL_ERROR, error.message);
      } else throw error;
    }
  }

  #handle(frame: Frame): void {
    switch (frame.opcode) {
      case Opcode.OPTIONS:
        // What is offered is the gate's to say; it answers on the same stream.
        this.#gateNow().write(Buffer.from(frame.bytes()));
        return;
      case Opcode.STARTUP:
        if (this.#startup !== null) throw new ProtocolFault('a second STARTUP');
        this.#startup = frame;
        void this.#logIn(frame);
        return;
      case Opcode.AUTH_RESPONSE:
        if (this.#carriage !== null) this.#checkPassword(frame, this.#carriage);
        else throw new ProtocolFault('AUTH_RESPONSE before AUTHENTICATE');
        return;
      default:
        throw new ProtocolFault(`opcode ${frame.opcode} before STARTUP was answered`);
    }
  }

  /** The connection to the gate; until STARTUP what comes of it is passed on. */
  #gateNow(): net.Socket {
    if (this.#gate !== null) return this.#gate;
    const gate = this.#options.connect();
    this.#gate = gate;
    gate.setNoDelay(true);
    gate.on('error', (error) =>
      this.#failed(CqlErrorCode.SERVER_ERROR, `the gate can not be reached: ${error.message}`),
    );
    gate.on('close', () =>
      this.#failed(CqlErrorCode.SERVER_ERROR, 'the gate closed the connection'),
    );
    gate.on('data', this.#onGateData);
    return gate;
  }

  async #logIn(startup: Frame): Promise<void> {
    const { token, role, hints } = this.#options;
    try {
      const options = new Map([...decodeStartup(startup), ...hints]);
      const login = { version: startup.version, options, role, token: await token() };
      const gate = this.#gateNow();
      gate.off('data', this.#onGateData);
      const steps = new GateLoginSteps(login);
      const onData = (chunk: Buffer): void => {
        for (const step of steps.read(chunk)) {
          if (step.type === 'send') for (const bytes of step.bytes) gate.write(bytes);
          else {
            gate.off('data', onData);
            if (step.type === 'in') this.#loggedIn(startup, options);
            else if (step.type === 'refused') this.#failed(null, step.message, step.frame);
            else this.#failed(CqlErrorCode.SERVER_ERROR, step.message);
          }
        }
      };
      gate.on('data', onData);
      gate.write(startupFrame(login));
    } catch (error) {
      const { AUTH_ERROR, PROTOCOL_ERROR } = CqlErrorCode;
      const code = error instanceof ProtocolFault ? PROTOCOL_ERROR : AUTH_ERROR;
      this.#failed(code, error instanceof Error ? error.message : String(error));
    }
  }

  #loggedIn(startup: Frame, options: ReadonlyMap<string, string>): void {
    if (this.#options.password === null) {
      this.#answer(startup, Opcode.READY, null);
      this.#join();
      return;
    }
    const authenticator = 'org.apache.cassandra.auth.PasswordAuthenticator';
    this.#answer(startup, Opcode.AUTHENTICATE, encodeAuthenticate(authenticator));
    this.#carriage = carriageOf(startup.version, options, 'request');
    this.#decoder = this.#carriage.decoder;
  }

  #checkPassword(frame: Frame, carriage: Carriage): void {
    const wanted = Buffer.from(this.#options.password ?? '');
    let given = Buffer.alloc(0);
    try {
      given = Buffer.from(decodePlain(decodeAuthResponse(frame) ?? given).password);
    } catch (error) {
      if (!(error instanceof AuthFault)) throw error;
    }
    const isRight = given.length === wanted.length && timingSafeEqual(given, wanted);
    const { version, streamId } = frame;
    const answer = isRight
      ? encodeFrame({ version, opcode: Opcode.AUTH_SUCCESS, streamId, body: encodeToken(null) })
      : encodeError({ version, streamId }, WRONG_PASSWORD, { code: CqlErrorCode.AUTH_ERROR });
    for (const bytes of carriage.pack(answer)) this.#socket.write(bytes);
    if (isRight) this.#join();
    else this.#socket.end();
  }

  /** From here on the sidecar only passes bytes on; each side waits for the other where it is slow. */
  #join(): void {
    const gate = this.#gate!;
    this.#joined = true;
    clearTimeout(this.#timer);
    this.#socket.off('data', this.#onData);
    this.#socket.pipe(gate);
    gate.pipe(this.#socket);
  }

  /** `frame` is the gate's own answer to STARTUP or the token: the client's is the same on its stream. */
  #failed(code: PlainErrorCode | null, message: string, frame?: Buffer): void {
    if (this.#joined) {
      this.close();
      return;
    }
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#options.refused(message);
    if (frame !== undefined && this.#startup !== null) {
      new Frame(frame, 0, frame.length).setStreamId(this.#startup.streamId);
      this.#socket.end(frame);
    } else this.#refuse(code ?? CqlErrorCode.SERVER_ERROR, message);
  }

  #refuse(code: PlainErrorCode, message: string): void {
    const { version = SIDECAR.defaultVersion, streamId = 0 } = this.#startup ?? {};
    this.#socket.end(encodeError({ version, streamId }, message, { code }));
  }

  #answer({ version, streamId }: Frame, opcode: number, body: Buffer | null): void {
    this.#socket.write(encodeFrame({ version, opcode, streamId, body }));
  }
}
