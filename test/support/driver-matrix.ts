// Real drivers in their own languages, all through one list of scenarios: each is a program that prints a
// JSON line for a scenario, then works on until its standard input ends. What it is built of is fetched by
// the language's own tools and kept; one whose tools are missing is reported, with the reason.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { built } from './cache.ts';
import { cqlshBin } from './cqlsh.ts';
import { fetchJars } from './maven.ts';
import { pythonOf } from './python.ts';
import type { Needed } from './tools.ts';

/** In this order; `surviving` stands for the begin of `survive`, which lasts until the end. */
export const SCENARIOS = [
  'connect',
  'schema',
  'write_read',
  'parallel',
  'batch',
  'paging',
  'lwt',
  'use_keyspace',
  'large_row',
  'denied',
  'syntax',
  'invalid',
  'surviving',
  'survive',
] as const;

export interface DriverTarget {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly keyspace: string;
}

export interface MatrixDriver {
  readonly name: string;
  readonly release: string;
  readonly version: 4 | 5;
  /** What its tools are called, to look for. */
  readonly needs: Needed;
  /** Command line of the program; builds it where it is not there yet. */
  readonly command: (target: DriverTarget) => Promise<string[]>;
  /**
   * Of an application that knows of no login: `hello NAME TEXT` writes a text, and prints what it then reads. It finds
   * Cassandra by CASSANDRA_HOST and CASSANDRA_PORT.
   */
  readonly hello: () => Promise<string[]>;
}

const run = promisify(execFile);
const DRIVERS = path.resolve(import.meta.dirname, '../drivers');

const GOCQL = [
  { release: '2.1.2', module: 'github.com/apache/cassandra-gocql-driver/v2', isV2: true },
  { release: '1.7.0', module: 'github.com/gocql/gocql', isV2: false },
] as const;
const JAVA_RELEASE = '4.19.0';
const RUST_RELEASE = '1.9.0';

const plain = ({ port, username, password, keyspace }: DriverTarget, version: number) => [
  String(port),
  username,
  password,
  String(version),
  keyspace,
];

type Gocql = (typeof GOCQL)[number];

/** A folder with `matrix` and `hello`. */
async function gocqlPrograms({ release, module, isV2 }: Gocql): Promise<string> {
  const sourceOf = async (file: string) =>
    (await readFile(path.join(DRIVERS, 'gocql', file), 'utf8')).replaceAll('@GOCQL@', module);
  let matrix = await sourceOf('main.go.txt');
  // The newer release makes batches of its session, which carry themselves out.
  if (isV2) {
    matrix = matrix
      .replace('session.NewBatch(', 'session.Batch(')
      .replace('session.ExecuteBatch(batch)', 'batch.Exec()');
  }
  const hello = await sourceOf('hello.go.txt');
  return built(`gocql-${release}`, matrix + hello, async (dir) => {
    const go = async (...args: string[]) => run('go', args, { cwd: dir });
    for (const [name, source] of Object.entries({ matrix, hello })) {
      await mkdir(path.join(dir, 'cmd', name), { recursive: true });
      await writeFile(path.join(dir, 'cmd', name, 'main.go'), source);
    }
    await go('mod', 'init', 'cqlgate.test');
    await go('get', `${module}@v${release}`);
    await go('build', '-o', `.${path.sep}`, './...');
  });
}

function gocql(of: Gocql, version: 4 | 5): MatrixDriver {
  return {
    name: 'gocql',
    release: of.release,
    version,
    needs: [['go', 'version']],
    command: async ({ port, username, password, keyspace }) => {
      const json = { port, username, password, version, keyspace };
      return [path.join(await gocqlPrograms(of), 'matrix'), JSON.stringify(json)];
    },
    hello: async () => [path.join(await gocqlPrograms(of), 'hello')],
  };
}

/** Up to the name of the program: Matrix or Hello. */
async function javaLine(): Promise<string[]> {
  const programs = ['Matrix.java', 'Hello.java'];
  const sources = await Promise.all(
    programs.map(async (name) => readFile(path.join(DRIVERS, 'java', name), 'utf8')),
  );
  const dir = await built(`java-driver-${JAVA_RELEASE}`, sources.join(''), async (target) => {
    await fetchJars(target, 'driver', [`org.apache.cassandra:java-driver-core:${JAVA_RELEASE}`]);
    const files = programs.map((name) => path.join(DRIVERS, 'java', name));
    await run('javac', ['-cp', 'lib/*', '-d', 'out', ...files], { cwd: target });
  });
  const classPath = [path.join(dir, 'out'), path.join(dir, 'lib/*')].join(':');
  return ['java', '-Xmx256m', '-cp', classPath];
}

/** A folder with `matrix` and `hello`. */
async function rustPrograms(): Promise<string> {
  const files = ['Cargo.toml', 'src/main.rs', 'src/bin/hello.rs'];
  const sources = await Promise.all(
    files.map(async (name) => readFile(path.join(DRIVERS, 'rust', name), 'utf8')),
  );
  const dir = await built(`rust-driver-${RUST_RELEASE}`, sources.join(''), async (target) => {
    await cp(path.join(DRIVERS, 'rust'), path.join(target, 'source'), { recursive: true });
    await run('cargo', ['build', '--quiet', '--target-dir', path.join(target, 'target')], {
      cwd: path.join(target, 'source'),
      maxBuffer: 1 << 26,
    });
    await mkdir(path.join(target, 'bin'));
    for (const name of ['matrix', 'hello']) {
      await cp(path.join(target, 'target/debug', name), path.join(target, 'bin', name));
    }
  });
  return path.join(dir, 'bin');
}

export const MATRIX: readonly MatrixDriver[] = [
  {
    name: 'Node cassandra-driver',
    release: '4.10.0',
    version: 4,
    needs: [],
    command: async (target) =>
      Promise.resolve([
        process.execPath,
        '--import',
        'tsx',
        path.join(DRIVERS, 'matrix-node.ts'),
        ...plain(target, 4),
      ]),
    hello: async () => Promise.resolve([process.execPath, path.join(DRIVERS, 'hello.mjs')]),
  },
  ...([5, 4] as const).map((version): MatrixDriver => ({
    name: 'Python cassandra-driver',
    release: '3.30.1',
    version,
    needs: [['python3', '-c', 'import venv, ensurepip']],
    command: async (target) => [
      await pythonOf(),
      path.join(DRIVERS, 'matrix.py'),
      ...plain(target, version),
    ],
    hello: async () => [await pythonOf(), path.join(DRIVERS, 'hello.py')],
  })),
  {
    name: 'cqlsh',
    release: '6.2.2',
    version: 5,
    needs: [['python3', '-c', 'import venv, ensurepip']],
    command: async (target) => {
      const bin = await cqlshBin();
      return [
        path.join(bin, 'python3'),
        path.join(DRIVERS, 'matrix_cqlsh.py'),
        path.join(bin, 'cqlsh'),
        ...plain(target, 5),
      ];
    },
    hello: async () => {
      const bin = await cqlshBin();
      return ['env', `PATH=${bin}:${process.env['PATH'] ?? ''}`, path.join(DRIVERS, 'hello.sh')];
    },
  },
  {
    name: 'Java driver',
    release: JAVA_RELEASE,
    version: 5,
    needs: [
      ['javac', '-version'],
      ['mvn', '-version'],
    ],
    command: async (target) => [...(await javaLine()), 'Matrix', ...plain(target, 5)],
    hello: async () => [...(await javaLine()), 'Hello'],
  },
  gocql(GOCQL[0], 5),
  gocql(GOCQL[0], 4),
  gocql(GOCQL[1], 4),
  {
    name: 'Rust scylla',
    release: RUST_RELEASE,
    version: 4,
    needs: [['cargo', '--version']],
    command: async (target) => [path.join(await rustPrograms(), 'matrix'), ...plain(target, 4)],
    hello: async () => [path.join(await rustPrograms(), 'hello')],
  },
];

export interface Line {
  readonly scenario: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** A driver's program at work. */
export class RunningDriver {
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #output: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (line.startsWith('{')) this.lines.push(JSON.parse(line) as Line);
      else this.#output.push(line);
    });
    child.stderr!.on('data', (chunk: Buffer) => this.#output.push(chunk.toString()));
  }

  static async start(driver: MatrixDriver, target: DriverTarget): Promise<RunningDriver> {
    const [command = '', ...args] = await driver.command(target);
    const child = spawn(command, args, {
      env: { ...process.env, GATE_HOST: target.host },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return new RunningDriver(child);
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get isSurviving(): boolean {
    return this.lines.some(({ scenario }) => scenario === 'surviving');
  }

  get output(): string {
    return this.#output.join('\n').slice(-3_000);
  }

  /** Lets it print what came of its last scenario, and end. */
  async finish(): Promise<void> {
    if (this.hasEnded) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 90_000);
    await ended;
    clearTimeout(timer);
  }
}
