// The sidecar's port on this machine. It admits processes of its own user, or whoever knows its password, and serves
// each connection as one client.
import net from 'node:net';
import { Admission } from '../identity/admission.ts';
import { guarded } from '../guard.ts';
import { keepAliveOptions } from '../keep-alive.ts';
import { SIDECAR } from '../limits/commands.ts';
import { SidecarClient, type ClientOptions, type PasswordCheck } from './client.ts';
import { Complaints } from './complaints.ts';
import { PasswordGuard } from './password-guard.ts';
import { endsOf, ownerOf, type PeerOwner } from './peer-owner.ts';

export interface ServerOptions extends Pick<
  ClientOptions,
  'connect' | 'token' | 'role' | 'refused'
> {
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly keepAliveMs: number;
  /** The options for STARTUP, by the port that is in use. */
  readonly hints: (port: number) => ReadonlyMap<string, string>;
  /** Who may connect: the processes of one user, or everybody who knows a password. */
  readonly admits: { readonly uid: number } | { readonly password: string };
}

export class SidecarServer {
  readonly #options: ServerOptions;
  readonly #clients = new Set<SidecarClient>();
  readonly #complaints: Complaints;
  /** Connections that have not sent the password yet. */
  readonly #admission = new Admission({
    unauthenticatedConnections: SIDECAR.unauthenticated,
    unauthenticatedPerSource: SIDECAR.unauthenticatedPerUser,
  });
  readonly #guard: PasswordGuard | null;
  readonly #server: net.Server;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.refused);
    this.#guard = 'password' in options.admits ? new PasswordGuard(options.admits.password) : null;
    this.#server = net.createServer({
      noDelay: true,
      ...keepAliveOptions(options.keepAliveMs),
    });
    const accept = (socket: net.Socket): void => this.#accept(socket);
    const drop = (socket: net.Socket): void => void socket.destroy();
    this.#server.on('connection', guarded('sidecar', accept, drop));
  }

  /** Resolves with the port. */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, resolve);
    });
    this.#server.removeAllListeners('error');
    const failed = (error: Error): void =>
      this.#complaints.add(`a connection could not be accepted: ${error.message}`);
    this.#server.on('error', guarded('sidecar', failed));
    return (this.#server.address() as net.AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#complaints.close();
  }

  #accept(socket: net.Socket): void {
    socket.on('error', () => undefined);
    const { admits, connect, token, role, hints } = this.#options;
    const owner = peerOf(socket);
    if ('uid' in admits && owner?.uid !== admits.uid) {
      this.#refuse(socket, `a connection of ${nameOf(owner)} was closed`);
      return;
    }
    if (this.#clients.size >= SIDECAR.clients) {
      this.#refuse(socket, `more than ${SIDECAR.clients} connections at once`);
      return;
    }
    const client = new SidecarClient({
      socket,
      connect,
      token,
      role,
      hints: hints(socket.localPort ?? 0),
      password: this.#guard === null ? null : this.#asks(this.#guard, socket, owner),
      // When the row was read, it may have belonged to another connection already.
      isStillAdmitted: () => !('uid' in admits) || isSame(peerOf(socket), owner),
      refused: (message) => this.#complaints.add(message),
    });
    this.#clients.add(client);
    const closed = (): void => void this.#clients.delete(client);
    socket.once('close', guarded('sidecar', closed));
  }

  /** Asks this connection for the password. Until it is right, the connection counts as one without a login. */
  #asks(guard: PasswordGuard, socket: net.Socket, owner: PeerOwner | null): PasswordCheck {
    const source = nameOf(owner);
    const slot = this.#admission.admit(source, () => socket.destroy());
    socket.once(
      'close',
      guarded('sidecar', () => slot.release()),
    );
    return async (given) => {
      const verdict = await guard.check(source, given);
      if (verdict === 'right') slot.succeeded();
      else
        this.#complaints.add(
          `a password of ${source} was ${verdict === 'wrong' ? 'wrong' : 'not looked at: too many at once'}`,
        );
      return verdict;
    };
  }

  #refuse(socket: net.Socket, message: string): void {
    this.#complaints.add(message);
    socket.destroy();
  }
}

function peerOf(socket: net.Socket): PeerOwner | null {
  const ends = endsOf(socket);
  return ends === null ? null : ownerOf(ends.peer, ends.here);
}

function isSame(now: PeerOwner | null, before: PeerOwner | null): boolean {
  return now !== null && before !== null && now.uid === before.uid && now.inode === before.inode;
}

function nameOf(owner: PeerOwner | null): string {
  return owner === null ? 'an unknown user' : `user ${owner.uid}`;
}
