// `npm run bench:allocations`: what a request costs the gate in bytes on its heap, and in buffers copied. Apart
// from `npm run bench`, since counting has a price of its own.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { startChild } from './child.ts';
import { cqlgate } from './proxies.ts';

const part = (name: string): string => path.join(import.meta.dirname, name);
const TSX = ['--import', 'tsx'];
const WORKS = [
  ['EXECUTE 64x1', '--shape', '64x1'],
  ['EXECUTE 8x32', '--shape', '8x32'],
  ['EXECUTE 8x32, v5', '--shape', '8x32', '--version', '5'],
  ['EXECUTE 8x32, v5 lz4', '--shape', '8x32', '--version', '5', '--compression', 'lz4'],
  ['QUERY 8x32, 1 text', '--shape', '8x32', '--work', 'query'],
  ['QUERY 8x32, 1,000,000 texts', '--shape', '8x32', '--work', 'query', '--texts', '1000000'],
  ['BATCH of 100, 8x4', '--shape', '8x4', '--work', 'batch'],
  ['pages of 100 rows, 8x8', '--shape', '8x8', '--work', 'pages'],
  ['rows of 64 KiB, 8x4', '--shape', '8x4', '--work', 'rows64k'],
] as const;

const responder = await startChild({
  name: 'responder',
  command: process.execPath,
  args: [...TSX, part('responder.ts')],
  readyLine: (line) => (JSON.parse(line) as { port: number }).port,
});
let told: (line: string) => void = () => undefined;
const gate = await cqlgate(responder.ready, {
  name: 'cqlgate',
  profileDir: undefined,
  env: { NODE_OPTIONS: `--import ${pathToFileURL(part('gate-probe.js')).href}` },
  onLine: (line) => told(line),
});

interface Probe {
  readonly allocatedBytes: number;
  readonly copies: number;
}

async function probe(): Promise<Probe> {
  let copies: number | null = null;
  let allocatedBytes: number | null = null;
  const both = new Promise<Probe>((resolve) => {
    told = (line) => {
      copies = Number(/^copies counted \d+: (\d+)/.exec(line)?.[1] ?? copies ?? NaN);
      allocatedBytes = Number(/^allocated: (\d+)/.exec(line)?.[1] ?? allocatedBytes ?? NaN);
      if (!Number.isNaN(copies) && !Number.isNaN(allocatedBytes)) {
        resolve({ copies, allocatedBytes });
      }
    };
  });
  process.kill(gate.pid, 'SIGUSR2');
  return both;
}

console.log('| work | requests | heap bytes a request | copies a request |\n|-|-|-|-|');
for (const [name, ...load] of WORKS) {
  const child = spawn(
    process.execPath,
    [
      ...[...TSX, part('load.ts'), '--target', gate.target],
      ...['--username', gate.credentials.username, '--password', gate.credentials.password],
      ...['--seconds', '3', ...load],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let before: Probe = { allocatedBytes: 0, copies: 0 };
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as { phase: string; requests: number; errors: number };
    if (message.phase === 'start') before = await probe();
    else {
      const { allocatedBytes, copies } = await probe();
      if (message.errors > 0) throw new Error(`${message.errors} errors: ${name}`);
      const [bytes, copied] = [
        allocatedBytes / message.requests,
        (copies - before.copies) / message.requests,
      ];
      console.log(`| ${name} | ${message.requests} | ${bytes.toFixed(0)} | ${copied.toFixed(3)} |`);
    }
  }
}
await gate.stop();
await responder.stop();
