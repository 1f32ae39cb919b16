// `npm run bench:floods`: one client that floods the gate, one kind of flood after the other, each on a gate of its
// own with a small heap, beside eight honest sessions of another role. Exit code 1 where the gate or the node
// ends, a request of the others fails, their p99 rises above five times what it was, or the gate's memory above
// 1 GiB. The longest turn of the gate's event loop is told beside.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pathToFileURL } from 'node:url';
import { parseEndpoint, parsePositive } from './arguments.ts';
import { startChild } from './child.ts';
import { HonestClients } from './honest.ts';
import { residentBytes } from './process-usage.ts';
import { cqlgate, type Proxy } from './proxies.ts';
import { RawConnection } from './raw-connection.ts';
import { KEYSPACE, SETUP } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    /** Floods whose name holds this. */
    flood: { type: 'string', default: '' },
    seconds: { type: 'string', default: '30' },
    idle: { type: 'string', default: '5' },
    /** A real Cassandra instead of the responder: its superuser is cassandra. */
    'contact-point': { type: 'string' },
    /** The source tree whose built gate is measured; default: this one. */
    tree: { type: 'string' },
    json: { type: 'boolean', default: false },
    /** For a processor profile of each gate. */
    'profile-dir': { type: 'string' },
  },
});
const floodMs = parsePositive('seconds', options.seconds) * 1000;
const idleMs = parsePositive('idle', options.idle) * 1000;

const HEAP_MIB = 512;
const MIB = 1024 * 1024;
const MAX_RSS_MIB = 1024;
const MAX_P99_RATIO = 5;
/** The flood's client is somewhere else in the world: it must not take the gate's processor. */
const NICE = 15;
const SAMPLE_MS = 100;
const PROBE_TIMEOUT_MS = 20_000;

const part = (name: string): string => path.join(import.meta.dirname, name);
const FLOODER = ['--import', 'tsx', part('flooder.ts')];

interface LoopDelay {
  readonly p50Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

interface Row {
  readonly flood: string;
  readonly maxRssMib: number;
  readonly idleLoop: LoopDelay | null;
  readonly loop: LoopDelay | null;
  readonly requests: number;
  readonly failures: number;
  readonly firstFailure: string | null;
  readonly idleP99Us: number;
  readonly p99Us: number;
  readonly gateLives: boolean;
  readonly nodeLives: boolean;
}

const brokenBy = (row: Row): string[] => [
  ...(row.gateLives ? [] : ['the gate ended']),
  ...(row.nodeLives ? [] : ['the node ended']),
  ...(row.failures > 0 ? [`${row.failures} failures: ${row.firstFailure}`] : []),
  ...(row.maxRssMib > MAX_RSS_MIB ? ['RSS'] : []),
  ...(row.p99Us > MAX_P99_RATIO * row.idleP99Us ? ['p99'] : []),
];

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return residentBytes(pid) > 0;
  } catch {
    return false;
  }
}

/** What the probe in the gate prints upon a signal; null where it does not any more. */
class Probe {
  #told: ((delay: LoopDelay) => void) | null = null;

  readonly onLine = (line: string): void => {
    const found = /^loop-delay: (.*)$/.exec(line)?.[1];
    if (found !== undefined) this.#told?.(JSON.parse(found) as LoopDelay);
  };

  async ask(pid: number): Promise<LoopDelay | null> {
    const answer = new Promise<LoopDelay>((resolve) => (this.#told = resolve));
    try {
      process.kill(pid, 'SIGUSR2');
    } catch {
      return null;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), PROBE_TIMEOUT_MS);
    });
    const told = await Promise.race([answer, late]);
    clearTimeout(timer);
    return told;
  }
}

async function measure(flood: string, node: Node): Promise<Row> {
  const probe = new Probe();
  const gate = await cqlgate(node.port, {
    name: 'cqlgate',
    profileDir: options['profile-dir'],
    ...(options.tree === undefined ? {} : { tree: options.tree }),
    execArgv: [
      `--max-old-space-size=${HEAP_MIB}`,
      ...['--import', pathToFileURL(part('loop-delay-probe.js')).href],
    ],
    roles: {
      flooder: [`SELECT, MODIFY ON KEYSPACE ${KEYSPACE}`],
      reader: [`SELECT ON KEYSPACE ${KEYSPACE}`],
    },
    upstream: node.credentials,
    onLine: probe.onLine,
  });
  const honest = await HonestClients.open(parseEndpoint(gate.target), gate.credentials);
  let maxRss = 0;
  const watch = setInterval(() => {
    if (lives(gate.pid)) maxRss = Math.max(maxRss, residentBytes(gate.pid));
  }, SAMPLE_MS);
  // The first requests are slow: code is compiled, connections are opened.
  await pause(2_000);
  honest.reset();
  await probe.ask(gate.pid);
  await pause(idleMs);
  const idleLoop = await probe.ask(gate.pid);
  const { p99Us: idleP99Us } = honest.figures();
  honest.reset();

  const flooder = startFlood(flood, gate);
  const endAtMs = performance.now() + floodMs;
  while (performance.now() < endAtMs && lives(gate.pid)) {
    await pause(1_000);
    honest.giveUp();
  }
  const { requests, p99Us } = honest.figures();
  const loop = await probe.ask(gate.pid);
  const gateLives = lives(gate.pid);
  await ended(flooder);
  clearInterval(watch);
  const { failures, firstFailure } = honest;
  honest.close();
  await gate.stop();
  return {
    ...{ flood, maxRssMib: Math.round(maxRss / MIB), idleLoop, loop },
    ...{ requests, failures, firstFailure, idleP99Us, p99Us },
    ...{ gateLives, nodeLives: await node.lives() },
  };
}

function startFlood(flood: string, { target, credentials }: Proxy): ChildProcess {
  const args = [...FLOODER, '--flood', flood, '--target', target];
  const child = spawn(process.execPath, [...args, '--password', credentials.password], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  os.setPriority(child.pid!, NICE);
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const end = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await end;
}

interface Node {
  readonly port: number;
  readonly credentials: { readonly username: string; readonly password: string };
  lives(): Promise<boolean>;
  stop(): Promise<void>;
}

async function answers(port: number): Promise<boolean> {
  try {
    const connection = await RawConnection.open({ host: '127.0.0.1', port }, CASSANDRA);
    await connection.query(`SELECT key FROM system.local`);
    connection.close();
    return true;
  } catch {
    return false;
  }
}

const CASSANDRA = { username: 'cassandra', password: 'cassandra' };

async function realNode(contactPoint: string): Promise<Node> {
  const endpoint = parseEndpoint(contactPoint);
  const connection = await RawConnection.open(endpoint, CASSANDRA);
  for (const statement of SETUP) await connection.query(statement);
  connection.close();
  return {
    port: endpoint.port,
    credentials: CASSANDRA,
    lives: async () => answers(endpoint.port),
    stop: async () => Promise.resolve(),
  };
}

async function responder(): Promise<Node> {
  const child = await startChild({
    name: 'responder',
    command: process.execPath,
    args: ['--import', 'tsx', part('responder.ts')],
    readyLine: (line) => (JSON.parse(line) as { port: number }).port,
  });
  return {
    port: child.ready,
    credentials: CASSANDRA,
    lives: async () => answers(child.ready),
    stop: async () => child.stop(),
  };
}

const contactPoint = options['contact-point'];
const shown = (delay: LoopDelay | null): string =>
  delay === null ? 'no answer' : `${delay.p999Ms.toFixed(0)} / ${delay.maxMs.toFixed(0)}`;
let broken = 0;
if (!options.json) {
  console.log(
    '| flood | max RSS MiB | loop idle p99.9 / max ms | loop p99.9 / max ms | others: requests | failures | p99 idle ms | p99 ms | x | broken |',
  );
  console.log('|-|-|-|-|-|-|-|-|-|-|');
}
const floods = execFileSync(process.execPath, [...FLOODER, '--list'], { encoding: 'utf8' })
  .trim()
  .split('\n');
for (const flood of floods.filter((name) => name.includes(options.flood))) {
  // A responder for each: what one flood made it remember must not slow the next.
  const node = contactPoint === undefined ? await responder() : await realNode(contactPoint);
  const row = await measure(flood, node);
  await node.stop();
  const problems = brokenBy(row);
  broken += problems.length;
  if (options.json) console.log(JSON.stringify(row));
  else {
    const cells = [
      ...[row.flood, row.maxRssMib, shown(row.idleLoop), shown(row.loop), row.requests],
      ...[row.failures, (row.idleP99Us / 1000).toFixed(1), (row.p99Us / 1000).toFixed(1)],
      ...[(row.p99Us / row.idleP99Us).toFixed(1), problems.join('; ')],
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
}
process.exitCode = broken > 0 ? 1 : 0;
