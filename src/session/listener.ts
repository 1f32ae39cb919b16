// Accepts clients and keeps the list of sessions: admission before anything is read, one tick for
// all, schema events to those who asked.
import net from 'node:net';
import { SESSION } from '../limits.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import type { Gate } from './gate.ts';
import { Session } from './session.ts';

export class Listener {
  readonly #gate: Gate;
  readonly #server: net.Server;
  readonly #sessions = new Set<Session>();
  #timer: NodeJS.Timeout | null = null;

  constructor(gate: Gate) {
    this.#gate = gate;
    this.#server = net.createServer({ noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with the port listened on (another than asked for only when 0 was). */
  async listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: SESSION.acceptBacklog }, () => {
        this.#server.off('error', reject);
        this.#timer = setInterval(() => this.#tick(), SESSION.tickMs);
        resolve((this.#server.address() as net.AddressInfo).port);
      });
    });
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  schemaChanged(change: SchemaChange): void {
    for (const session of this.#sessions) session.schemaChanged(change);
  }

  /**
   * Stops accepting and serves what is there until it ends. After `timeoutMs` each session ends as
   * soon as its requests in flight are answered. Resolves when all are gone.
   */
  async drain(timeoutMs: number): Promise<void> {
    const closed = this.#stopAccepting();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.endAfterFlight('shutdown');
    }, timeoutMs);
    await closed;
    clearTimeout(timer);
  }

  /** Stops accepting and ends all sessions now; resolves when their sockets are closed. */
  async close(): Promise<void> {
    const closed = this.#stopAccepting();
    for (const session of this.#sessions) session.end('shutdown');
    await closed;
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Resolves when the last connection is closed. */
  async #stopAccepting(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(socket: net.Socket): void {
    const { metrics } = this.#gate;
    if (this.#sessions.size >= this.#gate.limits.sessions) {
      this.#gate.log.warn({ sessions: this.#sessions.size }, 'too many sessions; one was refused');
      metrics.counter('connections_total', 'refused').value++;
      socket.destroy();
      return;
    }
    metrics.counter('connections_total', 'accepted').value++;
    let session: Session | null = null;
    const ticket = this.#gate.admission.admit(socket.remoteAddress ?? '', () => {
      session?.end('evicted: too many connections without a login');
    });
    session = new Session({
      gate: this.#gate,
      socket,
      ticket,
      onClosed: (closed) => this.#sessions.delete(closed),
    });
    this.#sessions.add(session);
  }

  #tick(): void {
    const nowMs = Date.now();
    for (const session of this.#sessions) session.tick(nowMs);
  }
}
