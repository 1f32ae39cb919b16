// `npm run bench:soak`: a fixed rate for half an hour; prints for each minute the latencies, memory and open
// handles of the gate, and in the end whether they stayed as they were.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { startChild } from './child.ts';
import { residentBytes } from './process-usage.ts';
import { Proxies } from './proxies.ts';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    /** Requests a second: about half of what one process takes at 64 x 1. */
    rate: { type: 'string', default: '20000' },
  },
});
const part = (name: string): string => path.join(import.meta.dirname, name);
const TSX = ['--import', 'tsx'];

const responder = await startChild({
  name: 'responder',
  command: process.execPath,
  args: [...TSX, part('responder.ts')],
  readyLine: (line) => (JSON.parse(line) as { port: number }).port,
});
const proxies = new Proxies(responder.ready, responder.pid);
const gate = (await proxies.of('cqlgate'))!;
const load = spawn(
  process.execPath,
  [
    ...[...TSX, part('load.ts'), '--target', gate.target],
    ...['--username', gate.credentials.username, '--password', gate.credentials.password],
    ...['--shape', '64x1', '--rate', options.rate, '--every', '60'],
    ...['--seconds', String(Number(options.minutes) * 60)],
  ],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
interface Minute {
  readonly p99Us: number;
  readonly residentMiB: number;
  readonly handles: number;
}
const minutes: Minute[] = [];
console.log(
  '| minute | req/s | p50 us | p99 us | p99.9 us | errors | RSS MiB | handles |\n|-|-|-|-|-|-|-|-|',
);
for await (const line of createInterface({ input: load.stdout })) {
  const message = JSON.parse(line) as Record<string, number> & { phase: string };
  if (message.phase === 'start') continue;
  const residentMiB = residentBytes(gate.pid) / 1024 / 1024;
  const handles = readdirSync(`/proc/${gate.pid}/fd`).length;
  minutes.push({ p99Us: message['p99Us']!, residentMiB, handles });
  const cells = [
    ...[
      minutes.length,
      message['requestsPerSecond']!.toFixed(0),
      message['p50Us'],
      message['p99Us'],
    ],
    ...[message['p999Us'], message['errors'], residentMiB.toFixed(0), handles],
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
const [second, last] = [minutes[1], minutes.at(-1)];
if (second !== undefined && last !== undefined) {
  const ratio = last.p99Us / second.p99Us;
  const grown = last.residentMiB - second.residentMiB;
  console.log(
    `p99 of the last minute: ${ratio.toFixed(2)} x that of the second; RSS ${grown.toFixed(0)} MiB more; handles ${last.handles - second.handles} more`,
  );
}
await proxies.stop();
await responder.stop();
