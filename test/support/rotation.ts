// What the rotation tests share: workers that never stop asking through the gate, an upstream login of
// their own, and who is connected to the node as whom.
import type { Client } from 'cassandra-driver';
import type { TestGate } from './gate.ts';
import { through } from './nodes.ts';

/** A keyspace with a table, and a Cassandra role that may use it. */
export async function prepareRotation(superuser: Client, name: string): Promise<void> {
  await superuser.execute(
    `CREATE KEYSPACE IF NOT EXISTS ${name} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
  );
  await superuser.execute(`CREATE TABLE IF NOT EXISTS ${name}.t (k int PRIMARY KEY, v text)`);
}

export async function createUser(
  superuser: Client,
  name: string,
  keyspace: string,
  password: string,
): Promise<void> {
  await superuser.execute(
    `CREATE ROLE IF NOT EXISTS "${name}" WITH PASSWORD = '${password}' AND LOGIN = true`,
  );
  await superuser.execute(`GRANT ALL PERMISSIONS ON KEYSPACE ${keyspace} TO "${name}"`);
}

/** Ports from which a Cassandra role is connected to the node. */
export async function portsOf(superuser: Client, username: string): Promise<number[]> {
  const { rows } = await superuser.execute('SELECT port, username FROM system_views.clients');
  return rows.filter((row) => row['username'] === username).map((row) => Number(row['port']));
}

/** Sessions that read and write, qualified and not, until told to stop. */
export class Workers {
  readonly #clients: readonly Client[];
  readonly #done: Promise<unknown>;
  #stopped = false;
  requests = 0;
  readonly failures: string[] = [];

  private constructor(clients: readonly Client[], keyspace: string) {
    this.#clients = clients;
    this.#done = Promise.all(clients.map(async (client, i) => this.#work(client, keyspace, i)));
  }

  static async start(gate: TestGate, keyspace: string, sessions: number): Promise<Workers> {
    const clients = [];
    // Every second session works in the keyspace, so that its statements need a connection in it.
    for (let i = 0; i < sessions; i++) {
      clients.push(await through(gate, 'worker', i % 2 === 0 ? {} : { keyspace }));
    }
    return new Workers(clients, keyspace);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
    await Promise.all(this.#clients.map(async (client) => client.shutdown()));
  }

  async #work(client: Client, keyspace: string, i: number): Promise<void> {
    const table = i % 2 === 0 ? `${keyspace}.t` : 't';
    while (!this.#stopped) {
      try {
        await client.execute(`INSERT INTO ${table} (k, v) VALUES (?, ?)`, [i, 'v'], {
          prepare: true,
        });
        const { rows } = await client.execute(`SELECT v FROM ${table} WHERE k = ${i}`);
        if (rows[0]?.['v'] !== 'v') throw new Error('the row is not there');
        this.requests += 2;
      } catch (error) {
        this.failures.push(String(error));
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** As soon as the node takes it: Cassandra 5.0 refuses a second change within 5 s. */
export async function changePassword(
  superuser: Client,
  username: string,
  password: string,
): Promise<void> {
  for (;;) {
    try {
      await superuser.execute(`ALTER ROLE "${username}" WITH PASSWORD = '${password}'`);
      return;
    } catch (error) {
      if (!String(error).includes('can only be changed every')) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
