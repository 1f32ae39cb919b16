// The TLS side of the listening port: what an accepted socket turns out to be, by its first byte. A
// TLS client becomes a secured socket; a plaintext one is handed on as it is, to be told.
import type net from 'node:net';
import tls from 'node:tls';
import { guarded } from '../guard.ts';
import type { Certificates } from './certificates.ts';

/** First byte of a TLS record that holds a handshake (RFC 8446 5.1); no CQL version looks like it. */
const HANDSHAKE_RECORD = 0x16;

export interface Entering {
  /** The handshake is done, and the client's certificate, where one is asked for, is good. */
  secured(socket: tls.TLSSocket): void;
  plaintext(socket: net.Socket): void;
  /** Its handshake failed; the socket is gone or going. `code` is OpenSSL's or Node's. */
  failed(code: string): void;
}

/** One that is told once what became of it. */
interface Waiting {
  readonly entering: Entering;
  isTold: boolean;
}

export class TlsDoor {
  readonly #server: tls.Server;
  /**
   * By the addresses and ports of both ends, which TLSSocket and the socket below it share. One that was reset may still be
   * here when the next with the same four comes: it is told of its own end all the same.
   */
  readonly #entering = new Map<string, Waiting>();

  /** With `ca` a client certificate is required. */
  constructor(certificates: Certificates) {
    this.#server = tls.createServer({
      ...contextOf(certificates),
      requestCert: certificates.ca !== undefined,
      rejectUnauthorized: certificates.ca !== undefined,
    });
    const secured = (socket: tls.TLSSocket): void => {
      const entering = this.#take(socket);
      // Nobody would end what nobody waits for.
      if (entering === null) socket.destroy();
      else entering.secured(socket);
    };
    const failed = (error: NodeJS.ErrnoException, socket: tls.TLSSocket): void => {
      this.#take(socket)?.failed(error.code ?? 'unknown');
      socket.destroy();
    };
    this.#server.on(
      'secureConnection',
      guarded('listener', secured, (socket) => void socket.destroy()),
    );
    this.#server.on('tlsClientError', guarded('listener', failed));
  }

  /** New connections are shown these; those that stand keep theirs. */
  renew(certificates: Certificates): void {
    this.#server.setSecureContext(contextOf(certificates));
  }

  enter(socket: net.Socket, entering: Entering): void {
    const key = keyOf(socket);
    const waiting: Waiting = { entering, isTold: false };
    this.#entering.set(key, waiting);
    const closed = (): void => {
      if (this.#entering.get(key) === waiting) this.#entering.delete(key);
      if (waiting.isTold) return;
      waiting.isTold = true;
      entering.failed('closed');
    };
    const began = (first: Buffer): void => {
      socket.pause();
      socket.unshift(first);
      if (first[0] === HANDSHAKE_RECORD) this.#server.emit('connection', socket);
      else this.#take(socket)?.plaintext(socket);
    };
    socket.once('close', guarded('listener', closed));
    socket.once(
      'data',
      guarded('listener', began, () => void socket.destroy()),
    );
  }

  #take(socket: net.Socket): Entering | null {
    const key = keyOf(socket);
    const waiting = this.#entering.get(key);
    if (waiting === undefined) return null;
    this.#entering.delete(key);
    waiting.isTold = true;
    return waiting.entering;
  }
}

function contextOf({ cert, key, ca }: Certificates): tls.SecureContextOptions {
  return {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
    minVersion: 'TLSv1.2',
  };
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: net.Socket): string {
  return [remoteAddress, remotePort, localAddress, localPort].join(' ');
}
