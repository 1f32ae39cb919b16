// What is measured: each proxy as a process of its own in front of the responder, with what a client
// needs to log in through it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { stringify } from 'yaml';
import { issuerRow, REPOSITORY_UUID, startIssuer } from '../test/support/issuer.ts';
import { CertificateAuthority } from '../test/support/certificates.ts';
import { haproxyCommand } from '../test/support/haproxy.ts';
import { startChild } from './child.ts';
import type { ProxyName } from './groups.ts';
import type { Credentials } from './raw-connection.ts';
import { KEYSPACE } from './workload.ts';

export interface Proxy {
  readonly name: string;
  /** The process whose CPU and memory count. */
  readonly pid: number;
  readonly target: string;
  readonly credentials: Credentials;
  /** File of the CA where it speaks TLS. */
  readonly ca?: string;
  stop(): Promise<void>;
}

const CREDENTIALS: Credentials = { username: 'cassandra', password: 'cassandra' };
/** The built gate of a source tree. */
function mainOf(tree: string): string {
  return path.resolve(tree, 'dist/lib/main.js');
}

const THIS_TREE = path.resolve(import.meta.dirname, '..');

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function accepts(port: number): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(null));
  });
}

/** The load straight at the responder: what nothing in between costs. */
export function direct(port: number, pid: number): Proxy {
  const target = `127.0.0.1:${port}`;
  return {
    name: 'direct',
    pid,
    target,
    credentials: CREDENTIALS,
    stop: async () => Promise.resolve(),
  };
}

/** HAProxy relaying TCP with one thread; null with a word when it is not installed. */
export async function haproxy(responderPort: number): Promise<Proxy | null> {
  const command = haproxyCommand();
  if (command === null) {
    console.error('haproxy is not installed (Debian: apt-get install haproxy); it is left out');
    return null;
  }
  const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-haproxy-'));
  const port = await freePort();
  const config = path.join(dir, 'haproxy.cfg');
  await writeFile(
    config,
    `global
  nbthread 1
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend cql
  bind 127.0.0.1:${port}
  default_backend nodes
backend nodes
  server node 127.0.0.1:${responderPort}
`,
  );
  const child = await startChild({
    name: 'haproxy',
    command,
    args: ['-db', '-q', '-f', config],
    readyPoll: async () => accepts(port),
  });
  return {
    name: 'haproxy',
    pid: child.pid,
    target: `127.0.0.1:${port}`,
    credentials: CREDENTIALS,
    stop: async () => {
      await child.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

interface GateOptions {
  readonly name: string;
  /** Where a CPU profile of it goes when it ends. */
  readonly profileDir: string | undefined;
  readonly dml?: 'all';
  readonly workers?: number;
  readonly authority?: CertificateAuthority;
  readonly env?: Readonly<Record<string, string>>;
  /** The source tree whose built gate is started; default: this one. */
  readonly tree?: string;
  /** Options of Node, before the script. */
  readonly execArgv?: readonly string[];
  /** Grants of further roles that the token may take, by name. */
  readonly roles?: Readonly<Record<string, readonly string[]>>;
  /** The login at the node; the responder takes any. */
  readonly upstream?: Credentials;
  /** Told each line that it prints. */
  readonly onLine?: (line: string) => void;
}

/** cqlgate as in production: OIDC sessions, RBAC, ledger, `dml: activity`. */
export async function cqlgate(nodePort: number, options: GateOptions): Promise<Proxy> {
  const { name, profileDir, dml, workers = 1, authority, env, tree = THIS_TREE, onLine } = options;
  const {
    execArgv = [],
    roles = {},
    upstream = { username: 'bench', password: 'bench' },
  } = options;
  const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-bench-'));
  const issuer = await startIssuer();
  const ca = path.join(dir, 'ca.crt');
  if (authority !== undefined) {
    const { cert, key } = authority.issue({ for: 'DNS:localhost' });
    await writeFile(path.join(dir, 'tls.crt'), cert);
    await writeFile(path.join(dir, 'tls.key'), key);
    await writeFile(ca, authority.pem);
  }
  const config = {
    listen: {
      host: '127.0.0.1',
      port: 0,
      ...(authority === undefined ? {} : { tls: { cert: 'tls.crt', key: 'tls.key' } }),
    },
    cluster: { contactPoints: [`127.0.0.1:${nodePort}`] },
    cassandraRoles: { bench: { username: upstream.username, password: { env: 'BENCH_PASSWORD' } } },
    issuers: [issuerRow(issuer)],
    policy: 'policy.yaml',
    audit: { dir: 'audit', dml: dml ?? 'activity' },
    workers,
  };
  const granted = { bench: [`SELECT, MODIFY ON KEYSPACE ${KEYSPACE}`], ...roles };
  const policy = {
    version: 1,
    roles: Object.fromEntries(
      Object.entries(granted).map(([role, grants]) => [role, { cassandraRole: 'bench', grants }]),
    ),
    bindings: Object.keys(granted).map((role) => ({
      role,
      issuer: 'pipelines',
      where: { repositoryUuid: REPOSITORY_UUID },
    })),
  };
  await writeFile(path.join(dir, 'cqlgate.yaml'), stringify(config));
  await writeFile(path.join(dir, 'policy.yaml'), stringify(policy));
  let up = 0;
  const child = await startChild({
    name,
    command: process.execPath,
    args: [
      ...execArgv,
      ...(profileDir === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileDir]),
      ...[mainOf(tree), 'serve', '-c', path.join(dir, 'cqlgate.yaml')],
    ],
    env: { ...process.env, BENCH_PASSWORD: upstream.password, ...env },
    readyLine: (line) => {
      onLine?.(line);
      const port = /listening on [^ "]*:(\d+)/.exec(line)?.[1];
      return port !== undefined && ++up === workers ? port : null;
    },
  });
  return {
    name,
    pid: child.pid,
    target: `127.0.0.1:${child.ready}`,
    credentials: { username: 'bench', password: issuer.mint() },
    ...(authority === undefined ? {} : { ca }),
    stop: async () => {
      await child.stop();
      await issuer.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Takes all spans and forgets them. */
async function spanSink(): Promise<http.Server> {
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => response.end());
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

/** Each started when it is first asked for, and kept until the end of the run. */
export class Proxies {
  readonly #responder: { readonly port: number; readonly pid: number };
  readonly #profileDir: string | undefined;
  readonly #tree: string | undefined;
  readonly #started = new Map<ProxyName, Proxy | null>();
  #sink: http.Server | null = null;

  constructor(port: number, pid: number, profileDir?: string, tree?: string) {
    this.#responder = { port, pid };
    this.#profileDir = profileDir;
    this.#tree = tree;
  }

  /** null where it can't be had here. */
  async of(name: ProxyName): Promise<Proxy | null> {
    const known = this.#started.get(name);
    if (known !== undefined) return known;
    const started = await this.#start[name]();
    this.#started.set(name, started);
    return started;
  }

  async stop(): Promise<void> {
    for (const proxy of this.#started.values()) await proxy?.stop();
    this.#sink?.close();
  }

  readonly #start: Readonly<Record<ProxyName, () => Promise<Proxy | null>>> = {
    direct: async () => Promise.resolve(direct(this.#responder.port, this.#responder.pid)),
    haproxy: async () => haproxy(this.#responder.port),
    cqlgate: async () => this.#gate({ name: 'cqlgate' }),
    'dml all': async () => this.#gate({ name: 'dml all', dml: 'all' }),
    'two workers': async () => this.#gate({ name: 'two workers', workers: 2 }),
    tls: async () => this.#gate({ name: 'tls', authority: new CertificateAuthority() }),
    traced: async () => {
      this.#sink = await spanSink();
      const { port } = this.#sink.address() as net.AddressInfo;
      const env = {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_TRACES_SAMPLER: 'always_on',
      };
      return this.#gate({ name: 'traced', env });
    },
  };

  async #gate(options: Omit<GateOptions, 'profileDir'>): Promise<Proxy> {
    const tree = this.#tree === undefined ? {} : { tree: this.#tree };
    return cqlgate(this.#responder.port, { ...options, ...tree, profileDir: this.#profileDir });
  }
}
