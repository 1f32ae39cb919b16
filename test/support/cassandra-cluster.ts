// A cluster of real nodes for tests, on 127.0.0.1, .2, .3 and on: started one after another, killed, hung,
// brought back and added to, as a test likes.
import { setTimeout as delay } from 'node:timers/promises';
import { auth, Client, policies, types, type ClientOptions } from 'cassandra-driver';
import { CassandraNode, freePort, type Progress } from './cassandra.ts';

export interface ClusterOptions {
  /** Datacenter of each node. */
  readonly datacenters: readonly string[];
  readonly progress?: Progress;
}

/** A login for gates: not `cassandra`, which asks a quorum of system_auth for every login. */
export const GATE_LOGIN = { username: 'gate', password: 'gate password' } as const;

const HEAP = '640m';

export class CassandraCluster {
  readonly nodes: CassandraNode[] = [];
  readonly #clusterPort: number;
  readonly #port: number;
  readonly #progress: Progress;

  private constructor(port: number, clusterPort: number, progress: Progress) {
    this.#port = port;
    this.#clusterPort = clusterPort;
    this.#progress = progress;
  }

  static async start({ datacenters, progress }: ClusterOptions): Promise<CassandraCluster> {
    const port = await freePort('127.0.0.1');
    const cluster = new CassandraCluster(
      port,
      await freePort('127.0.0.1'),
      progress ?? (() => undefined),
    );
    try {
      for (const datacenter of datacenters) await cluster.add(datacenter);
      await cluster.#prepare();
    } catch (error) {
      await cluster.remove();
      throw error;
    }
    return cluster;
  }

  get contactPoints(): string[] {
    return this.nodes.map(({ contactPoint }) => contactPoint);
  }

  /** Adds a node and waits until it serves; the others know it then. */
  async add(datacenter = 'datacenter1'): Promise<CassandraNode> {
    const node = await CassandraNode.start({
      host: `127.0.0.${this.nodes.length + 1}`,
      port: this.#port,
      heap: HEAP,
      progress: this.#progress,
      place: {
        clusterPort: this.#clusterPort,
        seed: this.nodes[0]?.host ?? null,
        datacenter,
        replicas: 3,
      },
    });
    this.nodes.push(node);
    return node;
  }

  /** A client straight at one node, and at no other. */
  async at(
    node: CassandraNode,
    login: { readonly username: string; readonly password: string } = GATE_LOGIN,
    options: Partial<ClientOptions> = {},
  ): Promise<Client> {
    const client = new Client({
      contactPoints: [node.contactPoint],
      localDataCenter: node.datacenter,
      policies: { loadBalancing: new OnlyOne(node.contactPoint) },
      authProvider: new auth.PlainTextAuthProvider(login.username, login.password),
      socketOptions: { readTimeout: 60_000 },
      ...options,
    });
    await client.connect();
    return client;
  }

  /** Waits until every node holds every other for up. */
  async allUp(timeoutMs = 120_000): Promise<void> {
    const deadlineAtMs = Date.now() + timeoutMs;
    for (;;) {
      const views = await Promise.all(this.nodes.map(async (node) => this.#holdsAllUp(node)));
      if (views.every((isUp) => isUp)) return;
      if (Date.now() > deadlineAtMs) throw new Error(`not all are up: ${views.join()}`);
      await delay(300);
    }
  }

  /** Schema versions that the nodes have, each once. */
  async schemaVersions(): Promise<string[]> {
    const versions = await Promise.all(
      this.nodes.map(async (node) => {
        const client = await this.at(node);
        const { rows } = await client.execute('SELECT schema_version FROM system.local');
        await client.shutdown();
        return String(rows[0]!['schema_version']);
      }),
    );
    return [...new Set(versions)];
  }

  async errors(): Promise<string[]> {
    return (await Promise.all(this.nodes.map(async (node) => node.errors()))).flat();
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map(async (node) => node.remove()));
  }

  /** A read of all nodes' replicas is refused as soon as one is held for down. */
  async #holdsAllUp(node: CassandraNode): Promise<boolean> {
    let client: Client | null = null;
    try {
      client = await this.at(node);
      await client.execute('SELECT k FROM liveness.t WHERE k = 1', [], {
        consistency: types.consistencies.all,
      });
      return true;
    } catch {
      return false;
    } finally {
      await client?.shutdown();
    }
  }

  /** Roles on every node, and a login for gates that is no superuser's. */
  async #prepare(): Promise<void> {
    const admin = await this.at(this.nodes[0]!, { username: 'cassandra', password: 'cassandra' });
    const { username, password } = GATE_LOGIN;
    const replication = this.#everywhere();
    await this.#settled(admin);
    await admin.execute(`ALTER KEYSPACE system_auth WITH replication = ${replication}`);
    await this.#spreadLogins(admin);
    for (const statement of [
      `CREATE KEYSPACE liveness WITH replication = ${replication}`,
      'CREATE TABLE liveness.t (k int PRIMARY KEY)',
      `CREATE ROLE ${username} WITH LOGIN = true AND PASSWORD = '${password}'`,
      ...['CREATE', 'ALTER', 'DROP', 'SELECT', 'MODIFY'].map(
        (permission) => `GRANT ${permission} ON ALL KEYSPACES TO ${username}`,
      ),
    ]) {
      await admin.execute(statement);
    }
    await admin.shutdown();
  }

  /** New replicas have no roles until somebody repairs them, which a read of all replicas does. */
  async #spreadLogins(admin: Client): Promise<void> {
    const deadlineAtMs = Date.now() + 60_000;
    for (;;) {
      try {
        await admin.execute('SELECT * FROM system_auth.roles', [], {
          consistency: types.consistencies.all,
        });
        return;
      } catch (error) {
        if (Date.now() > deadlineAtMs) throw error;
        await delay(600);
      }
    }
  }

  /** While a node counts as joining no replication can be changed. */
  async #settled(admin: Client): Promise<void> {
    const deadlineAtMs = Date.now() + 60_000;
    for (;;) {
      const { rows } = await admin.execute(
        'SELECT address, status_with_port FROM system_views.gossip_info',
      );
      const normal = rows.filter((row) => String(row['status_with_port']).startsWith('NORMAL'));
      if (normal.length === this.nodes.length) return;
      if (Date.now() > deadlineAtMs) throw new Error('the nodes do not get into normal state');
      await delay(300);
    }
  }

  #everywhere(): string {
    const counts = new Map<string, number>();
    for (const { datacenter } of this.nodes) {
      counts.set(datacenter, (counts.get(datacenter) ?? 0) + 1);
    }
    const options = [...counts].map(([name, count]) => `'${name}': ${count}`);
    return `{'class': 'NetworkTopologyStrategy', ${options.join(', ')}}`;
  }
}

/** For a driver that would else go to the other nodes as well. */
class OnlyOne extends policies.loadBalancing.WhiteListPolicy {
  constructor(contactPoint: string) {
    super(new policies.loadBalancing.RoundRobinPolicy(), [contactPoint]);
  }
}
