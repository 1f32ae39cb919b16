// Those who wait for a connection of one route: fair by role and session, each up to a deadline of its own. Whoever
// would wait in vain is told so at once. How a waiter is served is the affair of the route.
import { later, latest, LONG_AGO, monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { compoundKey } from '../compound-key.ts';
import { NO_KEYSPACE } from '../cql/connection-state.ts';
import { FairLine, type Turn } from '../fair-queue.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { ConnectionCriteria } from './connection-criteria.ts';
import { UpstreamFault } from './faults.ts';

/** What somebody waits for. */
export interface ConnectionRequest {
  readonly criteria: ConnectionCriteria;
  /** It will itself send a USE on the connection. */
  readonly forUse: boolean;
  readonly turn: Turn;
}

export class Waiter<C> implements ConnectionRequest {
  readonly criteria: ConnectionCriteria;
  readonly forUse: boolean;
  readonly turn: Turn;
  readonly sinceMs: MonotonicMs;
  readonly deadlineAtMs: MonotonicMs;
  readonly resolve: (connection: C) => void;
  readonly reject: (fault: UpstreamFault) => void;

  constructor(
    { criteria, forUse, turn }: ConnectionRequest,
    waitMs: number,
    resolve: (connection: C) => void,
    reject: (fault: UpstreamFault) => void,
  ) {
    this.criteria = criteria;
    this.forUse = forUse;
    this.turn = turn;
    this.sinceMs = monotonicMs();
    this.deadlineAtMs = later(this.sinceMs, waitMs);
    this.resolve = resolve;
    this.reject = reject;
  }
}

export interface WaitingLineOptions<C> {
  /** Gives the waiter a connection or an answer. False: it has to wait. */
  readonly serve: (waiter: Waiter<C>) => boolean;
  /** Somebody who waited for this keyspace was served. */
  readonly servedIn: (keyspace: string) => void;
}

export class WaitingLine<C> {
  readonly #options: WaitingLineOptions<C>;
  readonly #line = new FairLine<Waiter<C>>(UPSTREAM.waitersPerRoute, refuseAsFull);
  /** Since when no node is reached; null while one is. */
  #unreachedAtMs: MonotonicMs | null = null;
  /** When somebody in the line was served last, or the first of them came. */
  #movedAtMs = LONG_AGO;
  /** How long each of those served last took, on average. */
  #eachMs = 0;

  constructor(options: WaitingLineOptions<C>) {
    this.#options = options;
  }

  get size(): number {
    return this.#line.size;
  }

  /** That somebody waits for. */
  get keyspaces(): ReadonlySet<string> {
    const keyspaces = new Set<string>();
    for (const { criteria } of this.#line.inTurn()) {
      if (typeof criteria.keyspace === 'string') keyspaces.add(criteria.keyspace);
    }
    return keyspaces;
  }

  /** The waiter is served at once, or waits, or is refused. `isReached`: some node of the route is. */
  enter(waiter: Waiter<C>, isReached: boolean): void {
    if (isReached && this.#isInVain(waiter)) waiter.reject(new UpstreamFault('busy', IN_VAIN));
    else if (!this.#joins(waiter)) refuseAsFull(waiter);
    // The others were looked at when something last changed: what would serve them is not there.
    else if (this.#options.serve(waiter)) this.#served(waiter);
  }

  /** What was to serve the waiter failed: he waits again. */
  enterAgain(waiter: Waiter<C>): void {
    if (!this.#joins(waiter)) refuseAsFull(waiter);
  }

  /** Something changed that may serve somebody. */
  serveAll(): void {
    if (this.#line.size === 0) return;
    // Thousands may want the same: where the first of them finds no connection, neither do the others.
    const inVain = new Set<string>();
    for (const waiter of this.#line.inTurn()) {
      const kind = kindOf(waiter);
      if (inVain.has(kind)) continue;
      if (this.#options.serve(waiter)) this.#served(waiter);
      else inVain.add(kind);
    }
  }

  /**
   * Refuses those whose time is over. While no node is reached, the reason is `unreached`, and it is given sooner than
   * the deadline.
   */
  refuseLate(nowMs: MonotonicMs, isReached: boolean, unreached: UpstreamFault | null): void {
    this.#unreachedAtMs = isReached ? null : (this.#unreachedAtMs ?? nowMs);
    const unreachedAtMs = this.#unreachedAtMs;
    const late = this.#line.drop(({ sinceMs, deadlineAtMs }) => {
      if (deadlineAtMs <= nowMs) return true;
      if (unreachedAtMs === null) return false;
      return msBetween(latest(sinceMs, unreachedAtMs), nowMs) >= UPSTREAM.acquireTimeoutMs;
    });
    const busy = new UpstreamFault('busy', 'no connection became free in time');
    const fault = unreachedAtMs === null ? busy : (unreached ?? busy);
    for (const waiter of late) waiter.reject(fault);
  }

  refuseAll(fault: UpstreamFault): void {
    for (const waiter of this.#line.drop(() => true)) waiter.reject(fault);
  }

  /** Those who wait here wait there from now on. */
  moveTo(other: WaitingLine<C>): void {
    other.#begin();
    this.#line.moveTo(other.#line);
    other.serveAll();
  }

  /**
   * The line before the waiter needs longer than he may wait: as long as it has stood still, and for each what those
   * took who were served last. Nearly all in it want what requests at work keep. A connection in no keyspace is opened
   * for whoever wants that, whatever the others wait for.
   */
  #isInVain({ criteria, turn, sinceMs, deadlineAtMs }: Waiter<C>): boolean {
    if (this.#line.size === 0 || criteria.keyspace === NO_KEYSPACE) return false;
    const standsMs = msBetween(this.#movedAtMs, sinceMs);
    const neededMs = standsMs + this.#line.ahead(turn) * this.#eachMs;
    return neededMs > msBetween(sinceMs, deadlineAtMs);
  }

  /** False: the line is full. */
  #joins(waiter: Waiter<C>): boolean {
    this.#begin();
    return this.#line.add(waiter, waiter.turn);
  }

  /** Somebody comes: a line that was empty did not stand still. */
  #begin(): void {
    if (this.#line.size === 0) this.#movedAtMs = monotonicMs();
  }

  #served(waiter: Waiter<C>): void {
    this.#line.served(waiter);
    const nowMs = monotonicMs();
    // A line that stood still for a while, as before a node that collects its garbage, is no slow line.
    const tookMs = Math.min(msBetween(this.#movedAtMs, nowMs), UPSTREAM.tickMs);
    this.#eachMs += (tookMs - this.#eachMs) / SERVED_TOGETHER;
    this.#movedAtMs = nowMs;
    const { keyspace } = waiter.criteria;
    if (typeof keyspace === 'string') this.#options.servedIn(keyspace);
  }
}

/** Waiters of one kind are served by the same connections. The order of `preferred` does not matter to that. */
function kindOf({ criteria, forUse }: ConnectionRequest): string {
  const { keyspace, naming, preferred, only, avoid, givesWay } = criteria;
  const state = keyspace === NO_KEYSPACE ? ['bare'] : ['in', keyspace];
  const node = only ? (preferred[0]?.name ?? null) : null;
  return compoundKey(...state, node, avoid, Number(givesWay), Number(forUse), Number(naming));
}

/** How many of the last waiters the time for each is averaged over. */
const SERVED_TOGETHER = 10;

const IN_VAIN =
  'those who wait for a connection already need longer than this request may wait; send fewer at once';

function refuseAsFull({ reject }: { readonly reject: (fault: UpstreamFault) => void }): void {
  reject(
    new UpstreamFault(
      'busy',
      'too many requests wait for a connection, most of them of this role; send fewer at once',
    ),
  );
}
