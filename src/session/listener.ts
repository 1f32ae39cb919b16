// Accepts clients and keeps the list of sessions: admission before anything is read, one tick for
// all, schema events to those who asked.
import net from 'node:net';
import { TLSSocket } from 'node:tls';
import { earliest, later, monotonicMs, type MonotonicMs } from '../clock.ts';
import { guarded, guardedEach } from '../guard.ts';
import { keepAliveOptions } from '../keep-alive.ts';
import { PROXY, SESSION } from '../limits/session.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import type { TlsDetector } from '../tls/tls-detector.ts';
import type { Gate } from './gate.ts';
import { readProxyHeader } from './read-proxy-header.ts';
import { ProxySources } from './proxy-sources.ts';
import { Seldom } from './seldom.ts';
import { Session } from './session.ts';
import type { SessionInfo } from './session-identity.ts';
import { peerOf, plaintextProblem, type ClientAddress } from './transport.ts';

/** A connection on its way through a PROXY header or the TLS handshake. */
interface Entering {
  readonly socket: net.Socket;
  readonly untilMs: MonotonicMs;
}

export class Listener {
  readonly #gate: Gate;
  readonly #server: net.Server;
  readonly #tls: TlsDetector | null;
  readonly #proxies: ProxySources;
  readonly #headerWarning = new Seldom(PROXY.warnIntervalMs);
  readonly #entering = new Set<Entering>();
  readonly #sessions = new Set<Session>();
  #timer: NodeJS.Timeout | null = null;

  /** Without TLS detection the port speaks plaintext. */
  constructor(gate: Gate, tls: TlsDetector | null, proxies = new ProxySources([])) {
    this.#gate = gate;
    this.#tls = tls;
    this.#proxies = proxies;
    this.#server = net.createServer({
      noDelay: true,
      ...keepAliveOptions(gate.limits.keepAliveMs),
    });
    const accept = (socket: net.Socket): void => this.#accept(socket);
    const drop = (socket: net.Socket): void => void socket.destroy();
    this.#server.on('connection', guarded('listener', accept, drop));
  }

  /** Resolves with the port listened on (another than asked for only when 0 was). */
  async listen(host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port, backlog: SESSION.acceptBacklog }, resolve);
    });
    this.#server.removeAllListeners('error');
    // One that could not be accepted, since no descriptor was left: the others are served on.
    const failed = ({ code }: NodeJS.ErrnoException): void =>
      this.#gate.log.warn({ code }, 'a connection could not be accepted');
    this.#server.on('error', guarded('listener', failed));
    this.#timer = setInterval(
      guarded('listener', () => this.#tick()),
      SESSION.tickMs,
    );
    return (this.#server.address() as net.AddressInfo).port;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Who is logged in. */
  list(): SessionInfo[] {
    return [...this.#sessions].flatMap((session) => session.info() ?? []);
  }

  schemaChanged(change: SchemaChange): void {
    guardedEach('session', this.#sessions, (session) => session.schemaChanged(change), cutOff);
  }

  /**
   * Stops accepting and serves what is there until it ends; where drivers know siblings, they are told to
   * go there. After `timeoutMs` each session ends as
   * soon as its requests in flight are answered. Resolves when all are gone.
   */
  async drain(timeoutMs: number): Promise<void> {
    const closed = this.#stopAccepting();
    // Not before the port is closed: a driver that comes back at once would take the gate for up again.
    // Only where siblings are known, never for an address that is shared: gocql takes the host out for good.
    guardedEach('session', this.#sessions, (session) => session.goesDown(), cutOff);
    const end = (session: Session): void => session.endAfterFlight(null, 'shutdown');
    const timer = setTimeout(
      guarded('listener', () => guardedEach('session', this.#sessions, end, cutOff)),
      timeoutMs,
    );
    await closed;
    clearTimeout(timer);
  }

  /** Stops accepting and ends all sessions now; resolves when their sockets are closed. */
  async close(): Promise<void> {
    const closed = this.#stopAccepting();
    guardedEach('session', this.#sessions, (session) => session.end('shutdown'), cutOff);
    await closed;
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Resolves when the last connection is closed. */
  async #stopAccepting(): Promise<void> {
    for (const { socket } of this.#entering) socket.destroy();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #accept(socket: net.Socket): void {
    const { metrics, limits, log } = this.#gate;
    if (this.#sessions.size + this.#entering.size >= limits.sessions) {
      log.warn({ sessions: this.#sessions.size }, 'too many sessions; one was refused');
      metrics.counter('connections_total', 'refused').value++;
      socket.destroy();
      return;
    }
    metrics.counter('connections_total', 'accepted').value++;
    const untilMs = later(monotonicMs(), limits.handshakeTimeoutMs);
    if (this.#proxies.has(socket.remoteAddress)) this.#readHeader(socket, untilMs);
    else this.#admit(socket, peerOf(socket), untilMs);
  }

  /** A load balancer's: whose it is has to be said first. Until then it counts as the balancer's own. */
  #readHeader(socket: net.Socket, untilMs: MonotonicMs): void {
    const { admission, metrics, log } = this.#gate;
    const balancer = peerOf(socket);
    const slot = admission.admit(balancer.address, () => socket.destroy());
    const entering: Entering = {
      socket,
      untilMs: earliest(untilMs, later(monotonicMs(), PROXY.headerTimeoutMs)),
    };
    this.#entering.add(entering);
    socket.on('error', () => undefined);
    const done = (): void => {
      this.#entering.delete(entering);
      slot.release();
    };
    readProxyHeader(socket, {
      named: (client) => {
        done();
        this.#admit(socket, client, untilMs);
      },
      refused: (problem) => {
        done();
        metrics.counter('proxy_header_failures_total', problem).value++;
        this.#headerWarning.tell((untold) =>
          log.warn(
            { from: balancer.address, problem, untold },
            'a connection from an address under listen.proxyProtocol was closed: its PROXY header was not taken',
          ),
        );
      },
      gone: done,
    });
  }

  #admit(socket: net.Socket, client: ClientAddress, untilMs: MonotonicMs): void {
    let evict = (): void => void socket.destroy();
    const slot = this.#gate.admission.admit(client.address, () => evict());
    const begin = (ready: net.Socket): void => {
      const session = new Session({
        gate: this.#gate,
        socket: ready,
        client,
        slot,
        plaintextProblem: this.#plaintextProblem(ready),
        onClosed: (closed) => this.#sessions.delete(closed),
      });
      evict = () => session.end('evicted: too many connections without a login');
      this.#sessions.add(session);
      ready.resume();
    };
    if (this.#tls === null) begin(socket);
    else this.#detectTls(this.#tls, { socket, untilMs }, begin, () => slot.release());
  }

  #detectTls(
    tls: TlsDetector,
    entering: Entering,
    begin: (ready: net.Socket) => void,
    gone: () => void,
  ): void {
    const { socket } = entering;
    this.#entering.add(entering);
    socket.on('error', () => undefined);
    const through = (ready: net.Socket): void => {
      this.#entering.delete(entering);
      begin(ready);
    };
    tls.detect(socket, {
      secured: through,
      plaintext: through,
      failed: (code) => {
        this.#entering.delete(entering);
        this.#gate.metrics.counter('tls_failures_total', code).value++;
        gone();
      },
    });
    // It was paused where a header was taken off it.
    socket.resume();
  }

  #plaintextProblem(socket: net.Socket): string | null {
    if (socket instanceof TLSSocket) return null;
    const { allowPlaintext } = this.#gate;
    return plaintextProblem(socket, { isTlsOn: this.#tls !== null, allowPlaintext });
  }

  #tick(): void {
    const nowMs = monotonicMs();
    this.#gate.memory.tick();
    guardedEach('session', this.#sessions, (session) => session.tick(nowMs), cutOff);
    for (const { socket, untilMs } of this.#entering) {
      if (nowMs > untilMs) socket.destroy();
    }
  }
}

function cutOff(session: Session): void {
  session.cutOff();
}
