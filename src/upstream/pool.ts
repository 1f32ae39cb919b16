// The connections to one node as one Cassandra role, in one protocol version: how many are kept open, when another one
// is opened or closed, and whether the node is reached. The keyspace is a property of a connection. What names
// everything in full goes by any of them, the rest only by one in its keyspace, and one whose keyspace nothing reads is
// set to another one by USE, which is two hundred times cheaper than a login. No keyspace is a state too, and one that a
// connection can't go back to: what needs it goes by a connection of its own, which is opened when it is first needed
// and never sent a USE. Which connection is chosen stands in pool-choice.ts; who waits, in waiting-line.ts.
import { backoffMs, jittered } from '../backoff.ts';
import { later, LONG_AGO, monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { guardedEach, unattended } from '../guard.ts';
import { UPSTREAM } from '../limits/upstream.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import { hasEnded, type Login } from '../secrets/upstream-login.ts';
import { Connection } from './connection.ts';
import type { ConnectionBudget } from './connection-budget.ts';
import type { Dial } from './dial.ts';
import { asFault, UpstreamFault } from './faults.ts';
import type { ClusterNode } from './node.ts';
import {
  leavesOneSwitchable,
  pickConnection,
  reserveConnection,
  switchableConnection,
} from './pool-choice.ts';

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

export class Pool {
  readonly node: ClusterNode;
  /** Place of its node's datacenter in the order of use; the local one is 0. */
  tier = 0;
  readonly #options: PoolOptions;
  readonly #listener: PoolListener;
  readonly #connections: Connection[] = [];
  #opening = 0;
  /** The connection that stays in no keyspace and serves only what needs that. It is not among `#connections`. */
  #bare: Connection | null = null;
  #bareIsOpening = false;
  /** A connection is closed so that another kind can be opened. */
  #makesRoom = false;
  #failures = 0;
  #nextOpenAtMs = LONG_AGO;
  #lastFault: string | null = null;
  /** An attempt to connect has shown whether the node is there. */
  #wasTried = false;
  /** It was replaced: it opens nothing more and finishes what is in flight. */
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

  /** Such a connection is open or being opened, and no second one is opened. */
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

  /** It is not known yet whether its node is there. */
  get isUntried(): boolean {
    return !this.#wasTried;
  }

  /** A connection whose keyspace might be set is offered to somebody who takes it in this turn. */
  get hasOffered(): boolean {
    return this.#connections.some(
      ({ keyspaceState }) => keyspaceState.isOffered && keyspaceState.canSwitch,
    );
  }

  /** The connection to send by now, or null: see `pickConnection`. `naming`: the request may name its keyspace. */
  pick(keyspace: string | null, givesWay = false, naming = false): Connection | null {
    const isBound = keyspace !== null && !(naming && this.node.takesRequestKeyspace);
    return pickConnection(this.#connections, keyspace, isBound, givesWay);
  }

  /** One whose keyspace may be set to this one now. */
  switchable(keyspace: string, givesWay = false): Connection | null {
    return switchableConnection(this.#connections, keyspace, givesWay);
  }

  /** Opens what is missing, so that the next job finds a warm connection. */
  warm(): void {
    if (this.#retired) return;
    const missing = this.#options.connections - this.#connections.length - this.#opening;
    for (let i = 0; i < missing; i++) this.#open();
  }

  /** Somebody waits. With `more`, and for a keyspace only, beyond the configured number: logins are dear. */
  grow(keyspace: string | null, more = false): void {
    if (keyspace !== null) reserveConnection(this.#connections, keyspace);
    const wanted = this.#connections.length + this.#opening;
    const isForKeyspace = more && keyspace !== null;
    const most = isForKeyspace ? UPSTREAM.connectionsPerPoolMax : this.#options.connections;
    if (wanted < most) this.#open();
  }

  /** The connection that is reserved for this keyspace is needed for it no longer. */
  release(keyspace: string): void {
    for (const { keyspaceState } of this.#connections) keyspaceState.release(keyspace);
  }

  /**
   * Somebody needs a connection in no keyspace. False: none can be opened, now or soon. Where no more connections may be
   * open, one with nothing to do is closed to make room.
   */
  openBare(): boolean {
    if (this.hasBare || this.#open(true)) return true;
    if (this.#options.budget.hasRoom) return true;
    const spare = this.#connections.find(
      (one) => one.inFlight === 0 && !one.keyspaceState.isOffered,
    );
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

  /** The node is said to be back: it is tried at once. */
  retryNow(): void {
    this.#nextOpenAtMs = LONG_AGO;
    if (this.isKeptWarm) this.warm();
  }

  /** The node is said to be down: connections that do not answer are found sooner. */
  probe(): void {
    for (const one of this.#all) one.liveness.probe();
  }

  /** Looks at deadlines, liveness and the end of the lease. `wanted` are the keyspaces that somebody waits for. */
  tick(nowMs: MonotonicMs, wanted: ReadonlySet<string>): void {
    // Done before probes are sent, which keep a connection busy for a moment.
    if (wanted.size === 0) this.#shrink(nowMs);
    guardedEach('connection', [...this.#all], (one) => one.tick(nowMs), cutOff);
    this.#suspect(nowMs);
    if (hasEnded(this.#options.login, nowMs)) this.dropAll(this.endedFault());
    for (const { keyspaceState } of this.#connections) {
      const { target } = keyspaceState;
      if (target !== null && !wanted.has(target)) keyspaceState.release(target);
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

  /** One silent connection may have a slow query. Whether the node hangs is found by asking on the idle ones too. */
  #suspect(nowMs: MonotonicMs): void {
    const { node } = this;
    if (this.#all.some((one) => one.isSuspect)) node.suspectedAtMs = nowMs;
    if (msBetween(node.suspectedAtMs, nowMs) > UPSTREAM.suspectAfterMs) return;
    for (const one of this.#all) {
      if (one.liveness.silentMs(nowMs) > UPSTREAM.suspectAfterMs) one.liveness.probe();
    }
  }

  /**
   * Whether a connection may be kept in its keyspace for as long as a request takes: only while there is another one
   * whose keyspace can be set, or one can be opened. A USE must not wait behind slow reads.
   */
  #mayKeepKeyspace(connection: Connection): boolean {
    if (leavesOneSwitchable(this.#connections, connection)) return true;
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
      mayKeepKeyspace: (connection) => this.#mayKeepKeyspace(connection),
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
    const { reconnectMinMs, reconnectMaxMs } = UPSTREAM;
    const waitMs = jittered(backoffMs(this.#failures, reconnectMinMs, reconnectMaxMs));
    this.#nextOpenAtMs = later(monotonicMs(), waitMs);
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
      one.inFlight === 0 &&
      msBetween(one.liveness.idleSinceMs, nowMs) > UPSTREAM.extraConnectionIdleMs;
    const extra = this.#connections.length > connections ? this.#connections.find(isUnused) : null;
    const fault = new UpstreamFault('unreachable', 'closed as no longer needed');
    extra?.destroy(fault);
    if (this.#bare !== null && isUnused(this.#bare)) this.#bare.destroy(fault);
  }
}

function cutOff(connection: Connection): void {
  connection.flushFailed();
}
