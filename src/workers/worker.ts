// One of several processes that serve the port: a gate that shares with its siblings, through their primary,
// what the whole gate must have once.
import path from 'node:path';
import { monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { ledgerFolder } from '../audit/ledger-files.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { FleetLock, HeldLock } from '../fleet/ddl-lane.ts';
import { Channel, type Port } from './channel.ts';
import type { ConfigText, PrimaryHandlers, WorkerHandlers } from './messages.ts';
import type { GateProcess, WholeGate, WorkerGroup } from './worker-group.ts';

/** The environment variable that holds the worker's number, from 1. */
export const WORKER_VARIABLE = 'CQLGATE_WORKER';

export class Worker implements WorkerGroup {
  readonly number: number;
  readonly #primary: Channel<PrimaryHandlers>;
  #own: GateProcess | null = null;

  constructor(number: number, port: Port, stop: WorkerHandlers['stop']) {
    this.number = number;
    const own = (): GateProcess => {
      if (this.#own === null) throw new Error(`worker ${number} is starting`);
      return this.#own;
    };
    const handlers: WorkerHandlers = {
      stop,
      metrics: async () => own().registry.getMetricsAsJSON(),
      readiness: () => own().readiness(),
      sessions: () => own().sessions(),
      tokenSeen: (sha256) => this.#own?.tokenSeen(sha256),
      revoked: (revocation) => this.#own?.revoked(revocation),
    };
    this.#primary = new Channel(port, handlers);
  }

  /** The configuration as its primary read it, once for all workers. */
  async config(): Promise<ConfigText> {
    return this.#primary.ask('config', null);
  }

  ledgerDir(auditDir: string): string {
    return path.join(auditDir, ledgerFolder(this.number));
  }

  lock(fleet: FleetLock): FleetLock {
    return { acquire: async (name, deadlineAtMs) => this.#acquire(fleet, name, deadlineAtMs) };
  }

  async join(own: GateProcess): Promise<WholeGate> {
    // From here on this process receives announcements; the answer holds the earlier ones.
    this.#own = own;
    for (const revocation of await this.#primary.ask('join', null)) own.revoked(revocation);
    return {
      metrics: async () => this.#primary.ask('metrics', null),
      readiness: async () => this.#primary.ask('readiness', null),
      sessions: async () => this.#primary.ask('sessions', null),
      tokenSeen: (sha256) => this.#primary.tell('tokenSeen', sha256),
      revoked: (revocation) => this.#primary.tell('revoked', revocation),
    };
  }

  up(): void {
    this.#primary.tell('up', null);
  }

  async #acquire(fleet: FleetLock, name: string, deadlineAtMs: MonotonicMs): Promise<HeldLock> {
    // Monotonic times of this process mean nothing to the primary.
    const waitMs = msBetween(monotonicMs(), deadlineAtMs);
    const isOurs = await this.#primary.ask('lock', { name, waitMs });
    if (!isOurs) {
      throw new UpstreamFault(
        'busy',
        'another worker of this gate is changing the schema of this keyspace',
      );
    }
    const unlock = async (): Promise<void> =>
      this.#primary.ask('unlock', name).catch(() => undefined);
    try {
      const held = await fleet.acquire(name, deadlineAtMs);
      return {
        get isHeld() {
          return held === null || held.isHeld;
        },
        release: async () => {
          await held?.release();
          await unlock();
        },
      };
    } catch (error) {
      await unlock();
      throw error;
    }
  }
}
