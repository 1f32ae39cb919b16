// Sessions at work through a gate while nodes are killed, brought back, stopped and let go on: what the
// clients saw, counted. Run for one round by the tests, for many by hand:
//
//   node --import tsx test/support/run-node-failures.ts 10
import { setTimeout as delay } from 'node:timers/promises';
import { types, type Client } from 'cassandra-driver';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import type { CassandraCluster } from './cassandra-cluster.ts';
import type { CassandraNode } from './cassandra.ts';

export interface Counts {
  reads: number;
  writes: number;
  /** Reads that failed after the driver's own retries, by error. */
  readonly failedReads: Map<string, number>;
  readonly failedWrites: Map<string, number>;
  /** Connections to the gate that were lost. */
  drops: number;
  /** Longest that a request took, in ms. */
  slowestMs: number;
}

export class Workload {
  readonly counts: Counts = {
    reads: 0,
    writes: 0,
    failedReads: new Map(),
    failedWrites: new Map(),
    drops: 0,
    slowestMs: 0,
  };
  readonly #clients: readonly Client[];
  readonly #table: string;
  /** The last value that was acknowledged, and those of later writes whose fate is not known. */
  readonly #written = new Map<number, { acknowledged: number; perhaps: Set<number> }>();
  readonly #work: Promise<void>[];
  #stopped = false;

  /** Each client writes and reads rows of its own, half and half, at LOCAL_QUORUM. */
  constructor(clients: readonly Client[], table: string) {
    this.#clients = clients;
    this.#table = table;
    for (const client of clients) {
      client.on('hostDown', () => this.counts.drops++);
    }
    this.#work = clients.map(async (client, i) => this.#run(client, i));
  }

  /** Ends the work and reads every acknowledged write back; resolves with how many are not there. */
  async stop(): Promise<number> {
    this.#stopped = true;
    await Promise.all(this.#work);
    let missing = 0;
    const keys = [...this.#written];
    await Promise.all(
      this.#clients.map(async (client, i) => {
        for (let at = i; at < keys.length; at += this.#clients.length) {
          const [key, { acknowledged, perhaps }] = keys[at]!;
          const { rows } = await client.execute(`SELECT v FROM ${this.#table} WHERE k = ?`, [key], {
            prepare: true,
            consistency: types.consistencies.quorum,
          });
          const value = rows[0]?.['v'] as number | undefined;
          if (value === undefined) missing++;
          else if (value !== acknowledged && !perhaps.has(value)) missing++;
        }
      }),
    );
    return missing;
  }

  async #run(client: Client, number: number): Promise<void> {
    const options = { prepare: true, consistency: types.consistencies.localQuorum };
    for (let i = 0; !this.#stopped; i++) {
      const key = number * 100_000 + (i % 500);
      const startedAtMs = Date.now();
      if (i % 2 === 0) await this.#write(client, key, i, options);
      else await this.#read(client, key, options);
      this.counts.slowestMs = Math.max(this.counts.slowestMs, Date.now() - startedAtMs);
      await delay(5);
    }
  }

  async #write(client: Client, key: number, value: number, options: object): Promise<void> {
    let row = this.#written.get(key);
    try {
      await client.execute(
        `INSERT INTO ${this.#table} (k, v) VALUES (?, ?)`,
        [key, value],
        options,
      );
      this.counts.writes++;
      if (row === undefined) {
        row = { acknowledged: value, perhaps: new Set() };
        this.#written.set(key, row);
      }
      row.acknowledged = value;
    } catch (error) {
      count(this.counts.failedWrites, error);
      // One that was never acknowledged and timed out may be there, and stay there for a later read.
      if (row !== undefined) row.perhaps.add(value);
    }
  }

  async #read(client: Client, key: number, options: object): Promise<void> {
    try {
      await client.execute(`SELECT v FROM ${this.#table} WHERE k = ?`, [key], options);
      this.counts.reads++;
    } catch (error) {
      count(this.counts.failedReads, error);
    }
  }
}

export interface Round {
  /** From the native port accepting logins until the gate's requests were there again. */
  readonly loadBackMs: number;
}

/** Kills `victim` and brings it back; then stops `hung` for a while and lets it go on. */
export async function failureRound(
  cluster: CassandraCluster,
  victim: CassandraNode,
  hung: CassandraNode,
): Promise<Round> {
  await delay(2_000);
  await victim.stop();
  await delay(5_000);
  await victim.launch();
  const acceptsAtMs = Date.now();
  while ((await requestsFromGate(cluster, victim)) < 50) await delay(250);
  const loadBackMs = Date.now() - acceptsAtMs;
  await cluster.allUp();
  hung.signal('SIGSTOP');
  await delay(12_000);
  hung.signal('SIGCONT');
  await delay(3_000);
  await cluster.allUp();
  return { loadBackMs };
}

/** Requests that came to this node from gates since it started, by its own count. */
async function requestsFromGate(cluster: CassandraCluster, node: CassandraNode): Promise<number> {
  const admin = await cluster.at(node, { username: 'cassandra', password: 'cassandra' });
  try {
    const { rows } = await admin.execute(
      'SELECT driver_name, request_count FROM system_views.clients',
    );
    return rows
      .filter((row) => row['driver_name'] === 'cqlgate')
      .reduce((sum, row) => sum + Number(row['request_count']), 0);
  } finally {
    await admin.shutdown();
  }
}

function count(errors: Map<string, number>, error: unknown): void {
  const { code, name, message } = error as { code?: number; name: string; message: string };
  const known = Object.entries(CqlErrorCode).find(([, value]) => value === code)?.[0];
  const text = known ?? `${name}: ${message.slice(0, 120)}`;
  errors.set(text, (errors.get(text) ?? 0) + 1);
}
