// Applications and object mappers that make their own schema, one for each language: as their makers release them,
// fetched and built once and kept. The grants of each stand in docs/MIGRATING.md.
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { built, cached } from './cache.ts';
import { fetchJars } from './maven.ts';
import { npmEnvironment } from './npm-environment.ts';
import { pythonOf } from './python.ts';
import { ran, type Needed, type ToolResult } from './tools.ts';

export interface SchemaTarget {
  readonly port: number;
  readonly username: string;
  readonly password: string;
  /** It is there, and empty before the first run. */
  readonly keyspace: string;
}

export interface SchemaTool {
  readonly name: string;
  readonly release: string;
  readonly needs: Needed;
  /** On its keyspace. */
  readonly permissions: readonly string[];
  /** On tables of it, by their names. */
  readonly tables?: Readonly<Record<string, string>>;
  /** What it prints in the end. */
  readonly done: RegExp;
  /** Fetches and builds it where it is not there yet. */
  readonly prepare: () => Promise<unknown>;
  readonly make: (target: SchemaTarget) => Promise<ToolResult>;
  /** Where a second run is another command than the first. */
  readonly again?: (target: SchemaTarget) => Promise<ToolResult>;
}

const run = promisify(execFile);
const PROGRAMS = path.resolve(import.meta.dirname, '../drivers/schema');
const BUILD = { maxBuffer: 1 << 26 };

const TEMPORAL = '1.30.6';
const EXPRESS_CASSANDRA = '2.9.1';
const SPRING_DATA = '5.1.2';

const argumentsOf = ({ port, username, password, keyspace }: SchemaTarget): string[] => [
  String(port),
  username,
  password,
  keyspace,
];

const started = async (command: string, args: readonly string[]): Promise<ToolResult> =>
  ran(command, args, { cwd: os.tmpdir() });

async function temporalTool(): Promise<string> {
  const dir = await cached(`temporal-cassandra-tool-${TEMPORAL}`, async (target) => {
    await run('go', ['install', `go.temporal.io/server/cmd/tools/cassandra@v${TEMPORAL}`], {
      env: { ...process.env, GOBIN: target, CGO_ENABLED: '0' },
      ...BUILD,
    });
  });
  return path.join(dir, 'cassandra');
}

async function temporal(
  { port, username, password, keyspace }: SchemaTarget,
  command: readonly string[],
): Promise<ToolResult> {
  const at = ['--endpoint', '127.0.0.1', '--port', String(port), '--keyspace', keyspace];
  const login = ['--user', username, '--password', password, '--timeout', '65'];
  return started(await temporalTool(), [...at, ...login, ...command]);
}

const UPDATE = ['update-schema', '--schema-name', 'cassandra/temporal'];

async function expressCassandra(): Promise<string> {
  const program = path.join(PROGRAMS, 'express-cassandra.cjs');
  const source = await readFile(program, 'utf8');
  return built(`express-cassandra-${EXPRESS_CASSANDRA}`, source, async (dir) => {
    await writeFile(path.join(dir, 'package.json'), '{"private": true}');
    const install = ['install', '--ignore-scripts', '--no-audit', '--no-fund'];
    await run('npm', [...install, `express-cassandra@${EXPRESS_CASSANDRA}`], {
      cwd: dir,
      env: npmEnvironment(),
    });
    await cp(program, path.join(dir, 'program.cjs'));
  });
}

/** Its class path. */
async function springData(): Promise<string> {
  const program = path.join(PROGRAMS, 'Spring.java');
  const source = await readFile(program, 'utf8');
  const dir = await built(`spring-data-cassandra-${SPRING_DATA}`, source, async (target) => {
    await fetchJars(target, 'spring', [
      `org.springframework.data:spring-data-cassandra:${SPRING_DATA}`,
    ]);
    await run('javac', ['-cp', 'lib/*', '-d', 'out', program], { cwd: target });
  });
  return [path.join(dir, 'out'), path.join(dir, 'lib/*')].join(':');
}

async function cdrs(): Promise<string> {
  const folder = path.join(PROGRAMS, 'cdrs');
  const sources = ['Cargo.toml', 'src/main.rs'].map(async (file) =>
    readFile(path.join(folder, file), 'utf8'),
  );
  const dir = await built('cdrs-tokio', (await Promise.all(sources)).join(''), async (target) => {
    await cp(folder, path.join(target, 'source'), { recursive: true });
    const output = path.join(target, 'target');
    await run('cargo', ['build', '--quiet', '--target-dir', output], {
      cwd: path.join(target, 'source'),
      ...BUILD,
    });
    await mkdir(path.join(target, 'bin'));
    await cp(path.join(output, 'debug/schema'), path.join(target, 'bin/schema'));
  });
  return path.join(dir, 'bin/schema');
}

export const SCHEMA_TOOLS: readonly SchemaTool[] = [
  {
    name: 'Temporal',
    release: TEMPORAL,
    needs: [['go', 'version']],
    permissions: ['CREATE', 'ALTER', 'DROP'],
    tables: { schema_version: 'SELECT, MODIFY', schema_update_history: 'MODIFY' },
    done: /UpdateSchemaTask done/,
    prepare: temporalTool,
    make: async (target) => {
      const setup = await temporal(target, ['setup-schema', '--version', '0.0']);
      return setup.code === 0 ? temporal(target, UPDATE) : setup;
    },
    again: async (target) => temporal(target, UPDATE),
  },
  {
    name: 'Spring Data',
    release: SPRING_DATA,
    needs: [
      ['javac', '-version'],
      ['mvn', '-version'],
    ],
    permissions: ['CREATE', 'ALTER', 'SELECT', 'MODIFY'],
    done: /^from Spring Data$/m,
    prepare: springData,
    make: async (target) =>
      started('java', ['-Xmx256m', '-cp', await springData(), 'Spring', ...argumentsOf(target)]),
  },
  {
    name: 'cqlengine',
    release: '3.30.1',
    needs: [['python3', '-c', 'import venv, ensurepip']],
    permissions: ['CREATE', 'ALTER', 'SELECT', 'MODIFY'],
    done: /^from cqlengine$/m,
    prepare: pythonOf,
    make: async (target) =>
      started(await pythonOf(), [path.join(PROGRAMS, 'cqlengine.py'), ...argumentsOf(target)]),
  },
  {
    name: 'express-cassandra',
    release: EXPRESS_CASSANDRA,
    needs: [['npm', '--version']],
    permissions: ['CREATE', 'ALTER', 'SELECT', 'MODIFY'],
    done: /^from express-cassandra$/m,
    prepare: expressCassandra,
    make: async (target) =>
      started(process.execPath, [
        path.join(await expressCassandra(), 'program.cjs'),
        ...argumentsOf(target),
      ]),
  },
  {
    name: 'cdrs-tokio',
    release: '8.1.9',
    needs: [['cargo', '--version']],
    permissions: ['CREATE', 'ALTER', 'SELECT', 'MODIFY'],
    done: /^from cdrs-tokio$/m,
    prepare: cdrs,
    make: async (target) => started(await cdrs(), argumentsOf(target)),
  },
];
