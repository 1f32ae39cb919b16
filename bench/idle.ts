// `npm run bench:idle`: memory of the gate for sessions that are logged in and do nothing, plain and over TLS,
// and how many connections it then has to the node.
import { readdirSync, readlinkSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseEndpoint, parsePositive } from './arguments.ts';
import { startChild } from './child.ts';
import { residentBytes } from './process-usage.ts';
import { Proxies } from './proxies.ts';
import { RawConnection } from './raw-connection.ts';
import path from 'node:path';

const { values: options } = parseArgs({
  options: { sessions: { type: 'string', default: '10000' } },
});
const sessions = parsePositive('sessions', options.sessions);
/** Open at once on the way in: more than the accept queue takes would be refused. */
const AT_ONCE = 50;
/** For garbage of the logins to be collected. */
const SETTLE_MS = 15_000;

const responder = await startChild({
  name: 'responder',
  command: process.execPath,
  args: ['--import', 'tsx', path.join(import.meta.dirname, 'responder.ts')],
  readyLine: (line) => (JSON.parse(line) as { port: number }).port,
});

function socketsOf(pid: number): number {
  const dir = `/proc/${pid}/fd`;
  return readdirSync(dir).filter((fd) => {
    try {
      return readlinkSync(`${dir}/${fd}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;
}

console.log(
  '| listener | sessions | KiB each | must | goal | sockets beside them |\n|-|-|-|-|-|-|',
);
for (const [name, must, goal] of [
  ['cqlgate', 30, 12],
  ['tls', 64, 45],
] as const) {
  const proxies = new Proxies(responder.ready, responder.pid);
  const gate = (await proxies.of(name))!;
  const way = gate.ca === undefined ? {} : { ca: gate.ca };
  const target = parseEndpoint(gate.target);
  const held: RawConnection[] = [];
  const open = async (): Promise<void> => {
    held.push(await RawConnection.open(target, gate.credentials, way));
  };
  // What the first sessions cost is code and tables, not sessions.
  for (let i = 0; i < 200; i++) await open();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const before = { bytes: residentBytes(gate.pid), sockets: socketsOf(gate.pid) };
  const begun = held.length;
  while (held.length - begun < sessions) {
    await Promise.all(Array.from({ length: AT_ONCE }, open));
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const count = held.length - begun;
  const kib = (residentBytes(gate.pid) - before.bytes) / count / 1024;
  const others = socketsOf(gate.pid) - before.sockets - count;
  const label = name === 'tls' ? 'TLS' : 'plain';
  console.log(`| ${label} | ${count} | ${kib.toFixed(1)} | <= ${must} | <= ${goal} | ${others} |`);
  for (const connection of held) connection.close();
  await proxies.stop();
}
await responder.stop();
