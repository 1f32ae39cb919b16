// The streams of one connection: which request waits on which stream id, and whether it reads the keyspace of the
// connection. A request that ran out of time leaves its id in quarantine until the late response comes.
import { NEVER, type MonotonicMs } from '../clock.ts';
import { ProtocolFault } from '../errors.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { ConnectionKeyspace } from './connection-keyspace.ts';
import type { UpstreamFault } from './faults.ts';
import type { InFlight } from './in-flight-request.ts';
import { StreamIds, type UpstreamStreamId } from './stream-ids.ts';

/** Takes the place of a request that timed out until its late response comes. */
const QUARANTINED: InFlight = {
  deadlineAtMs: NEVER,
  takesParts: true,
  answered: () => undefined,
  lost: () => undefined,
  timedOut: () => undefined,
  tooLarge: () => undefined,
  failed: () => undefined,
};

export class Streams {
  readonly #keyspace: ConnectionKeyspace;
  readonly #ids = new StreamIds(UPSTREAM.streamsPerConnection);
  /** By stream id. */
  readonly #requests: (InFlight | null)[] = new Array<InFlight | null>(
    UPSTREAM.streamsPerConnection,
  ).fill(null);
  /** By stream id, 1 where the request reads the keyspace of the connection. */
  readonly #readsKeyspace = new Uint8Array(UPSTREAM.streamsPerConnection);

  constructor(keyspace: ConnectionKeyspace) {
    this.#keyspace = keyspace;
  }

  /** Those in quarantine included. */
  get taken(): number {
    return this.#ids.taken;
  }

  get available(): number {
    return this.#ids.available;
  }

  get quarantined(): number {
    return this.#ids.quarantined;
  }

  /** The id that the request leaves with, or -1 where none is free. */
  take(request: InFlight, readsKeyspace: boolean): UpstreamStreamId | -1 {
    if (this.#ids.available === 0) return -1;
    if (readsKeyspace) this.#keyspace.readerStarted();
    const id = this.#ids.take() as UpstreamStreamId;
    if (readsKeyspace) this.#readsKeyspace[id] = 1;
    this.#requests[id] = request;
    return id;
  }

  /** The response came, and the id is free again. Returns whom to tell; throws ProtocolFault where nobody waits. */
  end(id: number, atMs: MonotonicMs): InFlight {
    const request = this.#requests[id] ?? null;
    // A response that nobody asked for: what else this node mixes up can't be known.
    if (request === null) throw new ProtocolFault(`no request waits on stream ${id}`, id);
    this.#requests[id] = null;
    if (this.#readsKeyspace[id] === 1) {
      this.#readsKeyspace[id] = 0;
      this.#keyspace.readerEnded(atMs);
    }
    if (request === QUARANTINED) this.#ids.giveQuarantined(id as UpstreamStreamId);
    else this.#ids.give(id as UpstreamStreamId);
    return request;
  }

  /** Tells every request whose deadline has passed. */
  expire(nowMs: MonotonicMs): void {
    if (this.#ids.taken === 0) return;
    for (let id = 0; id < this.#requests.length; id++) {
      const request = this.#requests[id] ?? null;
      if (request === null || request.deadlineAtMs > nowMs) continue;
      this.#requests[id] = QUARANTINED;
      this.#ids.quarantine();
      try {
        request.timedOut();
      } catch (error) {
        request.failed(error);
      }
    }
  }

  /** The connection ended: tells every request whether a byte of it was handed to the socket. */
  loseAll(unsent: readonly UpstreamStreamId[], cause: UpstreamFault): void {
    const wasKept = new Set<number>(unsent);
    for (let id = 0; id < this.#requests.length; id++) {
      const request = this.#requests[id] ?? null;
      if (request === null) continue;
      this.#requests[id] = null;
      try {
        request.lost(!wasKept.has(id), cause);
      } catch (error) {
        request.failed(error);
      }
    }
  }
}
