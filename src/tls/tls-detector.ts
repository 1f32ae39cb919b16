// The TLS side of the listening port: whether the client of an accepted socket speaks TLS is detected by its
// first byte. A TLS client becomes a secured socket; a plaintext one is handed on as it is, because only an
// answer in CQL can say to its user that TLS is required.
import type net from 'node:net';
import tls from 'node:tls';
import { guarded } from '../guard.ts';
import type { Certificates } from './certificates.ts';

/** First byte of a TLS record that holds a handshake (RFC 8446 5.1); no CQL version looks like it. */
const HANDSHAKE_RECORD = 0x16;

export interface DetectionListener {
  /** The handshake is done, and the client's certificate, where one is asked for, is good. */
  secured(socket: tls.TLSSocket): void;
  plaintext(socket: net.Socket): void;
  /** The handshake failed, and the socket is closed or about to be. `code` is OpenSSL's or Node's. */
  failed(code: string): void;
}

/** A socket whose kind is not known yet. Its listener is called exactly once. */
interface Pending {
  readonly listener: DetectionListener;
  isSettled: boolean;
}

export class TlsDetector {
  readonly #server: tls.Server;
  /**
   * By the addresses and ports of both ends, which a TLSSocket and the socket below it share. A socket that was reset may
   * still be here when the next one with the same addresses and ports comes; its listener hears of its own end all the same.
   */
  readonly #pending = new Map<string, Pending>();

  /** With `ca` a client certificate is required. */
  constructor(certificates: Certificates) {
    this.#server = tls.createServer({
      ...contextOf(certificates),
      requestCert: certificates.ca !== undefined,
      rejectUnauthorized: certificates.ca !== undefined,
    });
    const secured = (socket: tls.TLSSocket): void => {
      const listener = this.#take(socket);
      // Without a listener nobody would ever close it.
      if (listener === null) socket.destroy();
      else listener.secured(socket);
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

  /** Shown to new connections; established ones keep the certificates they began with. */
  renew(certificates: Certificates): void {
    this.#server.setSecureContext(contextOf(certificates));
  }

  detect(socket: net.Socket, listener: DetectionListener): void {
    const key = keyOf(socket);
    const pending: Pending = { listener, isSettled: false };
    this.#pending.set(key, pending);
    const closed = (): void => {
      if (this.#pending.get(key) === pending) this.#pending.delete(key);
      if (pending.isSettled) return;
      pending.isSettled = true;
      listener.failed('closed');
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

  /** Ends the detection; null where none is under way for this socket. */
  #take(socket: net.Socket): DetectionListener | null {
    const key = keyOf(socket);
    const pending = this.#pending.get(key);
    if (pending === undefined) return null;
    this.#pending.delete(key);
    pending.isSettled = true;
    return pending.listener;
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
