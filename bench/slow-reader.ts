// `npm run bench:slow-reader`: 64 clients at work, with and without one more that asks for large rows and reads
// nothing of them. What they see of it, and what it costs the gate in memory.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { parseEndpoint } from './arguments.ts';
import { startChild } from './child.ts';
import { executeBody, Opcode, requestFrame } from './frames.ts';
import { residentBytes } from './process-usage.ts';
import { Proxies } from './proxies.ts';
import { RawConnection } from './raw-connection.ts';
import { selectOf, TABLES } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '5' },
    rate: { type: 'string', default: '5000' },
  },
});
const part = (name: string): string => path.join(import.meta.dirname, name);
const TSX = ['--import', 'tsx'];
/** Rows of 1 MiB that it asks for: far more than its outbox may hold. */
const ASKED = 512;

const responder = await startChild({
  name: 'responder',
  command: process.execPath,
  args: [...TSX, part('responder.ts')],
  readyLine: (line) => (JSON.parse(line) as { port: number }).port,
});
const proxies = new Proxies(responder.ready, responder.pid);
const gate = (await proxies.of('cqlgate'))!;

async function p99Us(): Promise<number> {
  const load = spawn(
    process.execPath,
    [
      ...[...TSX, part('load.ts'), '--target', gate.target],
      ...['--username', gate.credentials.username, '--password', gate.credentials.password],
      ...['--shape', '64x1', '--rate', options.rate, '--seconds', options.seconds],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let found = NaN;
  for await (const line of createInterface({ input: load.stdout })) {
    const message = JSON.parse(line) as { phase: string; p99Us: number; errors: number };
    if (message.phase !== 'end') continue;
    if (message.errors > 0) throw new Error(`${message.errors} errors`);
    found = message.p99Us;
  }
  return found;
}

async function stopReading(): Promise<() => void> {
  const connection = await RawConnection.open(parseEndpoint(gate.target), gate.credentials);
  const prepared = await connection.prepare(selectOf(TABLES['rows1m']!));
  const socket = connection.release();
  socket.on('error', () => undefined);
  socket.pause();
  for (let i = 0; i < ASKED; i++) {
    const body = executeBody(prepared, Buffer.from('item-00'));
    socket.write(requestFrame(Opcode.EXECUTE, i, body));
  }
  return () => socket.destroy();
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
const alone: number[] = [];
const beside: number[] = [];
let peakMiB = 0;
await p99Us();
const beforeMiB = residentBytes(gate.pid) / 1024 / 1024;
const watch = setInterval(() => {
  peakMiB = Math.max(peakMiB, residentBytes(gate.pid) / 1024 / 1024);
}, 100);
for (let i = 0; i < Number(options.rounds); i++) {
  alone.push(await p99Us());
  const end = await stopReading();
  beside.push(await p99Us());
  end();
}
clearInterval(watch);
console.log(
  '| p99 us alone | beside one that does not read | x | RSS MiB before | highest |\n|-|-|-|-|-|',
);
const [without, withIt] = [median(alone), median(beside)];
console.log(
  `| ${without} | ${withIt} | ${(withIt / without).toFixed(2)} | ${beforeMiB.toFixed(0)} | ${peakMiB.toFixed(0)} |`,
);
await proxies.stop();
await responder.stop();
