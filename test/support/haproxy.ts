// HAProxy from the system in front of gates: TCP, each gate checked by its /readyz, as an operator would have it. It does
// not try again where a gate refuses a connection: others can't, and so clients see it.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** null where it is not installed (Debian: `apt-get install haproxy`). */
export function haproxyCommand(): string | null {
  return ['/usr/sbin/haproxy', '/usr/bin/haproxy'].find((file) => existsSync(file)) ?? null;
}

export interface Backend {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly adminPort: number;
}

/** HAProxy in front of one port of this machine; `options` of its server line. */
export async function passOn(
  port: number,
  to: number,
  options: string,
): Promise<{ close(): Promise<void> }> {
  const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-haproxy-'));
  const file = path.join(dir, 'haproxy.cfg');
  await writeFile(
    file,
    `global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 1m
  timeout server 1m
listen cql
  bind 127.0.0.1:${port}
  server gate 127.0.0.1:${to} ${options}
`,
  );
  const child = spawn(haproxyCommand()!, ['-db', '-q', '-f', file], { stdio: 'inherit' });
  for (let i = 0; i < 100 && !(await isOpen(port)); i++) await delay(50);
  return {
    close: async () => {
      await ended(child);
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}

export class Balancer {
  readonly #dir: string;
  readonly #child: ChildProcess;

  private constructor(dir: string, child: ChildProcess) {
    this.#dir = dir;
    this.#child = child;
  }

  static async start(port: number, backends: readonly Backend[]): Promise<Balancer> {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-haproxy-'));
    const file = path.join(dir, 'haproxy.cfg');
    await writeFile(file, configuration(port, path.join(dir, 'stats'), backends));
    const child = spawn(haproxyCommand()!, ['-db', '-q', '-f', file], { stdio: 'inherit' });
    const balancer = new Balancer(dir, child);
    for (const { name } of backends) await balancer.takes(name);
    return balancer;
  }

  /** Waits until it sends new connections to this gate. */
  async takes(name: string, timeoutMs = 15_000): Promise<void> {
    const deadlineAtMs = Date.now() + timeoutMs;
    let state = '';
    while (Date.now() < deadlineAtMs) {
      state = await this.#state(name).catch(String);
      // With `UP 1/2` it has seen one good check of two.
      if (state === 'UP') return;
      await delay(100);
    }
    throw new Error(`HAProxy does not take ${name} for up: ${state}`);
  }

  async close(): Promise<void> {
    await ended(this.#child);
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #state(name: string): Promise<string> {
    const [head, ...rows] = (await this.#ask('show stat'))
      .replace(/^# /, '')
      .split('\n')
      .map((line) => line.split(','));
    const column = (title: string) => head!.indexOf(title);
    const row = rows.find((one) => one[column('svname')] === name);
    return row?.[column('status')] ?? 'unknown';
  }

  async #ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(path.join(this.#dir, 'stats'), () => socket.write(`${command}\n`));
      let text = '';
      socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
      socket.on('error', reject);
      socket.on('end', () => resolve(text));
    });
  }
}

function configuration(port: number, stats: string, backends: readonly Backend[]): string {
  const servers = backends.map(
    ({ name, host, port: cql, adminPort }) =>
      `  server ${name} ${host}:${cql} check port ${adminPort}`,
  );
  return `global
  nbthread 1
  stats socket ${stats} mode 600
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout check 2s
  retries 0
frontend cql
  bind 127.0.0.1:${port}
  default_backend gates
backend gates
  balance leastconn
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter 1s fall 2 rise 2
${servers.join('\n')}
`;
}
