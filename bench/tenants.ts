// `npm run bench:tenants`: jobs of 200 keyspaces at once before a real Cassandra, half of them behind a read that takes
// 10 s, straight at the node and through the gate: failures, time, and connections to the node. In v4 by the Node
// driver, in v5 by frames. It starts a node, for which a JDK is needed, or takes one that is there (`--node FILE`, as
// test/support/keep-node.ts writes it).
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { decodePrepared } from '../src/protocol/messages/result.ts';
import { CassandraNode } from '../test/support/cassandra.ts';
import { driver } from '../test/support/clients.ts';
import { TestGate } from '../test/support/gate.ts';
import { errorOf, RawClient } from '../test/support/raw-client.ts';
import { SLOW, SlowReads } from './slow-reads.ts';

const { values: options } = parseArgs({
  options: {
    tenants: { type: 'string', default: '200' },
    connections: { type: 'string', default: '64' },
    rounds: { type: 'string', default: '20' },
    'slow-ms': { type: 'string', default: '10000' },
    node: { type: 'string' },
  },
});

const TENANTS = Number(options.tenants);
const ROUNDS = Number(options.rounds);
const MOST_TIMES_DIRECT = 1.2;
const SUPERUSER = { username: 'cassandra', password: 'cassandra' };

/** Where jobs go, and as whom. */
interface Target {
  readonly port: number;
  readonly login: () => { readonly username: string; readonly password: string };
}

interface Result {
  readonly ms: number;
  readonly failures: readonly string[];
}

const keyspaceOf = (tenant: number): string => `tenant_${tenant}`;
const isSlow = (tenant: number): boolean => tenant % 2 === 0;

async function makeKeyspaces(port: number): Promise<void> {
  const superuser = driver(port, SUPERUSER.username, SUPERUSER.password, {});
  await superuser.connect();
  const { rows } = await superuser.execute('SELECT keyspace_name FROM system_schema.tables');
  const there = new Set(rows.map((row) => String(row['keyspace_name'])));
  for (let i = 0; i < TENANTS; i++) {
    const ks = keyspaceOf(i);
    if (there.has(ks)) continue;
    await superuser.execute(
      `CREATE KEYSPACE IF NOT EXISTS ${ks} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    );
    await superuser.execute(`CREATE TABLE IF NOT EXISTS ${ks}.t (k int PRIMARY KEY, v text)`);
  }
  await superuser.shutdown();
}

/** A node that hashes two hundred passwords at once lets some of them wait too long: they come again. */
async function patiently<Result>(connect: () => Promise<Result>): Promise<Result> {
  for (let left = 5; ; left--) {
    try {
      return await connect();
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** A job of the Node driver: what it reads back must be its own. */
async function driverJob({ port, login }: Target, tenant: number): Promise<void> {
  const { username, password } = login();
  const own = keyspaceOf(tenant);
  // Not by the versions of DSE first, which the relay does not read.
  const protocolOptions = { maxVersion: 4 };
  const client = await patiently(async () => {
    const one = driver(port, username, password, { keyspace: own, protocolOptions });
    await one.connect().catch(async (error: unknown) => {
      await one.shutdown();
      throw error;
    });
    return one;
  });
  try {
    if (isSlow(tenant)) await client.execute(`SELECT v FROM t /* ${SLOW} */`);
    for (let i = 0; i < (isSlow(tenant) ? 1 : ROUNDS); i++) {
      await client.execute('INSERT INTO t (k, v) VALUES (?, ?)', [i, own], { prepare: true });
      await client.batch([`UPDATE t SET v = '${own}' WHERE k = ${i}`], { logged: false });
      const rows = [
        await client.execute(`SELECT v FROM t WHERE k = ${i}`),
        await client.execute('SELECT v FROM t WHERE k = ?', [i], { prepare: true }),
      ];
      for (const { rows: found } of rows) {
        if (found[0]?.['v'] !== own) throw new Error(`${own} read ${String(found[0]?.['v'])}`);
      }
    }
  } finally {
    await client.shutdown();
  }
}

/** The same by frames of v5. */
async function rawJob({ port, login }: Target, tenant: number): Promise<void> {
  const { username, password } = login();
  const own = keyspaceOf(tenant);
  const client = await patiently(async () => RawClient.login(port, username, password, 5));
  const ask = async (answer: ReturnType<RawClient['query']>) => {
    const frame = await answer;
    if (frame === null) throw new Error(`${own}: closed`);
    const error = errorOf(frame);
    if (error !== null) throw new Error(`${own}: ${error.message}`);
    return frame;
  };
  try {
    await ask(client.query(`USE ${own}`));
    if (isSlow(tenant)) await ask(client.query(`SELECT v FROM t /* ${SLOW} */`));
    for (let i = 0; i < (isSlow(tenant) ? 1 : ROUNDS); i++) {
      await ask(client.query(`INSERT INTO t (k, v) VALUES (${i}, '${own}')`));
      await ask(client.batch([`UPDATE t SET v = '${own}' WHERE k = ${i}`]));
      const { id } = decodePrepared(await ask(client.prepare(`SELECT v FROM t WHERE k = ${i}`)), 5);
      for (const frame of [
        await ask(client.query(`SELECT v FROM t WHERE k = ${i}`)),
        await ask(client.execute(Buffer.from(id))),
      ]) {
        if (!frame.bytes().includes(own)) throw new Error(`${own} read of another keyspace`);
      }
    }
  } finally {
    client.close();
  }
}

type Job = typeof driverJob;

async function run(target: Target, job: Job): Promise<Result> {
  const startedAtMs = performance.now();
  const jobs = Array.from({ length: TENANTS }, async (_unused, i) => job(target, i));
  const settled = await Promise.allSettled(jobs);
  return {
    ms: Math.round(performance.now() - startedAtMs),
    failures: settled.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : [])),
  };
}

const started =
  options.node === undefined
    ? await CassandraNode.start({ progress: (text) => console.error(text) })
    : null;
const node =
  started ?? (JSON.parse(await readFile(options.node!, 'utf8')) as { readonly port: number });
let isGood = true;
const rows: Record<string, unknown>[] = [];
try {
  await makeKeyspaces(node.port);
  for (const [version, job] of [
    [4, driverJob],
    [5, rawJob],
  ] as const) {
    const relay = await SlowReads.start(node.port, Number(options['slow-ms']));
    const direct = await run({ port: relay.port, login: () => SUPERUSER }, job);
    const directConnections = relay.mostOpen;
    while (relay.open > 0) await delay(50);
    relay.reset();
    const gate = await TestGate.start({
      contactPoint: `127.0.0.1:${relay.port}`,
      roles: { job: { grants: ['SELECT, MODIFY ON ALL KEYSPACES'] } },
      config: { limits: { poolConnections: Number(options.connections) } },
    });
    const login = () => ({ username: 'job', password: gate.issuer.mint() });
    const through = await run({ port: gate.port, login }, job);
    const times = through.ms / direct.ms;
    rows.push({
      version: `v${version}`,
      'direct ms': direct.ms,
      'gate ms': through.ms,
      'x direct': times.toFixed(2),
      'direct failures': direct.failures.length,
      'gate failures': through.failures.length,
      'direct connections': directConnections,
      'gate connections': relay.mostOpen,
      'gate logins': relay.logins,
    });
    for (const text of through.failures.slice(0, 5)) console.error(text);
    isGood &&= through.failures.length === 0 && times <= MOST_TIMES_DIRECT;
    isGood &&= relay.mostOpen <= Number(options.connections);
    await gate.close();
    await relay.close();
  }
} finally {
  await started?.remove();
}
console.table(rows);
process.exitCode = isGood ? 0 : 1;
