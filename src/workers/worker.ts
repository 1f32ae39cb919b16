// One of several processes that serve the port: a gate that shares with its siblings what must be of one
// piece, through their primary.
import path from 'node:path';
import { monotonicMs, msBetween, type MonotonicMs } from '../clock.ts';
import { ledgerFolder } from '../audit/ledger-files.ts';
import { UpstreamFault } from '../upstream/faults.ts';
import type { FleetLock, HeldLock } from '../upstream/ddl-lane.ts';
import { Channel, type Port } from './channel.ts';
import type { ConfigText, PrimaryHandlers } from './primary.ts';
import type { Part, Team, Whole } from './team.ts';

/** Tells a process which of the workers it is: a number from 1. */
export const WORKER_VARIABLE = 'CQLGATE_WORKER';

export const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
export type StopSignal = (typeof STOP_SIGNALS)[number];

/** What the primary asks of a worker. */
export type WorkerHandlers = {
  readonly stop: (signal: StopSignal) => void;
  readonly metrics: () => ReturnType<Part['registry']['getMetricsAsJSON']>;
} & { readonly [What in Exclude<keyof Part, 'registry'>]: Part[What] };

export class WorkerTeam implements Team {
  readonly number: number;
  readonly #primary: Channel<PrimaryHandlers>;
  #part: Part | null = null;

  constructor(number: number, port: Port, stop: WorkerHandlers['stop']) {
    this.number = number;
    const part = (): Part => {
      if (this.#part === null) throw new Error(`worker ${number} is starting`);
      return this.#part;
    };
    const handlers: WorkerHandlers = {
      stop,
      metrics: async () => part().registry.getMetricsAsJSON(),
      readiness: () => part().readiness(),
      sessions: () => part().sessions(),
      tokenSeen: (sha256) => this.#part?.tokenSeen(sha256),
      revoked: (revocation) => this.#part?.revoked(revocation),
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

  async join(part: Part): Promise<Whole> {
    // From here on it hears what is told; what was told before comes with the answer.
    this.#part = part;
    for (const revocation of await this.#primary.ask('join', null)) part.revoked(revocation);
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
    // A moment of this process means nothing to the primary.
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
