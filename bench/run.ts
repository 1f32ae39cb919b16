// `npm run bench`: the same load through HAProxy and cqlgate in alternating rounds of one run, so that
// what is compared is ratios, not machines. How and what not: bench/README.md.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parsePositive } from './arguments.ts';
import { startChild } from './child.ts';
import { residentBytes, sampleCpu } from './process-usage.ts';
import { cqlgate, direct, haproxy, type Proxy } from './proxies.ts';
import { parseShape } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    shape: { type: 'string', multiple: true, default: ['64x1', '8x32'] },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    warmup: { type: 'string', default: '1' },
    only: { type: 'string', multiple: true },
    'contact-point': { type: 'string' },
    'profile-dir': { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

interface Round {
  readonly cpuUs: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly residentMiB: number;
}

interface LoadResult {
  readonly phase: 'start' | 'end';
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly errors: number;
  readonly firstError: string | null;
}

const TSX = ['--import', 'tsx'];
const part = (name: string): string => path.join(import.meta.dirname, name);

async function measure(proxy: Proxy, shape: string): Promise<Round> {
  const load = spawn(
    process.execPath,
    [
      ...TSX,
      part('load.ts'),
      ...['--target', proxy.target],
      ...['--username', proxy.credentials.username],
      ...['--password', proxy.credentials.password],
      ...['--shape', shape, '--seconds', options.seconds, '--warmup', options.warmup],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let before = sampleCpu(proxy.pid);
  let result: LoadResult | null = null;
  let cpuUs = 0;
  for await (const line of createInterface({ input: load.stdout })) {
    const message = JSON.parse(line) as LoadResult;
    if (message.phase === 'start') before = sampleCpu(proxy.pid);
    else {
      result = message;
      cpuUs = (sampleCpu(proxy.pid).runNs - before.runNs) / 1000 / message.requests;
    }
  }
  if (result === null) throw new Error(`the load through ${proxy.name} did not finish`);
  if (result.errors > 0) {
    throw new Error(`${result.errors} errors through ${proxy.name}: ${result.firstError ?? ''}`);
  }
  return { ...result, cpuUs, residentMiB: residentBytes(proxy.pid) / 1024 / 1024 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

function medians(rounds: readonly Round[]): Round {
  const of = (key: keyof Round): number => median(rounds.map((round) => round[key]));
  return {
    cpuUs: of('cpuUs'),
    requestsPerSecond: of('requestsPerSecond'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
    p999Us: of('p999Us'),
    residentMiB: of('residentMiB'),
  };
}

const contactPoint = options['contact-point'];
const responder = await startChild({
  name: 'responder',
  command: process.execPath,
  args: [
    ...TSX,
    part('responder.ts'),
    ...(contactPoint === undefined ? [] : ['--contact-point', contactPoint]),
  ],
  readyLine: (line) => (JSON.parse(line) as { port: number }).port,
});
const wanted = (name: string): boolean => options.only?.includes(name) ?? true;
const proxies: Proxy[] = [];
if (wanted('direct')) proxies.push(direct(responder.ready, responder.pid));
const relay = wanted('haproxy') ? await haproxy(responder.ready) : null;
if (relay !== null) proxies.push(relay);
if (wanted('cqlgate')) {
  const profileDir = options['profile-dir'];
  proxies.push(await cqlgate(responder.ready, profileDir === undefined ? {} : { profileDir }));
}

const table: { shape: string; proxy: string; ratio: number | null; figures: Round }[] = [];
for (const shape of options.shape) {
  parseShape(shape);
  const rounds = new Map<string, Round[]>(proxies.map((proxy) => [proxy.name, []]));
  for (let round = 0; round < parsePositive('rounds', options.rounds); round++) {
    // Turned round by round, so that no proxy is always the first after a pause.
    const order = proxies.map((_proxy, i) => proxies[(i + round) % proxies.length]!);
    for (const proxy of order) rounds.get(proxy.name)!.push(await measure(proxy, shape));
  }
  const base = rounds.has('haproxy') ? medians(rounds.get('haproxy')!).cpuUs : null;
  for (const proxy of proxies) {
    const figures = medians(rounds.get(proxy.name)!);
    const ratio = base === null || proxy.name === 'direct' ? null : figures.cpuUs / base;
    table.push({ shape, proxy: proxy.name, ratio, figures });
  }
}
for (const proxy of proxies) await proxy.stop();
await responder.stop();

if (options.json) console.log(JSON.stringify(table, null, 2));
else {
  // For `direct` the CPU is the responder's own: what answering costs, not a proxy.
  console.log(
    'shape   proxy     CPU us/req  x HAProxy   req/s    p50 us   p99 us  p99.9 us  RSS MiB',
  );
  for (const { shape, proxy, ratio, figures } of table) {
    console.log(
      [
        shape.padEnd(7),
        proxy.padEnd(9),
        figures.cpuUs.toFixed(3).padStart(10),
        (ratio === null ? '-' : ratio.toFixed(2)).padStart(10),
        figures.requestsPerSecond.toFixed(0).padStart(8),
        figures.p50Us.toFixed(0).padStart(8),
        figures.p99Us.toFixed(0).padStart(8),
        figures.p999Us.toFixed(0).padStart(9),
        figures.residentMiB.toFixed(0).padStart(8),
      ].join(' '),
    );
  }
}
