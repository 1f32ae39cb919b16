// `npm run bench:real-node`: the latency that HAProxy and the gate add to EXECUTE at a fixed rate in front of a
// real Cassandra, which it starts: a JDK is needed.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { CassandraNode } from '../test/support/cassandra.ts';
import { cqlgate, direct, haproxy, type Proxy } from './proxies.ts';
import { RawConnection } from './raw-connection.ts';
import { KEYSPACE, SETUP } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    /** Requests a second in all, over 64 connections. */
    rate: { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
  },
});

interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
}

async function measure({ name, target, credentials }: Proxy): Promise<Latency> {
  const load = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', path.join(import.meta.dirname, 'load.ts'), '--target', target],
      ...['--username', credentials.username, '--password', credentials.password],
      ...['--shape', '64x1', '--rate', options.rate, '--seconds', options.seconds],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  for await (const line of createInterface({ input: load.stdout })) {
    const message = JSON.parse(line) as Latency & { phase: string; errors: number };
    if (message.phase !== 'end') continue;
    if (message.errors > 0) throw new Error(`${message.errors} errors through ${name}`);
    return message;
  }
  throw new Error(`the load through ${name} did not finish`);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const node = await CassandraNode.start({ progress: (text) => console.error(text) });
const rows: Record<string, unknown>[] = [];
try {
  const superuser = { username: 'cassandra', password: 'cassandra' };
  const admin = await RawConnection.open({ host: node.host, port: node.port }, superuser);
  for (const statement of SETUP) await admin.query(statement);
  await admin.query("CREATE ROLE IF NOT EXISTS bench WITH PASSWORD = 'bench' AND LOGIN = true");
  await admin.query(`GRANT SELECT ON KEYSPACE ${KEYSPACE} TO bench`);
  admin.close();
  const proxies = [
    direct(node.port, 0),
    await haproxy(node.port),
    await cqlgate(node.port, { name: 'cqlgate', profileDir: undefined }),
  ].filter((proxy) => proxy !== null);
  const measured = new Map(proxies.map(({ name }) => [name, [] as Latency[]]));
  // The node compiles its own hot path meanwhile: the first round does not count.
  for (let round = -1; round < Number(options.rounds); round++) {
    for (let i = 0; i < proxies.length; i++) {
      const proxy = proxies[(i + round + proxies.length) % proxies.length]!;
      const latency = await measure(proxy);
      if (round >= 0) measured.get(proxy.name)!.push(latency);
    }
  }
  for (const proxy of proxies) await proxy.stop();
  const of = (name: string, key: keyof Latency): number =>
    median(measured.get(name)!.map((one) => one[key]));
  for (const name of measured.keys()) {
    const [p50Us, p99Us] = [of(name, 'p50Us'), of(name, 'p99Us')];
    rows.push({
      name,
      p50Us,
      p99Us,
      addedP50Us: p50Us - of('direct', 'p50Us'),
      addedP99Us: p99Us - of('direct', 'p99Us'),
    });
  }
} finally {
  await node.stop();
}
if (options.json) console.log(JSON.stringify(rows, null, 2));
else {
  console.log('| through | p50 us | p99 us | added p50 us | added p99 us |\n|-|-|-|-|-|');
  for (const row of rows) console.log(`| ${Object.values(row).join(' | ')} |`);
}
