// A gate before three real nodes: what jobs see when nodes fail, where requests land, and many jobs that
// change the schema at once.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from 'cassandra-driver';
import { responseReader } from '../../src/protocol/body-prefix.ts';
import type { Frame } from '../../src/protocol/frame.ts';
import { decodePrepared } from '../../src/protocol/messages/result.ts';
import { AddressTap } from '../support/address-scan.ts';
import { CassandraCluster } from '../support/cassandra-cluster.ts';
import { clusterGate, jobsOf, SHOP } from '../support/cluster-gate.ts';
import { MATRIX, RunningDriver, SCENARIOS, type MatrixDriver } from '../support/driver-matrix.ts';
import { driverTable, tableInReadme, writeTable } from '../support/driver-table.ts';
import type { TestGate } from '../support/gate.ts';
import { failureRound, Workload } from '../support/node-failures.ts';
import { noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { changeTogether, isOneAfterTheOther } from '../support/schema-jobs.ts';
import { isSkipped } from '../support/tools.ts';
import { ownKeyspaceStatements } from '../../src/fleet/own-keyspace.ts';

let cluster: CassandraCluster;
let gate: TestGate;
let admin: Client;
/** Between drivers and the gate; its address is none of a node's. */
let tap: AddressTap;
const GATE = '127.0.1.1';
const jobs: Client[] = [];

async function newJobs(count: number, of = gate): Promise<Client[]> {
  const made = await jobsOf(of, count);
  jobs.push(...made);
  return made;
}

/** The gates' own keyspace, so that they make schema changes one after the other. */
async function makeOwnKeyspace(): Promise<void> {
  const superuser = { username: 'cassandra', password: 'cassandra' };
  const client = await cluster.at(cluster.nodes[0]!, superuser);
  const replication = { class: 'NetworkTopologyStrategy', datacenter1: 3 };
  for (const statement of ownKeyspaceStatements({ name: 'cqlgate', replication })) {
    await client.execute(statement);
  }
  await client.shutdown();
}

/** What is not as it should be with a driver that has ended; each text names it. */
function problemsOf({ name, release, version }: MatrixDriver, program: RunningDriver): string[] {
  const of = `${name} ${release} v${version}`;
  const problems = program.lines
    .filter(({ ok }) => !ok)
    .map(({ scenario, detail }) => `${of}: ${scenario}: ${detail}`);
  const done = program.lines.map(({ scenario }) => scenario);
  const missing = SCENARIOS.filter((scenario) => !done.includes(scenario));
  if (missing.length > 0) problems.push(`${of}: no ${missing.join()}\n${program.output}`);
  const detail = program.lines.at(-1)?.detail ?? '';
  const lost = /lost['"]?:? ?\{([^}]*)\}/.exec(detail)?.[1] ?? '';
  // Whose write was not answered is told that its fate is not known, and nothing else.
  const others = lost.replaceAll(/WriteTimeout\w*|0x1100/g, '');
  if (/[a-z]{3}|0x/i.test(others)) problems.push(`${of}: writes lost: ${lost}`);
  return problems;
}

/** Of a PREPARED result in v5: behind its kind and the statement's id. */
function metadataIdOf(frame: Frame): Buffer {
  const reader = responseReader(frame);
  reader.readInt('kind');
  reader.readShortBytes('id');
  return reader.readShortBytes('metadata id');
}

const namesNodes = (line: string): boolean => line.includes('the nodes of the cluster');

/** Which node a traced request came to, and which one had the row. */
async function hopOf(
  client: Client,
  id: string,
): Promise<{ coordinator: string; replica: string }> {
  const select = async (columns: string, table: string) =>
    (await client.execute(`SELECT ${columns} FROM system_traces.${table} WHERE session_id = ${id}`))
      .rows;
  for (let left = 50; ; left--) {
    const [session] = await select('coordinator, duration', 'sessions');
    const events = await select('source, activity', 'events');
    // Reads of roles and permissions, which nodes make now and then, are traced too.
    const own = events.find((event) =>
      /Adding to t memtable|Executing single-partition query on t$/.test(String(event['activity'])),
    );
    if (own !== undefined && (session?.['duration'] ?? null) !== null) {
      return { coordinator: String(session!['coordinator']), replica: String(own['source']) };
    }
    if (left === 0) throw new Error(`no trace ${id}: ${JSON.stringify(events)}`);
    await delay(200);
  }
}

describe.skipIf(noNode)('a cluster of three nodes', () => {
  beforeAll(async () => {
    cluster = await CassandraCluster.start({
      datacenters: ['datacenter1', 'datacenter1', 'datacenter1'],
    });
    await cluster.allUp();
    await makeOwnKeyspace();
    const forbidden = cluster.nodes.map(({ host }) => host);
    tap = await AddressTap.start({ host: GATE, upstreamPort: () => gate.port, forbidden });
    gate = await clusterGate(cluster, {
      config: { advertise: { host: GATE, port: tap.port }, admin: { port: 0 } },
    });
    [admin] = (await jobsOf(gate, 1)) as [Client];
    await SHOP.create(admin, 3);
  });

  afterEach(async () => {
    await Promise.all(jobs.splice(0).map(async (job) => job.shutdown()));
  });

  afterAll(async () => {
    await admin?.shutdown();
    await tap?.close();
    await gate?.close();
    await cluster?.remove();
  });

  it.each([1, 2])(
    'lets twenty jobs change one keyspace at once through %d gates: all succeed, with one schema in the end',
    async (count) => {
      const second = count > 1 ? await clusterGate(cluster, { issuer: gate.issuer }) : null;
      const gates = second === null ? [gate] : [gate, second];
      const twenty = (
        await Promise.all(gates.map(async (one) => newJobs(20 / gates.length, one)))
      ).flat();
      try {
        await changeTogether(twenty, 'shop', `of${count}gates`);
        expect(await cluster.schemaVersions()).toHaveLength(1);
        expect(await cluster.errors()).toEqual([]);
        const changes = async () => {
          const [own, other] = await Promise.all(gates.map(async (one) => one.records()));
          // Of earlier changes an outcome may come to the ledger behind its answer.
          return [...own!, ...(other ?? [])].filter(({ outcome }) =>
            outcome?.schema_change?.name?.startsWith(`of${count}gates`),
          );
        };
        await expect.poll(async () => (await changes()).length).toBe(61);
        expect((await changes()).every(({ outcome }) => outcome.schema_agreed)).toBe(true);
        expect(isOneAfterTheOther(await changes())).toBe(true);
      } finally {
        await second?.close();
      }
    },
  );

  it('takes EXECUTEs to a replica, for clients that know of no tokens', async () => {
    await admin.execute(
      "CREATE KEYSPACE shop_one WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
    );
    await admin.execute(
      'CREATE TABLE shop_one.t (a int, b text, c int, v int, PRIMARY KEY ((a, b), c))',
    );
    const [job] = await newJobs(1);
    const traced: string[] = [];
    for (let i = 0; i < 300; i++) {
      const text =
        i % 2 === 0
          ? 'INSERT INTO shop_one.t (a, b, c, v) VALUES (?, ?, 1, 1)'
          : 'SELECT v FROM shop_one.t WHERE b = ? AND a = ?';
      const key = [i >> 1, `key ${i >> 1}`];
      const { info } = await job!.execute(text, i % 2 === 0 ? key : key.reverse(), {
        prepare: true,
        traceQuery: true,
      });
      traced.push(String(info.traceId));
    }
    const direct = await cluster.at(cluster.nodes[0]!);
    const hops = await Promise.all(traced.map(async (id) => hopOf(direct, id)));
    await direct.shutdown();
    const atReplica = hops.filter(({ coordinator, replica }) => coordinator === replica);
    expect(atReplica.length / traced.length).toBeGreaterThanOrEqual(0.99);
    // All nodes have rows, so it was no accident.
    expect(new Set(hops.map(({ replica }) => replica)).size).toBe(3);
  });

  it('prepares a statement at other nodes behind its client, which sees no UNPREPARED', async () => {
    await admin.execute('CREATE TABLE shop.follows (k int PRIMARY KEY, v int)');
    for (const version of [4, 5]) {
      const client = await RawClient.login(gate.port, 'job', gate.issuer.mint(), version);
      const text = `SELECT v FROM shop.follows WHERE k = ? /* v${version} */`;
      const prepared = decodePrepared((await client.prepare(text))!, version);
      const metadataId = version === 5 ? metadataIdOf((await client.prepare(text))!) : undefined;
      for (let key = 0; key < 60; key++) {
        const value = Buffer.alloc(4);
        value.writeInt32BE(key);
        const answer = await client.execute(prepared.id, {
          values: [value],
          ...(metadataId === undefined ? {} : { metadataId }),
        });
        expect(errorOf(answer)).toBeNull();
      }
      client.close();
    }
    const metrics = await (await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`)).text();
    // More than one node had to be taught, or this shows nothing.
    expect(metrics).toMatch(/cqlgate_reprepared_total [2-9]/);
  });

  it('serves every driver through one list of scenarios, and while a node is killed', async () => {
    const running: { driver: MatrixDriver; program: RunningDriver }[] = [];
    for (const [i, driver] of MATRIX.entries()) {
      const { name, release, version, needs } = driver;
      if (isSkipped(`${name} ${release} v${version}`, needs)) continue;
      // One after the other: it is not load that is tested here.
      const program = await RunningDriver.start(driver, {
        host: GATE,
        port: tap.port,
        username: 'job',
        password: gate.issuer.mint(),
        keyspace: `shop_driver${i}`,
      });
      running.push({ driver, program });
      await expect
        .poll(() => program.isSurviving || program.hasEnded, { timeout: 120_000 })
        .toBe(true);
    }
    await delay(2_000);
    await cluster.nodes[2]!.stop();
    await delay(10_000);
    await Promise.all(running.map(async ({ program }) => program.finish()));
    await cluster.nodes[2]!.launch();
    await cluster.allUp();
    const problems = running.flatMap(({ driver, program }) => problemsOf(driver, program));
    expect(problems).toEqual([]);
    const passed = running.map(({ driver }) => driver);
    // Not in one byte that any of them was sent.
    expect(tap.findings).toEqual([]);
    expect(tap.seen.undecoded).toBe(0);
    if (process.env['UPDATE_DRIVERS'] === '1') await writeTable(driverTable(passed));
    if (passed.length === MATRIX.length) expect(await tableInReadme()).toBe(driverTable(passed));
  });

  it('keeps 64 jobs at work while one node is killed and another hangs', async () => {
    const workload = new Workload(await newJobs(64), SHOP.table);
    const { loadBackMs } = await failureRound(cluster, cluster.nodes[1]!, cluster.nodes[2]!);
    const missing = await workload.stop();
    const { reads, writes, failedReads, failedWrites, drops } = workload.counts;
    expect(reads + writes).toBeGreaterThan(1_000);
    expect(Object.fromEntries(failedReads)).toEqual({});
    expect([...failedWrites.keys()].filter((error) => error !== 'WRITE_TIMEOUT')).toEqual([]);
    expect(drops).toBe(0);
    expect(missing).toBe(0);
    expect(loadBackMs).toBeLessThan(15_000);
  });

  it('finds a node that joins', async () => {
    const node = await cluster.add();
    await expect
      .poll(() => gate.output.filter(namesNodes).some((line) => line.includes(node.contactPoint)), {
        timeout: 30_000,
      })
      .toBe(true);
  });
});
