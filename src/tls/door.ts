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

export class TlsDoor {
  readonly #server: tls.Server;
  /** By the client's address and port, which TLSSocket and the socket below it share. */
  readonly #entering = new Map<string, Entering>();

  /** With `ca` a client certificate is required. */
  constructor(certificates: Certificates) {
    this.#server = tls.createServer({
      ...contextOf(certificates),
      requestCert: certificates.ca !== undefined,
      rejectUnauthorized: certificates.ca !== undefined,
    });
    const secured = (socket: tls.TLSSocket): void => this.#take(socket)?.secured(socket);
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
    this.#entering.set(key, entering);
    const closed = (): void => {
      if (this.#entering.get(key) !== entering) return;
      this.#entering.delete(key);
      entering.failed('closed');
    };
    const began = (first: Buffer): void => {
      socket.pause();
      socket.unshift(first);
      if (first[0] === HANDSHAKE_RECORD) this.#server.emit('connection', socket);
      else {
        this.#entering.delete(key);
        entering.plaintext(socket);
      }
    };
    socket.once('close', guarded('listener', closed));
    socket.once(
      'data',
      guarded('listener', began, () => void socket.destroy()),
    );
  }

  #take(socket: net.Socket): Entering | undefined {
    const key = keyOf(socket);
    const entering = this.#entering.get(key);
    this.#entering.delete(key);
    return entering;
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

function keyOf({ remoteAddress, remotePort }: net.Socket): string {
  return `${remoteAddress ?? ''} ${remotePort ?? 0}`;
}
