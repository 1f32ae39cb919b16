// The connections of one (node, Cassandra role, protocol version). The keyspace is a property of a
// connection: fully qualified work goes to any, the rest only to one in its keyspace, and one with
// nothing in flight is re-keyed by USE, which is two hundred times cheaper than a login.
import { UPSTREAM } from '../limits.ts';
import type { BodyCompression } from '../protocol/compression.ts';
import type { Frame } from '../protocol/frame.ts';
import { hasEnded, type Login } from '../secrets/login.ts';
import { Connection } from './connection.ts';
import type { Dial } from './dial.ts';
import { UpstreamFault } from './faults.ts';

export interface PoolOptions {
  readonly host: string;
  readonly port: number;
  readonly dial: Dial;
  readonly version: number;
  readonly login: Login;
  readonly compression: BodyCompression | null;
  /** Connections kept open. */
  readonly connections: number;
  /** Takes one of the gate's connections, or refuses; given back when it closes. */
  readonly budget: ConnectionBudget;
  readonly onEvent?: (event: Frame) => void;
  readonly onFault: (fault: UpstreamFault) => void;
  /** The login was refused: true when another one came into force, and its pool takes the waiters. */
  readonly onRefused: () => Promise<boolean>;
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
}

interface Waiter {
  /** null: any connection serves. */
  readonly keyspace: string | null;
  /** Wants a connection on which it will itself send a USE. */
  readonly forUse: boolean;
  readonly deadlineAtMs: number;
  readonly resolve: (connection: Connection) => void;
  readonly reject: (fault: UpstreamFault) => void;
}

export class Pool {
  readonly #options: PoolOptions;
  readonly #connections: Connection[] = [];
  #waiters: Waiter[] = [];
  #opening = 0;
  #failures = 0;
  #nextOpenAtMs = 0;
  #lastFault: UpstreamFault | null = null;
  /** A refused login asks for a fresh secret once, until it is let in again. */
  #freshSecret: 'not asked' | 'being asked' | 'asked' = 'not asked';
  /** Replaced: it opens nothing more and finishes what is in flight. */
  #retired = false;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get login(): Login {
    return this.#options.login;
  }

  get version(): number {
    return this.#options.version;
  }

  get ready(): number {
    return this.#connections.length;
  }

  get waiting(): number {
    return this.#waiters.length;
  }

  get inFlight(): number {
    return this.#connections.reduce((sum, one) => sum + one.inFlight, 0);
  }

  get isIdle(): boolean {
    return this.#waiters.length === 0 && this.#connections.every((one) => one.inFlight === 0);
  }

  /**
   * The connection with the least in flight that serves now, or null: then `whenAvailable`.
   * `keyspace` is null where the request names everything in full.
   */
  pick(keyspace: string | null): Connection | null {
    let best: Connection | null = null;
    for (const one of this.#connections) {
      if (one.switchingTo !== null || one.reservedFor !== null || !one.hasRoom) continue;
      if (keyspace !== null && one.keyspace !== keyspace) continue;
      if (best === null || one.inFlight < best.inFlight) best = one;
    }
    return best;
  }

  /**
   * A connection for a client's own USE: one that is in that keyspace, or an idle one, marked as
   * being set to it until `settleKeyspace`. `offered` is what `whenAvailable` gave, and is kept for
   * who was let in.
   */
  pickForUse(keyspace: string, offered: Connection | null = null): Connection | null {
    const there = this.pick(keyspace);
    if (there !== null) return there;
    const isFree =
      offered?.isReady === true && offered.inFlight === 0 && offered.switchingTo === null;
    const idle = isFree ? offered : this.#idle(keyspace);
    if (idle !== null) {
      idle.switchingTo = keyspace;
      idle.reservedFor = null;
    }
    return idle;
  }

  /** Waits for a connection; rejects when the wait gets too long or the login is refused. */
  async whenAvailable(keyspace: string | null, forUse = false): Promise<Connection> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(new UpstreamFault('unreachable', 'the pool is closed'));
        return;
      }
      if (this.#waiters.length >= UPSTREAM.waitersPerPool) {
        reject(new UpstreamFault('busy', 'too many requests wait for a connection'));
        return;
      }
      const deadlineAtMs = Date.now() + UPSTREAM.acquireTimeoutMs;
      this.#waiters.push({ keyspace, forUse, deadlineAtMs, resolve, reject });
      this.#serveWaiters();
    });
  }

  /** Opens what is missing, so that the next job finds a warm connection. */
  warm(): void {
    if (this.#retired) return;
    const missing = this.#options.connections - this.#connections.length - this.#opening;
    for (let i = 0; i < missing; i++) this.#open();
  }

  /** Deadlines, heartbeats, lost connections, connections grown beyond the configured number. */
  tick(nowMs: number): void {
    for (const one of [...this.#connections]) one.tick(nowMs);
    if (hasEnded(this.#options.login, nowMs)) this.#dropAll(this.#endedFault());
    const late = this.#waiters.filter((waiter) => waiter.deadlineAtMs <= nowMs);
    if (late.length > 0) {
      this.#waiters = this.#waiters.filter((waiter) => waiter.deadlineAtMs > nowMs);
      const fault =
        this.#lastFault ?? new UpstreamFault('busy', 'no connection became free in time');
      for (const waiter of late) waiter.reject(fault);
    }
    if (this.#waiters.length > 0) this.#serveWaiters();
    else if (this.#connections.length < this.#options.connections) this.warm();
    else this.#shrink(nowMs);
  }

  /** Another pool takes its place, and those who wait here. */
  retire(successor: Pool | null): void {
    this.#retired = true;
    if (successor === null) return;
    successor.#waiters.push(...this.#waiters);
    this.#waiters = [];
    successor.#serveWaiters();
  }

  close(): void {
    this.#closed = true;
    const fault = new UpstreamFault('unreachable', 'the pool is closed');
    this.#dropAll(fault);
    for (const waiter of this.#waiters) waiter.reject(fault);
    this.#waiters = [];
  }

  #serveWaiters(): void {
    const waiting = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiting) {
      if (!this.#serve(waiter)) this.#waiters.push(waiter);
    }
  }

  #serve(waiter: Waiter): boolean {
    const { keyspace } = waiter;
    const there =
      waiter.forUse && keyspace !== null
        ? (this.pick(keyspace) ?? this.#idle(keyspace))
        : this.pick(keyspace);
    if (there !== null) {
      this.#promise(there, waiter);
      return true;
    }
    const idle = keyspace === null || waiter.forUse ? null : this.#idle(keyspace);
    if (idle !== null && keyspace !== null) {
      idle.reservedFor = null;
      idle.use(keyspace).then(
        () => {
          this.#promise(idle, waiter);
        },
        (error: unknown) => {
          waiter.reject(asFault(error));
          this.#serveWaiters();
        },
      );
      return true;
    }
    // One that is idle but promised is looked at again at the end of this turn.
    if (this.#connections.some((one) => one.promised && one.inFlight === 0)) return false;
    const wanted = this.#connections.length + this.#opening;
    // More than the configured number only for another keyspace: logins are the dear part.
    const most = keyspace === null ? this.#options.connections : UPSTREAM.connectionsPerPoolMax;
    if (wanted < most) this.#open();
    // All are busy and no more may be opened: one is set aside, and re-keyed when it ran dry.
    else if (keyspace !== null) this.#reserve(keyspace);
    return false;
  }

  /**
   * Lets a waiter go on with a connection. It takes it only when its own code runs, so until the end
   * of this turn nobody else may re-key it: two who want different keyspaces would else take it from
   * each other for ever.
   */
  #promise(connection: Connection, waiter: Waiter): void {
    waiter.resolve(connection);
    if (connection.promised) return;
    connection.promised = true;
    setImmediate(() => {
      connection.promised = false;
      if (this.#waiters.length > 0) this.#serveWaiters();
    });
  }

  #idle(keyspace: string): Connection | null {
    let best: Connection | null = null;
    for (const one of this.#connections) {
      if (one.inFlight > 0 || one.switchingTo !== null || one.promised || !one.isReady) continue;
      if (one.reservedFor !== null && one.reservedFor !== keyspace) continue;
      if (one.keyspace === null) return one;
      if (best === null || one.idleSinceMs < best.idleSinceMs) best = one;
    }
    return best;
  }

  #reserve(keyspace: string): void {
    if (this.#connections.some((one) => one.reservedFor === keyspace)) return;
    const free = this.#connections.filter((one) => one.reservedFor === null);
    // Never the last one: qualified work must go on.
    if (free.length < 2) return;
    free.reduce((a, b) => (b.inFlight < a.inFlight ? b : a)).reservedFor = keyspace;
  }

  #dropAll(fault: UpstreamFault): void {
    for (const one of [...this.#connections]) one.destroy(fault);
  }

  #endedFault(): UpstreamFault {
    return new UpstreamFault(
      'login_refused',
      `the lease of Cassandra role ${this.#options.login.name} ended and no other login could be had`,
    );
  }

  #open(): void {
    if (this.#closed || this.#retired || Date.now() < this.#nextOpenAtMs) return;
    if (hasEnded(this.#options.login, Date.now())) {
      this.#failed(this.#endedFault());
      return;
    }
    if (!this.#options.budget.take()) return;
    this.#opening++;
    const { host, port, dial, version, login, compression, onEvent } = this.#options;
    Connection.open({
      host,
      port,
      dial,
      version,
      login,
      compression,
      ...(onEvent === undefined ? {} : { onEvent }),
      onClosed: (connection) => this.#lost(connection),
      onIdle: () => {
        if (this.#waiters.length > 0) this.#serveWaiters();
      },
    }).then(
      (connection) => {
        this.#opening--;
        this.#failures = 0;
        this.#lastFault = null;
        this.#freshSecret = 'not asked';
        if (this.#closed || !connection.isReady) {
          this.#options.budget.give();
          connection.destroy(new UpstreamFault('unreachable', 'the pool is closed'));
          return;
        }
        this.#connections.push(connection);
        this.#serveWaiters();
      },
      (error: unknown) => {
        this.#opening--;
        this.#options.budget.give();
        this.#failed(asFault(error));
      },
    );
  }

  #failed(fault: UpstreamFault): void {
    this.#lastFault = fault;
    this.#failures++;
    const backoffMs = Math.min(
      UPSTREAM.reconnectMaxMs,
      UPSTREAM.reconnectMinMs * 2 ** Math.min(this.#failures - 1, 10),
    );
    // Jitter: gates that lost the same node must not come back in step.
    this.#nextOpenAtMs = Date.now() + backoffMs * (0.5 + Math.random() / 2);
    this.#options.onFault(fault);
    if (fault.code === 'login_refused') this.#refused(fault);
  }

  #refused(fault: UpstreamFault): void {
    if (this.#freshSecret === 'being asked') return;
    if (this.#freshSecret === 'asked') {
      this.#giveUp(fault);
      return;
    }
    this.#freshSecret = 'being asked';
    void this.#options.onRefused().then((isReplaced) => {
      this.#freshSecret = 'asked';
      if (!isReplaced) this.#giveUp(fault);
    });
  }

  /** No wait mends a refused login; connections that were let in before serve on. */
  #giveUp(fault: UpstreamFault): void {
    if (this.#connections.length > 0) return;
    const plain = new UpstreamFault(fault.code, `${fault.message}; its secret was read anew`);
    for (const waiter of this.#waiters) waiter.reject(plain);
    this.#waiters = [];
  }

  #lost(connection: Connection): void {
    const index = this.#connections.indexOf(connection);
    if (index < 0) return;
    this.#connections.splice(index, 1);
    this.#options.budget.give();
    if (!this.#closed) this.warm();
  }

  #shrink(nowMs: number): void {
    if (this.#connections.length <= this.#options.connections) return;
    const idle = this.#connections.find(
      (one) => one.inFlight === 0 && nowMs - one.idleSinceMs > UPSTREAM.extraConnectionIdleMs,
    );
    idle?.destroy(new UpstreamFault('unreachable', 'closed as no longer needed'));
  }
}

function asFault(error: unknown): UpstreamFault {
  return error instanceof UpstreamFault ? error : new UpstreamFault('unreachable', String(error));
}
