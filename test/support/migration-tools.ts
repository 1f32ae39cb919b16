// The tools that CI uses to migrate a schema, as their makers release them: fetched once and kept. They are run
// over TLS with a token for a password, as docs/MIGRATING.md says.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { types } from 'cassandra-driver';
import { cached } from './cache.ts';
import { fetchJars } from './maven.ts';
import { ran, type Needed, type ToolResult } from './tools.ts';

type Row = types.Row;

const run = promisify(execFile);

export interface MigrationTarget {
  readonly port: number;
  readonly keyspace: string;
  readonly role: string;
  readonly token: string;
  /** Where the changes are, and what the tool leaves beside them. */
  readonly dir: string;
  /** File with the CA to trust. */
  readonly ca: string;
}

/** One statement, which works on the keyspace that the tool connects to. */
export interface Change {
  readonly name: string;
  readonly text: string;
}

export interface MigrationTool {
  readonly name: string;
  readonly release: string;
  readonly needs: Needed;
  /** Where it keeps what it has done; it makes them itself. */
  readonly tables: readonly string[];
  /** Of its statements. */
  readonly consistency: string;
  /** What it prints where all changes are made already. */
  readonly nothingToDo: RegExp;
  /** What it prints where another job makes them now. */
  readonly turnedAway: RegExp;
  /** Fetches and builds it where it is not there yet. */
  readonly prepare: () => Promise<string>;
  /** From the rows of its first table: changes that it holds to be made, in order. */
  readonly made: (rows: readonly Row[], changes: readonly Change[]) => string[];
  readonly writeChanges: (dir: string, changes: readonly Change[]) => Promise<void>;
  /** Makes all changes that are not made yet. */
  readonly up: (target: MigrationTarget) => Promise<ToolResult>;
}

const MIGRATE = '4.20.1';

async function golangMigrate(): Promise<string> {
  const dir = await cached(`golang-migrate-${MIGRATE}`, async (target) => {
    const source = `github.com/golang-migrate/migrate/v4/cmd/migrate@v${MIGRATE}`;
    await run('go', ['install', '-tags', 'cassandra', source], {
      env: { ...process.env, GOBIN: target, CGO_ENABLED: '0' },
      maxBuffer: 1 << 26,
    });
  });
  return path.join(dir, 'migrate');
}

const LIQUIBASE = '4.28.0';

/** Its JDBC driver comes with it; what reads the command line does not. */
async function liquibase(): Promise<string> {
  const dir = await cached(`liquibase-cassandra-${LIQUIBASE}`, async (target) =>
    fetchJars(target, 'liquibase', [
      `org.liquibase.ext:liquibase-cassandra:${LIQUIBASE}`,
      'info.picocli:picocli:4.7.7',
    ]),
  );
  return path.join(dir, 'lib');
}

export const MIGRATION_TOOLS: readonly MigrationTool[] = [
  {
    name: 'golang-migrate',
    release: MIGRATE,
    needs: [['go', 'version']],
    tables: ['schema_migrations'],
    consistency: 'ALL',
    nothingToDo: /^no change$/m,
    turnedAway: /Dirty database version/,
    prepare: golangMigrate,
    made: ([only, ...others], changes) =>
      only === undefined || others.length > 0 || only['dirty'] === true
        ? []
        : changes.slice(0, Number(only['version'])).map(({ name }) => name),
    writeChanges: async (dir, changes) => {
      const folder = path.join(dir, 'migrations');
      await mkdir(folder, { recursive: true });
      for (const [i, { name, text }] of changes.entries()) {
        await writeFile(path.join(folder, `${i + 1}_${name}.up.cql`), text);
      }
    },
    up: async ({ port, keyspace, role, token, dir, ca }) => {
      const query = new URLSearchParams({
        username: role,
        password: token,
        sslmode: 'verify-full',
        sslrootcert: ca,
        'connect-timeout': '20s',
        timeout: '65s',
      });
      const url = `cassandra://localhost:${port}/${keyspace}?${query.toString()}`;
      const args = ['-path', 'migrations', '-database', url, 'up'];
      return ran(await golangMigrate(), args, { cwd: dir });
    },
  },
  {
    name: 'Liquibase',
    release: LIQUIBASE,
    needs: [
      ['java', '-version'],
      ['mvn', '-version'],
    ],
    tables: ['databasechangelog', 'databasechangeloglock'],
    consistency: 'LOCAL_ONE',
    nothingToDo: /Database is up to date, no changesets to execute/,
    turnedAway: /Could not acquire change log lock/,
    prepare: liquibase,
    made: (rows) =>
      rows
        .toSorted((a, b) => Number(a['orderexecuted']) - Number(b['orderexecuted']))
        .map((row) => String(row['id'])),
    writeChanges: async (dir, changes) => {
      const sets = changes.map(({ name, text }) => `--changeset ci:${name}\n${text};\n`);
      await mkdir(dir, { recursive: true });
      const text = ['--liquibase formatted sql\n', ...sets].join('\n');
      await writeFile(path.join(dir, 'changelog.sql'), text);
    },
    up: async ({ port, keyspace, role, token, dir, ca }) => {
      const url = `jdbc:cassandra://localhost:${port}/${keyspace}?compliancemode=Liquibase&localdatacenter=datacenter1&enablessl=true&requesttimeout=65000&connecttimeout=20000`;
      const store = path.join(dir, 'truststore.p12');
      const password = 'changeit';
      // There from the run before.
      await ran('keytool', [...IMPORT, '-file', ca, '-keystore', store, '-storepass', password], {
        cwd: dir,
      });
      const trust = {
        'javax.net.ssl.trustStore': store,
        'javax.net.ssl.trustStorePassword': password,
      };
      return ran(
        'java',
        [
          '-Xmx256m',
          ...Object.entries(trust).map(([name, value]) => `-D${name}=${value}`),
          '-cp',
          path.join(await liquibase(), '*'),
          'liquibase.integration.commandline.LiquibaseCommandLine',
          ...['update', '--changelog-file', 'changelog.sql', '--url', url, '--username', role],
        ],
        {
          cwd: dir,
          env: {
            // Out of the list of processes.
            LIQUIBASE_COMMAND_PASSWORD: token,
            LIQUIBASE_SHOW_BANNER: 'false',
            // Who waits for the lock asks each second; by default each 10 s.
            LIQUIBASE_CHANGELOGLOCK_POLL_RATE: '1',
          },
        },
      );
    },
  },
];

const IMPORT = '-importcert -noprompt -alias cqlgate -storetype PKCS12'.split(' ');
