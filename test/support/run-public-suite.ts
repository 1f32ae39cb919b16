// Runs one of the public suites from a clone: a real node, a gate that permits everything, a sidecar without a login
// at 127.0.0.1:9042, and the suite's own runner, whose exit code this has.
//   node --import tsx test/support/run-public-suite.ts SUITE CLONE [--straight] [MORE...]
// With --straight the sidecar logs in at the node itself: what fails there too is not the gate's.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { CassandraNode, freePort } from './cassandra.ts';
import { TestGate } from './gate.ts';
import { PUBLIC_SUITES } from './public-suites.ts';
import { Sidecar } from './sidecar.ts';

/** What the suites know, some of them by heart; the host may be another loopback address where they are told it. */
const LISTEN = process.env['LISTEN'] ?? '127.0.0.1:9042';
const EVERYTHING = {
  grants: [
    ...['ALL KEYSPACES', 'ALL FUNCTIONS', 'ALL ROLES'].map((resource) => `ALL ON ${resource}`),
    // What ALL KEYSPACES does not reach.
    ...['system', 'system_distributed'].map((keyspace) => `ALL ON KEYSPACE ${keyspace}`),
  ],
  capabilities: ['triggers', 'identities', 'superuser'],
  asCassandra: ['keyspaces', 'listing', 'traces', 'authorize'],
};
/** Longer than any suite takes. */
const TOKEN_SECONDS = 6 * 3600;

const [name, clone, ...rest] = process.argv.slice(2);
const suite = PUBLIC_SUITES.find((one) => one.name === name);
if (suite === undefined || clone === undefined) {
  throw new Error(
    `name a suite (${PUBLIC_SUITES.map((one) => one.name).join(', ')}) and its clone`,
  );
}
const isStraight = rest[0] === '--straight';
const more = isStraight ? rest.slice(1) : rest;

// Drivers that take a node's word for its address come back to the sidecar, straight too.
const host = LISTEN.split(':')[0]!;
const scratch = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-suite-'));
const node = await CassandraNode.start({
  host,
  ...(suite.yaml === undefined ? {} : { yaml: suite.yaml }),
  place: {
    clusterPort: await freePort(host),
    seed: null,
    datacenter: suite.datacenter,
    replicas: 1,
  },
});
let gate: TestGate | null = null;
let sidecar: Sidecar | null = null;
try {
  if (!isStraight) {
    gate = await TestGate.start({
      contactPoint: `${node.host}:${node.port}`,
      roles: { all: EVERYTHING },
    });
  }
  const expiry = Math.floor(Date.now() / 1000) + TOKEN_SECONDS;
  sidecar = await Sidecar.start(
    [
      ...['--gate', gate === null ? `${node.host}:${node.port}` : `127.0.0.1:${gate.port}`],
      ...['--plaintext', '--listen', LISTEN, '--role', gate === null ? 'cassandra' : 'all'],
    ],
    { BITBUCKET_STEP_OIDC_TOKEN: gate?.issuer.mint({ exp: expiry }) ?? 'cassandra' },
  );
  await suite.prepare?.(scratch);
  const [command = '', ...args] = suite.command;
  const child = spawn(command, [...args, ...more], {
    cwd: clone,
    env: {
      ...process.env,
      ...suite.env,
      PATH: `${scratch}:${process.env['PATH'] ?? ''}`,
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Its runner tells what it has so far, and all that was started ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => child.kill('SIGINT'));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  process.exitCode = code ?? 1;
} finally {
  await sidecar?.stop();
  await gate?.close();
  await node.remove();
  await rm(scratch, { recursive: true, force: true });
}
