// The connections to one node as one Cassandra role, in one protocol version. The keyspace is a property
// of a connection: fully qualified work goes to any, the rest only to one in its keyspace, and one with
// nothing in flight is re-keyed by USE, which is two hundred times cheaper than a login. No keyspace is a state
// too, and one that a connection can't go back to: what needs it goes by a connection of its own, opened when it
// is first needed and never sent a USE. Who waits for a connection, and which node is asked, is the route's
// affair (route.ts).
import { later, LONG_AGO, monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { guardedEach, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import { hasEnded, type Login } from '../secrets/upstream-login.ts';
import { Connection } from './connection.ts';
import type { Dial } from './dial.ts';
import { UpstreamFault } from './faults.ts';
import type { ClusterNode } from './node.ts';

/** What all pools of a route have in common. */
export interface PoolOptions {
  readonly dial: Dial;
  readonly version: number;
  readonly login: Login;
  readonly compression: BodyCompression | null;
  /** Connections kept open to each node. */
  readonly connections: number;
  readonly memory?: MemoryBudget | undefined;
  /** Takes one of the gate's connections, or refuses; given back when it closes. */
  readonly budget: ConnectionBudget;
}

export interface PoolListener {
  /** A connection was opened, or has nothing in flight any more. */
  available(): void;
  opened(): void;
  /** `isRepeated`: for the reason of the time before. */
  failed(fault: UpstreamFault, isRepeated: boolean): void;
}

/** All pools together are capped: the cluster must not meet a gate that opens without end. */
export class ConnectionBudget {
  readonly #max: number;
  #taken = 0;
  constructor(max: number) {
    this.#max = max;
  }
  take(): boolean {
    if (this.#taken >= this.#max) return false;
    this.#taken++;
    return true;
  }
  give(): void {
    this.#taken--;
  }
  get taken(): number {
    return this.#taken;
  }
  get hasRoom(): boolean {
    return this.#taken < this.#max;
  }
}

/** It is in the keyspace and stays there for now. */
function isReadyIn(one: Connection, keyspace: string): boolean {
  return one.keyspace === keyspace && !one.isChanging;
}

/** The better one to send by. */
function isBefore(one: Connection, other: Connection, keyspace: string | null): boolean {
  if (keyspace !== null && !one.isSuspect && !other.isSuspect) {
    const isThere = isReadyIn(one, keyspace);
    if (isThere !== isReadyIn(other, keyspace)) return isThere;
    if (one.isGathering !== other.isGathering) return one.isGathering;
  }
  return one.load < other.load;
}

/** The better one to be set to another keyspace: a node that says nothing would not answer the USE either. */
export function isMovedBefore(one: Connection, other: Connection): boolean {
  if (one.isSuspect !== other.isSuspect) return other.isSuspect;
  if ((one.keyspace === null) !== (other.keyspace === null)) return one.keyspace === null;
  return one.readAtMs < other.readAtMs;
}

export class Pool {
  readonly node: ClusterNode;
  /** Place of its node's datacenter in the order of use; the local one is 0. */
  tier = 0;
  readonly #options: PoolOptions;
  readonly #listener: PoolListener;
  readonly #connections: Connection[] = [];
  #opening = 0;
  /** Stays in no keyspace, and serves only what needs that; not among `#connections`. */
  #bare: Connection | null = null;
  #bareIsOpening = false;
  /** A connection is closed so that another kind can be opened. */
  #makesRoom = false;
  #failures = 0;
  #nextOpenAtMs = LONG_AGO;
  #lastFault: string | null = null;
  /** An attempt to connect told whether the node is there. */
  #wasTried = false;
  /** Replaced: it opens nothing more and finishes what is in flight. */
  #retired = false;
  #closed = false;
  #settleFirst: (fault: UpstreamFault | null) => void = () => undefined;
  /** Resolves once, when the first attempt to open a connection ended: with its fault, or null. */
  readonly firstAttempt = new Promise<UpstreamFault | null>((resolve) => {
    this.#settleFirst = resolve;
  });

  constructor(node: ClusterNode, options: PoolOptions, listener: PoolListener) {
    this.node = node;
    this.#options = options;
    this.#listener = listener;
  }

  /** Connections for all but what needs one in no keyspace. */
  get ready(): number {
    return this.#connections.length;
  }

  /** All connections that are open. */
  get open(): number {
    return this.#all.length;
  }

  get inFlight(): number {
    return this.#all.reduce((sum, one) => sum + one.inFlight, 0);
  }

  get isIdle(): boolean {
    return this.#all.every((one) => one.inFlight === 0);
  }

  /** The connection that stays in no keyspace; null while there is none that can take a request. */
  get bare(): Connection | null {
    const bare = this.#bare;
    return bare !== null && bare.hasRoom && bare.keyspace === null ? bare : null;
  }

  /** It is open, or about to be: no second one is opened. */
  get hasBare(): boolean {
    return this.#bare !== null || this.#bareIsOpening;
  }

  get #all(): readonly Connection[] {
    return this.#bare === null ? this.#connections : [...this.#connections, this.#bare];
  }

  /** It has no connection, and the last attempt to get one failed. */
  get isFailing(): boolean {
    return this.#connections.length === 0 && this.#failures > 0;
  }

  /** Connections to other datacenters are opened when they are needed. */
  get isKeptWarm(): boolean {
    return this.tier === 0;
  }

  /** Whether its node is there is not known yet. */
  get isUntried(): boolean {
    return !this.#wasTried;
  }

  /** A connection was promised to somebody who takes it in this turn. */
  get hasPromised(): boolean {
    return this.#connections.some((one) => one.promised && !one.isHeld);
  }

  /**
   * The connection with the least to do that serves now, or null. What leaves in one turn leaves by one
   * connection: frames that were read side by side go out as one view, in one write. What gives way leaves
   * the first connection to the others, and these avoid what it goes by: behind megabytes of one client's
   * answers everybody else's would wait. Where there is no other connection, they share. Where the request may name
   * its keyspace (`naming`) one that is in it goes before the others, which do as well.
   */
  pick(keyspace: string | null, givesWay = false, naming = false): Connection | null {
    const isBound = keyspace !== null && !(naming && this.node.takesRequestKeyspace);
    let best: Connection | null = null;
    let shared: Connection | null = null;
    for (let i = 0; i < this.#connections.length; i++) {
      const one = this.#connections[i]!;
      if (!(givesWay ? one.hasMuchRoom : one.hasRoom)) continue;
      const isThere = keyspace === null || isReadyIn(one, keyspace);
      if (isBound && !isThere) continue;
      if (givesWay ? i === 0 : one.isLaden) {
        if (shared === null || isBefore(one, shared, keyspace)) shared = one;
        continue;
      }
      if (one.isGathering && isThere) {
        best = one;
        break;
      }
      if (best === null || isBefore(one, best, keyspace)) best = one;
    }
    best ??= shared;
    if (givesWay && best !== null) best.isLaden = true;
    return best;
  }

  /** One whose keyspace nobody reads now, so that it may be set to this one; the one unread longest. */
  movable(keyspace: string, givesWay = false): Connection | null {
    let best: Connection | null = null;
    for (const one of this.#connections) {
      if (one.isHeld || one.promised || !(givesWay ? one.hasMuchRoom : one.hasRoom)) continue;
      if (one.reservedFor !== null && one.reservedFor !== keyspace) continue;
      if (best === null || isMovedBefore(one, best)) best = one;
    }
    return best;
  }

  /** Opens what is missing, so that the next job finds a warm connection. */
  warm(): void {
    if (this.#retired) return;
    const missing = this.#options.connections - this.#connections.length - this.#opening;
    for (let i = 0; i < missing; i++) this.#open();
  }

  /** Somebody waits. More than the configured number only for a keyspace, `more`: logins are dear. */
  grow(keyspace: string | null, more = false): void {
    // All are in the keyspace of somebody at work: one takes nothing more that reads it, and is set to this one then.
    if (keyspace !== null) this.#reserve(keyspace);
    const wanted = this.#connections.length + this.#opening;
    const isForKeyspace = more && keyspace !== null;
    const most = isForKeyspace ? UPSTREAM.connectionsPerPoolMax : this.#options.connections;
    if (wanted < most) this.#open();
  }

  /** Who wanted it set aside was served. */
  unreserve(keyspace: string): void {
    for (const one of this.#connections) if (one.reservedFor === keyspace) one.reservedFor = null;
  }

  /**
   * Somebody needs a connection in no keyspace. False: none can be opened, now or soon. Where no more may be open, one
   * with nothing to do makes room for it.
   */
  openBare(): boolean {
    if (this.hasBare || this.#open(true)) return true;
    if (this.#options.budget.hasRoom) return true;
    const spare = this.#connections.find((one) => one.inFlight === 0 && !one.promised);
    if (spare === undefined || this.#connections.length < 2) return false;
    this.#makesRoom = true;
    spare.destroy(new UpstreamFault('unreachable', 'closed for one in no keyspace'));
    this.#makesRoom = false;
    this.#open(true);
    return true;
  }

  owns(connection: Connection): boolean {
    return this.#connections.includes(connection);
  }

  /** The node is said to be back: no backoff holds any more. */
  retryNow(): void {
    this.#nextOpenAtMs = LONG_AGO;
    if (this.isKeptWarm) this.warm();
  }

  /** The node is said to be down: connections that don't answer are found sooner. */
  probe(): void {
    for (const one of this.#all) one.probe();
  }

  /** Deadlines, heartbeats, an ended lease; `wanted` are the keyspaces that somebody waits for. */
  tick(nowMs: MonotonicMs, wanted: ReadonlySet<string>): void {
    // Before heartbeats are sent, which keep a connection busy for a moment.
    if (wanted.size === 0) this.#shrink(nowMs);
    guardedEach('connection', [...this.#all], (one) => one.tick(nowMs), cutOff);
    this.#suspect(nowMs);
    if (hasEnded(this.#options.login, nowMs)) this.dropAll(this.endedFault());
    for (const one of this.#connections) {
      if (one.reservedFor !== null && !wanted.has(one.reservedFor)) one.reservedFor = null;
    }
  }

  retire(): void {
    this.#retired = true;
  }

  close(fault: UpstreamFault): void {
    this.#closed = true;
    this.dropAll(fault);
    this.#settleFirst(fault);
  }

  dropAll(fault: UpstreamFault): void {
    for (const one of [...this.#all]) one.destroy(fault);
  }

  endedFault(): UpstreamFault {
    return new UpstreamFault(
      'login_refused',
      `the lease of Cassandra role ${this.#options.login.name} ended and no other login could be had`,
    );
  }

  /** One silent connection may have a slow query; whether the node hangs, the idle ones tell. */
  #suspect(nowMs: MonotonicMs): void {
    const { node } = this;
    if (this.#all.some((one) => one.isSuspect)) node.suspectedAtMs = nowMs;
    if (msBetween(node.suspectedAtMs, nowMs) > UPSTREAM.suspectAfterMs) return;
    for (const one of this.#all) {
      if (one.silentMs(nowMs) > UPSTREAM.suspectAfterMs) one.probe();
    }
  }

  #reserve(keyspace: string): void {
    if (this.#connections.some((one) => one.reservedFor === keyspace)) return;
    // One that is being set to a keyspace is for who waits for that.
    const free = this.#connections.filter(({ isChanging, promised }) => !isChanging && !promised);
    if (free.length === 0) return;
    free.reduce((a, b) => (b.readers < a.readers ? b : a)).reservedFor = keyspace;
  }

  /**
   * Whether a connection may be kept in its keyspace for as long as a request takes. One that nobody holds is left,
   * or can be had: a USE must not wait behind slow reads.
   */
  #mayHold(connection: Connection): boolean {
    if (this.#connections.some((one) => one !== connection && !one.isHeld && one.isReady))
      return true;
    const has = this.#connections.length + this.#opening;
    return has < UPSTREAM.connectionsPerPoolMax && this.#options.budget.hasRoom;
  }

  /** Whether an attempt was begun. */
  #open(isBare = false): boolean {
    const nowMs = monotonicMs();
    if (this.#closed || this.#retired || nowMs < this.#nextOpenAtMs) return false;
    if (hasEnded(this.#options.login, nowMs)) {
      this.#failed(this.endedFault());
      return false;
    }
    const { dial, version, login, compression, budget, memory } = this.#options;
    if (budget.hasRoom && !this.node.takeLogin()) return false;
    if (!budget.take()) {
      this.#settleFirst(new UpstreamFault('busy', 'limits.poolConnections is reached'));
      return false;
    }
    const isOpening = (is: boolean): void => {
      if (isBare) this.#bareIsOpening = is;
      else this.#opening += is ? 1 : -1;
    };
    isOpening(true);
    const opened = Connection.open({
      host: this.node.host,
      port: this.node.port,
      dial,
      version,
      login,
      compression,
      memory,
      onClosed: (connection) => this.#lost(connection),
      onIdle: () => this.#listener.available(),
      takesRequestKeyspace: this.node.takesRequestKeyspace,
      mayHold: (connection) => this.#mayHold(connection),
    }).then(
      (connection) => {
        isOpening(false);
        this.#wasTried = true;
        this.#failures = 0;
        this.#lastFault = null;
        if (this.#closed || !connection.isReady) {
          budget.give();
          connection.destroy(new UpstreamFault('unreachable', 'the pool is closed'));
          return;
        }
        if (isBare) this.#bare = connection;
        else this.#connections.push(connection);
        this.node.openConnections++;
        this.#settleFirst(null);
        this.#listener.opened();
      },
      (error: unknown) => {
        isOpening(false);
        budget.give();
        this.#failed(asFault(error));
      },
    );
    unattended('route', opened);
    return true;
  }

  #failed(fault: UpstreamFault): void {
    this.#wasTried = true;
    this.#failures++;
    const backoffMs = Math.min(
      UPSTREAM.reconnectMaxMs,
      UPSTREAM.reconnectMinMs * 2 ** Math.min(this.#failures - 1, 10),
    );
    // Jitter: gates that lost the same node must not come back in step.
    this.#nextOpenAtMs = later(monotonicMs(), backoffMs * (0.5 + Math.random() / 2));
    this.#settleFirst(fault);
    const isRepeated = fault.message === this.#lastFault;
    this.#lastFault = fault.message;
    this.#listener.failed(fault, isRepeated);
  }

  #lost(connection: Connection): void {
    if (connection === this.#bare) this.#bare = null;
    else {
      const index = this.#connections.indexOf(connection);
      if (index < 0) return;
      this.#connections.splice(index, 1);
    }
    this.node.openConnections--;
    this.#options.budget.give();
    if (!this.#closed && !this.#makesRoom) this.warm();
  }

  #shrink(nowMs: MonotonicMs): void {
    const { connections } = this.#options;
    if (this.isKeptWarm && this.#connections.length < connections) this.warm();
    const isUnused = (one: Connection): boolean =>
      one.inFlight === 0 && msBetween(one.idleSinceMs, nowMs) > UPSTREAM.extraConnectionIdleMs;
    const extra = this.#connections.length > connections ? this.#connections.find(isUnused) : null;
    const fault = new UpstreamFault('unreachable', 'closed as no longer needed');
    extra?.destroy(fault);
    if (this.#bare !== null && isUnused(this.#bare)) this.#bare.destroy(fault);
  }
}

function cutOff(connection: Connection): void {
  connection.flushFailed();
}

export function asFault(error: unknown): UpstreamFault {
  return error instanceof UpstreamFault ? error : new UpstreamFault('unreachable', String(error));
}
