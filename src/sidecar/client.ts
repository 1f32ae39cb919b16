// One application's connection: its start-up is answered here as by a node without authentication (or with the
// sidecar's own password, before anything is said to the gate), the gate is logged in to with the token, and from then
// on bytes pass both ways as they are.
import type net from 'node:net';
import { AuthFault, ProtocolFault } from '../errors.ts';
import { CqlErrorCode, type PlainErrorCode } from '../protocol/error-codes.ts';
import { decodePlain } from '../identity/sasl-plain.ts';
import { guarded, unattended } from '../guard.ts';
import { SIDECAR } from '../limits/commands.ts';
import { COMPRESSIONS } from '../protocol/compression.ts';
import { encodeFrame, Frame } from '../protocol/frame.ts';
import { FrameDecoder, UnsupportedVersionFault } from '../protocol/frame-decoder.ts';
import { decodeAuthResponse, encodeAuthenticate, encodeToken } from '../protocol/messages/auth.ts';
import { encodeError } from '../protocol/messages/error.ts';
import { decodeStartup } from '../protocol/messages/startup.ts';
import { checkOptions, encodeSupported } from '../protocol/messages/supported.ts';
import { Opcode } from '../protocol/opcodes.ts';
import { SUPPORTED_VERSIONS } from '../protocol/versions.ts';
import type { Verdict } from './password-guard.ts';
import { carriageOf, GateLoginSteps, startupFrame, type Carriage } from './gate-login.ts';

const REFUSALS: Readonly<Record<Exclude<Verdict, 'right'>, string>> = {
  wrong: "the password is not that of the sidecar's --password-file",
  'too many at once': 'too many passwords were wrong; connect again later',
};

/** Before the password nothing is asked of the gate, which decides on versions when it is spoken to. */
const SUPPORTED = encodeSupported(
  new Map([
    ['CQL_VERSION', ['3.4.7']],
    ['COMPRESSION', [...COMPRESSIONS.keys()]],
    ['PROTOCOL_VERSIONS', SUPPORTED_VERSIONS.map((one) => `${one}/v${one}`)],
  ]),
);

/** Judges a password, as slowly as it takes. */
export type PasswordCheck = (given: Uint8Array) => Promise<Verdict>;

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
  readonly password: PasswordCheck | null;
  /** Whether the connection is still that of the process that was let in. */
  readonly isStillAdmitted: () => boolean;
  readonly refused: (message: string) => void;
}

export class SidecarClient {
  readonly #settings: ClientOptions;
  readonly #socket: net.Socket;
  #decoder: FrameDecoder | Carriage['decoder'];
  #gate: net.Socket | null = null;
  #carriage: Carriage | null = null;
  #startup: Frame | null = null;
  /** What may come next; after STARTUP that is nothing, or where one is asked for a password, once. */
  #expects: 'startup' | 'password' | 'nothing' = 'startup';
  /** The request whose stream id the outcome of the login is answered on. */
  #login: Frame | null = null;
  /** Bytes pass both ways. */
  #joined = false;
  readonly #timer: NodeJS.Timeout;
  readonly #end = (): void => this.close();
  readonly #onEnd = guarded('sidecar', this.#end);
  readonly #onData = guarded('sidecar', (chunk: Buffer) => this.#read(chunk), this.#end);
  readonly #onGateData = guarded(
    'sidecar',
    (chunk: Buffer) => void this.#socket.write(chunk),
    this.#end,
  );

  constructor(options: ClientOptions) {
    this.#settings = options;
    this.#socket = options.socket;
    this.#decoder = new FrameDecoder({
      direction: 'request',
      version: null,
      maxFrameBytes: SIDECAR.handshakeFrameBytes,
    });
    this.#socket.on('data', this.#onData);
    this.#socket.on('error', this.#onEnd);
    this.#socket.on('close', this.#onEnd);
    this.#timer = setTimeout(this.#onEnd, SIDECAR.handshakeMs);
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
      } else this.#refuse(CqlErrorCode.SERVER_ERROR, 'an internal fault of the sidecar');
    }
  }

  #handle(frame: Frame): void {
    if (frame.opcode === Opcode.OPTIONS && this.#expects === 'startup') this.#options(frame);
    else if (frame.opcode === Opcode.STARTUP && this.#expects === 'startup') this.#started(frame);
    else if (frame.opcode === Opcode.AUTH_RESPONSE && this.#expects === 'password') {
      this.#expects = 'nothing';
      unattended('sidecar', this.#checkPassword(frame), this.#end);
    } else
      throw new ProtocolFault(`opcode ${frame.opcode} is not expected at this point of a login`);
  }

  /** Where no password stands before it, what is offered is the gate's to say; it answers on the same stream. */
  #options(frame: Frame): void {
    if (this.#settings.password === null) this.#gateNow().write(Buffer.from(frame.bytes()));
    else {
      checkOptions(frame);
      this.#answer(frame, Opcode.SUPPORTED, SUPPORTED);
    }
  }

  #started(frame: Frame): void {
    this.#startup = frame;
    this.#login = frame;
    if (this.#settings.password === null) {
      this.#expects = 'nothing';
      unattended('sidecar', this.#logIn(frame), this.#end);
      return;
    }
    const options = decodeStartup(frame);
    this.#expects = 'password';
    const authenticator = 'org.apache.cassandra.auth.PasswordAuthenticator';
    this.#answer(frame, Opcode.AUTHENTICATE, encodeAuthenticate(authenticator));
    this.#carriage = carriageOf(frame.version, options, 'request');
    this.#decoder = this.#carriage.decoder;
  }

  /** The connection to the gate; until STARTUP what comes of it is passed on. */
  #gateNow(): net.Socket {
    if (this.#gate !== null) return this.#gate;
    const gate = this.#settings.connect();
    this.#gate = gate;
    gate.setNoDelay(true);
    const failed = (error: Error): void =>
      this.#failed(CqlErrorCode.SERVER_ERROR, `the gate can not be reached: ${error.message}`);
    const closed = (): void =>
      this.#failed(CqlErrorCode.SERVER_ERROR, 'the gate closed the connection');
    gate.on('error', guarded('sidecar', failed, this.#end));
    gate.on('close', guarded('sidecar', closed, this.#end));
    gate.on('data', this.#onGateData);
    return gate;
  }

  async #logIn(startup: Frame): Promise<void> {
    const { token, role, hints } = this.#settings;
    try {
      const options = new Map([...decodeStartup(startup), ...hints]);
      const login = { version: startup.version, options, role, token: await token() };
      // Nobody would end a connection to the gate that is opened for one who left.
      if (this.#socket.destroyed) return;
      const gate = this.#gateNow();
      gate.off('data', this.#onGateData);
      const steps = new GateLoginSteps(login);
      const read = (chunk: Buffer): void => {
        for (const step of steps.read(chunk)) {
          if (step.type === 'send') for (const bytes of step.bytes) gate.write(bytes);
          else {
            gate.off('data', onData);
            if (step.type === 'in') this.#loggedIn();
            else if (step.type === 'refused') this.#failed(null, step.message, step.frame);
            else this.#failed(CqlErrorCode.SERVER_ERROR, step.message);
          }
        }
      };
      const onData = guarded('sidecar', read, this.#end);
      gate.on('data', onData);
      gate.write(startupFrame(login));
    } catch (error) {
      const { AUTH_ERROR, PROTOCOL_ERROR } = CqlErrorCode;
      const code = error instanceof ProtocolFault ? PROTOCOL_ERROR : AUTH_ERROR;
      this.#failed(code, error instanceof Error ? error.message : String(error));
    }
  }

  #loggedIn(): void {
    if (this.#socket.destroyed) {
      this.close();
      return;
    }
    if (!this.#settings.isStillAdmitted()) {
      this.#settings.refused(
        'a connection was closed: it is no longer that of the process that was let in',
      );
      this.close();
      return;
    }
    if (this.#carriage === null) this.#answer(this.#login!, Opcode.READY, null);
    else this.#answer(this.#login!, Opcode.AUTH_SUCCESS, encodeToken(null));
    this.#join();
  }

  async #checkPassword(frame: Frame): Promise<void> {
    this.#login = frame;
    try {
      const verdict = await this.#settings.password!(passwordOf(frame));
      if (this.#socket.destroyed) return;
      if (verdict === 'right') await this.#logIn(this.#startup!);
      else this.#refuse(CqlErrorCode.AUTH_ERROR, REFUSALS[verdict]);
    } catch (error) {
      this.#refuse(
        CqlErrorCode.PROTOCOL_ERROR,
        error instanceof ProtocolFault ? error.message : 'the password could not be read',
      );
    }
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
    this.#settings.refused(message);
    if (frame !== undefined && this.#login !== null) {
      new Frame(frame, 0, frame.length).setStreamId(this.#login.streamId);
      this.#write(frame);
      this.#socket.end();
    } else this.#refuse(code ?? CqlErrorCode.SERVER_ERROR, message);
  }

  #refuse(code: PlainErrorCode, message: string): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    const { version = SIDECAR.defaultVersion, streamId = 0 } = this.#login ?? {};
    this.#write(encodeError({ version, streamId }, message, { code }));
    this.#socket.end();
  }

  #answer({ version, streamId }: Frame, opcode: number, body: Buffer | null): void {
    this.#write(encodeFrame({ version, opcode, streamId, body }));
  }

  /** As what the connection carries: once STARTUP was answered, segments in v5. */
  #write(frame: Buffer): void {
    for (const bytes of this.#carriage?.pack(frame) ?? [frame]) this.#socket.write(bytes);
  }
}

function passwordOf(frame: Frame): Uint8Array {
  try {
    return Buffer.from(decodePlain(decodeAuthResponse(frame) ?? Buffer.alloc(0)).password);
  } catch (error) {
    // Nothing that could be one: as wrong as any other.
    if (error instanceof AuthFault) return Buffer.alloc(0);
    throw error;
  }
}
