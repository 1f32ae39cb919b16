// The sample pipeline: what a job does with an unmodified driver, the token as its password.
import { auth, Client, policies, types } from 'cassandra-driver';
import { KEYSPACE, type DemoRole, type Stage } from './stage.ts';

interface Step {
  readonly name: string;
  readonly role: DemoRole;
  readonly run: (client: Client) => Promise<string>;
  /** The step is one that the policy must refuse. */
  readonly denied?: boolean;
}

const MIGRATIONS = [
  `CREATE KEYSPACE IF NOT EXISTS ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
  `CREATE TABLE IF NOT EXISTS ${KEYSPACE}.items (id int PRIMARY KEY, name text, price decimal)`,
  `CREATE INDEX IF NOT EXISTS items_by_name ON ${KEYSPACE}.items (name)`,
];
const ROWS = 500;

const STEPS: readonly Step[] = [
  {
    name: 'migrate',
    role: 'orders-migrator',
    run: async (client) => {
      for (const statement of MIGRATIONS) await client.execute(statement);
      return `${MIGRATIONS.length} schema changes`;
    },
  },
  {
    name: 'seed',
    role: 'orders-migrator',
    run: async (client) => {
      const insert = `INSERT INTO ${KEYSPACE}.items (id, name, price) VALUES (?, ?, ?)`;
      const row = (id: number) => [id, `item ${id}`, types.BigDecimal.fromNumber(id / 4)];
      await Promise.all(
        Array.from({ length: ROWS }, async (_unused, id) =>
          client.execute(insert, row(id), { prepare: true }),
        ),
      );
      return `${ROWS} rows`;
    },
  },
  {
    name: 'validate',
    role: 'orders-reader',
    run: async (client) => {
      const found = await client.execute(`SELECT id FROM ${KEYSPACE}.items`);
      if (found.rows.length !== ROWS) throw new Error(`${found.rows.length} rows`);
      return `${ROWS} rows are there`;
    },
  },
  {
    name: 'clean up',
    role: 'orders-reader',
    denied: true,
    run: async (client) => {
      await client.execute(`DROP TABLE ${KEYSPACE}.items`);
      return 'the table is gone';
    },
  },
];

export interface PipelineResult {
  readonly datacenter: string;
  /** Every step did what it should, the denied one included. */
  readonly asExpected: boolean;
}

export async function runPipeline(
  stage: Stage,
  say: (text: string) => void,
): Promise<PipelineResult> {
  let datacenter = '';
  let asExpected = true;
  say('');
  for (const { name, role, run, denied = false } of STEPS) {
    const client = new Client({
      contactPoints: [`127.0.0.1:${stage.port}`],
      authProvider: new auth.PlainTextAuthProvider(role, stage.mint(role)),
      policies: { loadBalancing: new policies.loadBalancing.RoundRobinPolicy() },
      socketOptions: { readTimeout: 60_000 },
    });
    let outcome: string;
    let failed = false;
    try {
      await client.connect();
      const local = await client.execute('SELECT data_center FROM system.local');
      datacenter = String(local.first()['data_center']);
      outcome = await run(client);
    } catch (error) {
      failed = true;
      outcome = error instanceof Error ? error.message : String(error);
    }
    await client.shutdown();
    asExpected &&= failed === denied;
    say(`  ${failed ? '✗' : '✓'} ${name.padEnd(9)} as ${role.padEnd(15)} ${outcome}`);
  }
  return { datacenter, asExpected };
}
