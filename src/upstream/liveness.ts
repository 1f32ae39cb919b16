// Whether the node at the other end of a connection still lives. A hung node keeps its sockets open, and so does a
// network that drops packets, so silence is all there is to go by:
//
//   - With something in flight and nothing heard for a while, the connection is suspect: others are preferred to it.
//   - A while later, and now and then on a connection that is idle, the node is asked for a sign of life (OPTIONS). A
//     node that does not answer that in time is given up, and the connection ends. Requests that merely take long end
//     nothing.
//   - A node that leaves too many requests unanswered past their deadlines is given up too: their stream ids stay in
//     quarantine, since a late answer must not reach another request.
import { latest, LONG_AGO, monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import { UpstreamFault } from './faults.ts';
import { givesSignOfLife, type AskedConnection } from './own-query.ts';

/** What of a connection its liveness depends on. */
export interface WatchedConnection extends Pick<AskedConnection, 'request'> {
  /** Name of its node. */
  readonly node: string;
  /** Requests in flight, those included whose time is over. */
  readonly inFlight: number;
  /** Requests whose time is over and whose answers are still out. */
  readonly quarantined: number;
  readonly hasRoom: boolean;
  destroy(cause: UpstreamFault): void;
}

export class Liveness {
  readonly #connection: WatchedConnection;
  #heardAtMs = monotonicMs();
  /** When a first request was sent while none was in flight. */
  #workStartedAtMs = LONG_AGO;
  #idleSinceMs = monotonicMs();
  #isSuspect = false;
  #isProbing = false;

  constructor(connection: WatchedConnection) {
    this.#connection = connection;
  }

  /** Nothing was heard for a while though something is in flight. */
  get isSuspect(): boolean {
    return this.#isSuspect;
  }

  /** When the node was heard last. */
  get heardAtMs(): MonotonicMs {
    return this.#heardAtMs;
  }

  /** Since when there is nothing for the connection to do. A probe is no work. */
  get idleSinceMs(): MonotonicMs {
    return this.#idleSinceMs;
  }

  /** How long nothing was heard, counted from the first request after the last word where that came later. */
  silentMs(nowMs: MonotonicMs): number {
    return msBetween(latest(this.#heardAtMs, this.#workStartedAtMs), nowMs);
  }

  /** Bytes came. */
  heard(atMs: MonotonicMs): void {
    this.#heardAtMs = atMs;
  }

  /** A request leaves while none is in flight. */
  workStarted(atMs: MonotonicMs): void {
    this.#workStartedAtMs = atMs;
  }

  /** Nothing is in flight any more. */
  workEnded(): void {
    if (!this.#isProbing) this.#idleSinceMs = this.#heardAtMs;
  }

  /** Called a few times a second. May end the connection. */
  tick(nowMs: MonotonicMs): void {
    const { node, inFlight, quarantined } = this.#connection;
    if (quarantined > UPSTREAM.quarantinedStreams) {
      this.#connection.destroy(
        new UpstreamFault('timeout', `${node} left too many requests unanswered`),
      );
      return;
    }
    const isWaiting = inFlight > 0;
    const silentMs = this.silentMs(nowMs);
    this.#isSuspect = isWaiting && silentMs > UPSTREAM.suspectAfterMs;
    if (silentMs > (isWaiting ? UPSTREAM.probeAfterMs : UPSTREAM.heartbeatIdleMs)) this.probe();
  }

  /** Asks for a sign of life, and ends the connection where none comes in time. */
  probe(): void {
    const connection = this.#connection;
    // Without a free stream nothing can be asked; deadlines tell then whether the node answers.
    if (!connection.hasRoom || this.#isProbing) return;
    this.#isProbing = true;
    const { node } = connection;
    const end = (code: 'protocol' | 'timeout', problem: string): void =>
      connection.destroy(new UpstreamFault(code, `${node}${problem}`));
    const probed = givesSignOfLife(connection, UPSTREAM.probeTimeoutMs).then(
      (isAlive) => {
        this.#isProbing = false;
        if (!isAlive) end('protocol', ' answered OPTIONS with another message');
      },
      () => end('timeout', ' gives no sign of life'),
    );
    unattended('connection', probed, () => end('protocol', ': an internal error of cqlgate'));
  }
}
