// A real Apache Cassandra for tests: jars by Maven into a cache, one process for each node, logins
// and grants as in production. Nodes are on 127.0.0.1, .2, ...; each has its own directory.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { auth, Client } from 'cassandra-driver';
import type { ConnectionOptions } from 'node:tls';
import { cached } from './cache.ts';
import { cassandraYaml, LOGBACK } from './cassandra-yaml.ts';
import { pomOf } from './maven.ts';

export const CASSANDRA_VERSION = '5.0.9';

const EXPORTS = [
  'java.base/jdk.internal.misc',
  'java.base/jdk.internal.ref',
  'java.base/sun.nio.ch',
  'java.base/java.lang.ref',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.sql/java.sql',
  'jdk.unsupported/sun.misc',
];
const OPENS = [
  ...[
    'java.lang',
    'java.lang.module',
    'java.lang.reflect',
    'java.io',
    'java.nio',
    'java.util',
    'java.util.concurrent',
    'java.util.concurrent.atomic',
    'sun.nio.ch',
    'jdk.internal.loader',
    'jdk.internal.ref',
    'jdk.internal.reflect',
    'jdk.internal.math',
    'jdk.internal.module',
    'jdk.internal.util.jar',
    'jdk.internal.vm',
  ].map((name) => `java.base/${name}`),
  'jdk.management/com.sun.management.internal',
];

/** Told what a start is doing, where somebody watches. */
export type Progress = (text: string) => void;

export async function jars(progress: Progress = () => undefined): Promise<string> {
  return cached(`cassandra-${CASSANDRA_VERSION}`, async (dir) => {
    const work = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-pom-'));
    const pom = pomOf('cassandra', [`org.apache.cassandra:cassandra-all:${CASSANDRA_VERSION}`]);
    await writeFile(path.join(work, 'pom.xml'), pom);
    progress(`Maven fetches Cassandra ${CASSANDRA_VERSION} (100 jars, 66 MB, once)`);
    const maven = spawn(
      'mvn',
      ['-B', 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${dir}`],
      { cwd: work, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const output: string[] = [];
    let jarsDone = 0;
    createInterface({ input: maven.stdout }).on('line', (line) => {
      output.push(line);
      const jar = /^(?:\[INFO\] )?Downloaded from \S+ \S*\/([^/ ]+\.jar)/.exec(line)?.[1];
      if (jar !== undefined && ++jarsDone % 10 === 0) progress(`${jarsDone} jars, last ${jar}`);
    });
    const [code] = (await once(maven, 'close')) as [number];
    await rm(work, { recursive: true, force: true });
    if (code !== 0) {
      const why = output.filter((line) => line.startsWith('[ERROR]')).slice(0, 5);
      throw new Error(
        `Maven could not fetch cassandra-all (exit code ${code}):\n${why.join('\n')}`,
      );
    }
  });
}

export async function freePort(host: string): Promise<number> {
  const server = net.createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Where a node is in its cluster. */
export interface Place {
  readonly clusterPort: number;
  /** Of the first node; null for that one itself. */
  readonly seed: string | null;
  readonly datacenter: string;
  /** Replicas that tokens are spread for. */
  readonly replicas: number;
}

export interface NodeOptions {
  /** A loopback address; default 127.0.0.1. */
  readonly host?: string;
  readonly port?: number;
  readonly place?: Place;
  /** Lines added to cassandra.yaml. */
  readonly yaml?: string;
  readonly heap?: string;
  /** System properties of the JVM, as `name=value`. */
  readonly properties?: readonly string[];
  /** For clients of a node that speaks TLS. */
  readonly ssl?: ConnectionOptions;
  readonly progress?: Progress;
}

/** What a node logged as errors, by its directory. */
export async function errorsIn(dir: string): Promise<string[]> {
  const log = await readFile(path.join(dir, 'system.log'), 'utf8');
  return log.split('\n').filter((line) => line.startsWith('ERROR'));
}

export class CassandraNode {
  readonly host: string;
  readonly datacenter: string;
  readonly port: number;
  readonly dir: string;
  readonly #heap: string;
  readonly #properties: readonly string[];
  readonly #ssl: ConnectionOptions | undefined;
  readonly #progress: Progress;
  #child: ChildProcess | null = null;

  private constructor(dir: string, port: number, options: NodeOptions) {
    this.#progress = options.progress ?? (() => undefined);
    this.host = options.host ?? '127.0.0.1';
    this.datacenter = options.place?.datacenter ?? 'datacenter1';
    this.#ssl = options.ssl;
    this.dir = dir;
    this.port = port;
    this.#heap = options.heap ?? '768m';
    this.#properties = options.properties ?? [];
  }

  static async start(options: NodeOptions = {}): Promise<CassandraNode> {
    const dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-node-'));
    const host = options.host ?? '127.0.0.1';
    const port = options.port ?? (await freePort(host));
    const place = options.place ?? {
      clusterPort: await freePort(host),
      seed: null,
      datacenter: 'datacenter1',
      replicas: 1,
    };
    const node = new CassandraNode(dir, port, options);
    await mkdir(path.join(dir, 'conf'));
    await writeFile(
      path.join(dir, 'conf', 'cassandra.yaml'),
      cassandraYaml({ dir, host, port, place, more: options.yaml ?? '' }),
    );
    await writeFile(
      path.join(dir, 'conf', 'cassandra-rackdc.properties'),
      `dc=${place.datacenter}\nrack=rack1\n`,
    );
    await writeFile(path.join(dir, 'conf', 'logback.xml'), LOGBACK.replaceAll('@DIR@', dir));
    await node.launch();
    return node;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get contactPoint(): string {
    return `${this.host}:${this.port}`;
  }

  async launch(): Promise<void> {
    const lib = await jars(this.#progress);
    this.#progress('Cassandra starts (about 20 s)');
    const jmxPort = await freePort('127.0.0.1');
    const names = (await readdir(lib)).filter((name) => name.endsWith('.jar'));
    const classPath = [path.join(this.dir, 'conf'), ...names.map((name) => path.join(lib, name))];
    const jamm = names.find((name) => name.startsWith('jamm-'))!;
    const log = openSync(path.join(this.dir, 'stdout.log'), 'a');
    const child = spawn(
      'java',
      [
        `-javaagent:${path.join(lib, jamm)}`,
        `-Xms${this.#heap}`,
        `-Xmx${this.#heap}`,
        '-XX:+UseG1GC',
        '-Djdk.attach.allowAttachSelf=true',
        ...EXPORTS.map((name) => `--add-exports=${name}=ALL-UNNAMED`),
        ...OPENS.map((name) => `--add-opens=${name}=ALL-UNNAMED`),
        `-Dcassandra.config=file://${this.dir}/conf/cassandra.yaml`,
        `-Dlogback.configurationFile=${this.dir}/conf/logback.xml`,
        `-Dcassandra.storagedir=${this.dir}/data`,
        '-Dcassandra-foreground=yes',
        '-Dcassandra.ring_delay_ms=2000',
        '-Dcassandra.skip_wait_for_gossip_to_settle=0',
        '-Dcassandra.superuser_setup_delay_ms=0',
        `-Dcassandra.jmx.local.port=${jmxPort}`,
        ...this.#properties.map((property) => `-D${property}`),
        '-cp',
        classPath.join(':'),
        'org.apache.cassandra.service.CassandraDaemon',
      ],
      { stdio: ['ignore', log, log] },
    );
    this.#child = child;
    running.add(child);
    child.on('exit', () => running.delete(child));
    await this.#ready(child);
  }

  /** A client as the default superuser, straight at the node. */
  async superuser(): Promise<Client> {
    const client = new Client({
      contactPoints: [this.contactPoint],
      localDataCenter: this.datacenter,
      authProvider: new auth.PlainTextAuthProvider('cassandra', 'cassandra'),
      socketOptions: { readTimeout: 60_000 },
      ...(this.#ssl === undefined ? {} : { sslOptions: this.#ssl }),
    });
    await client.connect();
    return client;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Ends in good order, so that what was written is there, and starts with another cassandra.yaml. */
  async restart(change: (yaml: string) => string): Promise<void> {
    const child = this.#child!;
    child.kill('SIGTERM');
    await once(child, 'exit');
    const file = path.join(this.dir, 'conf', 'cassandra.yaml');
    await writeFile(file, change(await readFile(file, 'utf8')));
    await this.launch();
  }

  /** What it logged as an error since it was made. */
  async errors(): Promise<string[]> {
    return errorsIn(this.dir);
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** The default superuser is made a moment after the port opens. */
  async #ready(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + 180_000;
    while (Date.now() < deadline) {
      if (child.exitCode !== null)
        throw new Error(`Cassandra ended early; see ${this.dir}/stdout.log`);
      if (await accepts(this.host, this.port)) {
        try {
          const client = await this.superuser();
          await client.shutdown();
          return;
        } catch {
          // Not yet.
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    throw new Error(`Cassandra did not get ready; see ${this.dir}/stdout.log`);
  }
}

async function accepts(host: string, port: number): Promise<boolean> {
  const socket = net.connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
