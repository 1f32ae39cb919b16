// Test suites that others publish for servers and drivers of Cassandra: how each is run against a node without a
// login at 127.0.0.1:9042. Their code is not part of this repository: its caller names a clone.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CASSANDRA_VERSION } from './cassandra.ts';

export interface PublicSuite {
  readonly name: string;
  /** What its tests suppose the datacenter to be called. */
  readonly datacenter: string;
  /** Appended to cassandra.yaml. */
  readonly yaml?: string;
  /** Puts beside the clone what its tests call, into a folder that comes first on the PATH. */
  readonly prepare?: (bin: string) => Promise<void>;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Tests that start clusters by `ccm` take the node that is there. */
async function standInForCcm(bin: string): Promise<void> {
  await mkdir(bin, { recursive: true });
  const file = path.join(bin, 'ccm');
  await writeFile(file, '#!/bin/sh\necho "Starting listening for CQL clients"\n');
  await chmod(file, 0o755);
}

const python = process.env['PYTHON'] ?? 'python3';

export const PUBLIC_SUITES: readonly PublicSuite[] = [
  {
    name: 'cqlpy',
    datacenter: 'datacenter1',
    yaml: 'sasi_indexes_enabled: true',
    command: [
      ...[python, '-m', 'pytest', '-q', '-p', 'no:warnings', '--tb=line'],
      ...['-o', 'xfail_strict=false', '-o', 'asyncio_mode=auto', 'test/cqlpy'],
    ],
    // No tests of tables on disk: what calls nodetool goes on without it.
    env: { SCYLLA_TEST_RUNNER: 'runpy', NODETOOL: 'true' },
  },
  {
    name: 'python-driver',
    datacenter: 'dc1',
    command: [python, '-m', 'pytest', '-q', '--tb=line', 'tests/integration/standard'],
    env: {
      USE_CASS_EXTERNAL: '1',
      CASSANDRA_VERSION,
      EVENT_LOOP_MANAGER: 'asyncore',
    },
  },
  {
    name: 'gocql',
    datacenter: 'datacenter1',
    command: [
      'go',
      'test',
      ...['-tags', 'cassandra integration gocql_debug', '-timeout=20m', '-v', '.'],
      ...['-gocql.timeout=20s', `-gocql.cversion=${CASSANDRA_VERSION}`, '-autowait=1s'],
    ],
    env: {},
  },
  {
    name: 'nodejs-driver',
    datacenter: 'dc1',
    prepare: standInForCcm,
    // Without those that need a login of their own, or a node that answers as they tell it.
    command: [
      ...['node_modules/.bin/mocha', 'test/integration/short', '-t', '20000', '--recursive'],
      ...['--exit', '--ignore', '**/*simulator*', '-i', '-g', 'auth|#execute\\(\\)|host: h'],
    ],
    env: { CCM_VERSION: CASSANDRA_VERSION },
  },
];
