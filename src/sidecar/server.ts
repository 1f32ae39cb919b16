// The sidecar's port on this machine: admits processes of its own user, and serves each as one client.
import net from 'node:net';
import { SIDECAR } from '../limits.ts';
import { SidecarClient, type ClientOptions } from './client.ts';
import { ownerOf } from './peer-owner.ts';

export interface ServerOptions extends Omit<ClientOptions, 'socket' | 'hints'> {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** By the port that it came to be. */
  readonly hints: (port: number) => ReadonlyMap<string, string>;
  /** User whose processes may connect; null: any, who then needs the password. */
  readonly uid: number | null;
}

export class SidecarServer {
  readonly #options: ServerOptions;
  readonly #clients = new Set<SidecarClient>();
  readonly #server: net.Server;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with the port. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () =>
        resolve((this.#server.address() as net.AddressInfo).port),
      );
    });
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(socket: net.Socket): void {
    socket.on('error', () => undefined);
    const { uid, refused, hints } = this.#options;
    if (uid !== null) {
      const owner = ownerOf(socket.remotePort ?? 0, socket.localPort ?? 0);
      if (owner !== uid) {
        refused(
          `a connection of ${owner === null ? 'an unknown user' : `user ${owner}`} was closed`,
        );
        socket.destroy();
        return;
      }
    }
    if (this.#clients.size >= SIDECAR.clients) {
      refused(`more than ${SIDECAR.clients} connections at once`);
      socket.destroy();
      return;
    }
    const client = new SidecarClient({
      ...this.#options,
      socket,
      hints: hints(socket.localPort ?? 0),
    });
    this.#clients.add(client);
    socket.once('close', () => this.#clients.delete(client));
  }
}
