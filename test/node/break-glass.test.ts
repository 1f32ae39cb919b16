// What docs/OPERATIONS.md says of the day when the gate stands in the way: how a change past it is found
// afterwards, and what the lock's table may be dropped for.
import { spawnSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import type { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GATE_KEYSPACE } from '../../src/policy/system-keyspaces.ts';
import { ownKeyspaceStatements } from '../../src/fleet/own-keyspace.ts';
import { documentOf } from '../docs/documents.ts';
import { runSection, sectionsOf } from '../docs/run-blocks.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode, through } from '../support/nodes.ts';

const hasJq = spawnSync('jq', ['--version']).status === 0;
const REPLICATION = { class: 'SimpleStrategy', replication_factor: 1 };

describe.skipIf(noNode)('past the gate', () => {
  let superuser: Client;
  let gate: TestGate;

  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute('DROP KEYSPACE IF EXISTS glass');
    await superuser.execute(
      "CREATE KEYSPACE glass WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    for (const text of ownKeyspaceStatements({ name: GATE_KEYSPACE, replication: REPLICATION })) {
      await superuser.execute(text);
    }
    gate = await TestGate.start({
      contactPoint,
      roles: { migrator: { grants: ['CREATE, ALTER ON KEYSPACE glass'] } },
      config: { admin: { port: 0 } },
    });
  });

  afterAll(async () => {
    await gate?.close();
    await superuser.execute('DROP KEYSPACE IF EXISTS glass');
    await superuser.execute(`DROP KEYSPACE IF EXISTS ${GATE_KEYSPACE}`);
    await superuser.shutdown();
  });

  /** As the section on break-glass asks the ledger. */
  const lastByTheLedger = async (): Promise<string> => {
    const section = sectionsOf(documentOf('docs/OPERATIONS.md')).find(
      ({ heading, needs }) => heading === 'Break-glass' && needs === 'jq',
    )!;
    const { stdout } = await runSection(section, {}, async (dir) =>
      cp(path.join(gate.dir, 'audit'), path.join(dir, 'audit'), {
        recursive: true,
        // The lock of the running gate is made of sockets, and no part of the ledger.
        filter: (source) => path.basename(source) !== '.lock',
      }),
    );
    return stdout.trim();
  };
  const atTheCluster = async (): Promise<string> => {
    const { rows } = await superuser.execute('SELECT schema_version FROM system.local');
    return String(rows[0]!['schema_version']);
  };

  it.skipIf(!hasJq)('shows in the schema version that the gates left', async () => {
    const job = await through(gate, 'migrator');
    await job.execute('CREATE TABLE glass.items (id int PRIMARY KEY)');
    await job.shutdown();
    await gate.record(
      ({ kind, statement }) => kind === 'outcome' && statement.kind === 'CREATE TABLE',
    );
    expect(await lastByTheLedger()).toMatch(/^[0-9a-f-]{36}$/);
    expect(await lastByTheLedger()).toBe(await atTheCluster());
    await superuser.execute('ALTER TABLE glass.items ADD note text');
    expect(await lastByTheLedger()).not.toBe(await atTheCluster());
  });

  it('changes are made by one gate whose table of locks was dropped', async () => {
    const shared = async (): Promise<string | undefined> => {
      const metrics = await (await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`)).text();
      return /^cqlgate_ddl_lane_shared (\d)/m.exec(metrics)?.[1];
    };
    const job = await through(gate, 'migrator');
    await job.execute('ALTER TABLE glass.items ADD a int');
    expect(await shared()).toBe('1');
    await superuser.execute(`DROP TABLE ${GATE_KEYSPACE}.locks`);
    await job.execute('ALTER TABLE glass.items ADD b int');
    expect(await shared()).toBe('0');
    await job.shutdown();
  });
});
