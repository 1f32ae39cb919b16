// Before the tests of the projects `node` and `full`: builds the gate and starts one real node for
// all of them. Without a JDK or Maven they are skipped, with the reason; in CI that is a failure.
// `CQLGATE_TEST_NODE` names the file of a node that keep-node.ts started, which is then used instead.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import 'vitest';
import type { TestProject } from 'vitest/node';
import { CassandraNode } from './cassandra.ts';
import { missingForCassandra } from './java.ts';

export interface NodeUnderTest {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly dir: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** null: skipped, for `skipReason`. */
    cassandra: NodeUnderTest | null;
    skipReason: string;
  }
}

let node: CassandraNode | null = null;

export async function setup(project: TestProject): Promise<void> {
  const missing = missingForCassandra();
  project.provide('skipReason', missing ?? '');
  if (missing !== null) {
    if (process.env['CI'] === 'true')
      throw new Error(`the real Cassandra must run in CI: ${missing}`);
    console.warn(`tests against a real Cassandra are skipped: ${missing}`);
    project.provide('cassandra', null);
    return;
  }
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  const kept = process.env['CQLGATE_TEST_NODE'];
  if (kept !== undefined) {
    project.provide('cassandra', JSON.parse(readFileSync(kept, 'utf8')) as NodeUnderTest);
    return;
  }
  node = await CassandraNode.start();
  const { host, port, pid, dir } = node;
  project.provide('cassandra', { host, port, pid, dir });
}

export async function teardown(): Promise<void> {
  await node?.remove();
}
