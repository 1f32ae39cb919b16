// `npm run bench:logins`: what a job waits for before its first row, against a real Cassandra asked directly: 50
// logins at once, and a driver's connect with one SELECT. Starts a node of its own (a JDK is needed).
import { parseArgs } from 'node:util';
import { auth, Client } from 'cassandra-driver';
import { CassandraNode } from '../test/support/cassandra.ts';
import { parseEndpoint } from './arguments.ts';
import { cqlgate, type Proxy } from './proxies.ts';
import { RawConnection, type Credentials } from './raw-connection.ts';
import { KEYSPACE, SETUP } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    at: { type: 'string', default: '50' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const together = Number(options.at);
const SUPERUSER: Credentials = { username: 'cassandra', password: 'cassandra' };

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

async function loginsMs(target: string, credentials: Credentials): Promise<number> {
  const connections: RawConnection[] = [];
  const ms = await elapsedMs(async () => {
    const opened = Array.from({ length: together }, async () =>
      RawConnection.open(parseEndpoint(target), credentials),
    );
    connections.push(...(await Promise.all(opened)));
  });
  for (const connection of connections) connection.close();
  return ms;
}

async function firstRowMs(target: string, credentials: Credentials): Promise<number> {
  const client = new Client({
    contactPoints: [target],
    localDataCenter: 'datacenter1',
    authProvider: new auth.PlainTextAuthProvider(credentials.username, credentials.password),
    pooling: { coreConnectionsPerHost: { '0': 1 } },
  });
  const ms = await elapsedMs(async () => client.execute(`SELECT * FROM ${KEYSPACE}.items LIMIT 1`));
  await client.shutdown();
  return ms;
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const node = await CassandraNode.start({ progress: (text) => console.error(text) });
const direct = `${node.host}:${node.port}`;
const admin = await RawConnection.open(parseEndpoint(direct), SUPERUSER);
for (const statement of SETUP) await admin.query(statement);
await admin.query("CREATE ROLE IF NOT EXISTS bench WITH PASSWORD = 'bench' AND LOGIN = true");
await admin.query(`GRANT SELECT ON KEYSPACE ${KEYSPACE} TO bench`);
admin.close();

const newGate = async (): Promise<Proxy> =>
  cqlgate(node.port, { name: 'cqlgate', profileDir: undefined });
const figures = {
  directLogins: [],
  gateLogins: [],
  directRow: [],
  warmRow: [],
  coldRow: [],
} as Record<string, number[]>;
try {
  const gate = await newGate();
  await firstRowMs(direct, SUPERUSER);
  await firstRowMs(gate.target, gate.credentials);
  for (let i = 0; i < rounds; i++) {
    figures['directLogins']!.push(await loginsMs(direct, SUPERUSER));
    figures['gateLogins']!.push(await loginsMs(gate.target, gate.credentials));
    figures['directRow']!.push(await firstRowMs(direct, SUPERUSER));
    figures['warmRow']!.push(await firstRowMs(gate.target, gate.credentials));
    const cold = await newGate();
    figures['coldRow']!.push(await firstRowMs(cold.target, cold.credentials));
    await cold.stop();
  }
  await gate.stop();
} finally {
  await node.stop();
}

const of = (name: string): number => median(figures[name]!);
const rows = [
  {
    what: `${together} logins at once`,
    directMs: of('directLogins'),
    gateMs: of('gateLogins'),
    must: 1 / 20,
    goal: 1 / 50,
  },
  {
    what: 'connect + first row, warm',
    directMs: of('directRow'),
    gateMs: of('warmRow'),
    must: 0.5,
    goal: 0.3,
  },
  {
    what: 'connect + first row, gate just started',
    directMs: of('directRow'),
    gateMs: of('coldRow'),
    must: 1.1,
    goal: 1.1,
  },
];
if (options.json) console.log(JSON.stringify(rows, null, 2));
else {
  console.log('| what | direct ms | through cqlgate ms | x direct | must | goal |\n|-|-|-|-|-|-|');
  for (const { what, directMs, gateMs, must, goal } of rows) {
    console.log(
      `| ${what} | ${directMs.toFixed(1)} | ${gateMs.toFixed(1)} | ${(gateMs / directMs).toFixed(3)} | <= ${must} | <= ${goal} |`,
    );
  }
}
