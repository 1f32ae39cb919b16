// Two gates behind HAProxy, replaced one after the other under 64 sessions of real drivers: jobs shorter than the
// drain deadline notice nothing, and of the sessions that are cut each request is accounted for.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/limits/operator.ts';
import { freePort } from '../support/cassandra.ts';
import { driver } from '../support/clients.ts';
import {
  discrepancies,
  GRANTS,
  KEYSPACE,
  newTally,
  SCHEMA,
  work,
  type Tally,
} from '../support/exactly-once.ts';
import { TestGate } from '../support/gate.ts';
import { Balancer, haproxyCommand } from '../support/haproxy.ts';
import { startIssuer, type LocalIssuer } from '../support/issuer.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { missingForPython, pythonOf } from '../support/python.ts';

const DRAIN_TIMEOUT_MS = 12_000;
const NOTICE_MS = LIMITS.drainNoticeMs.default;
/** Of their own, so that no outgoing connection takes a gate's port while it is restarted. */
const HOSTS = ['127.0.2.1', '127.0.2.2'] as const;
/** Together 64. A long session has several requests in flight, so that some are when it is cut. */
const SESSIONS = {
  node: { jobs: 42, longs: 8, lanes: 4 },
  python: { jobs: 10, longs: 4 },
} as const;
const PYTHON = path.resolve(import.meta.dirname, '../drivers/rolling.py');

const missing =
  haproxyCommand() === null ? 'no haproxy (Debian: apt-get install haproxy)' : missingForPython();
if (missing !== null) console.warn(`the rolling update is skipped: ${missing}`);

describe.skipIf(noNode || missing !== null)('a rolling update of two gates behind HAProxy', () => {
  let issuer: LocalIssuer;
  let port: number;
  let gates: TestGate[] = [];
  let balancer: Balancer;
  const name = (i: number): string => `gate-${i + 1}`;

  beforeAll(async () => {
    await pythonOf();
    const superuser = await direct();
    for (const statement of SCHEMA) await superuser.execute(statement);
    await superuser.shutdown();
    issuer = await startIssuer();
    port = await freePort('127.0.0.1');
    const ports = await Promise.all(
      HOSTS.map(async (host) => ({ cql: await freePort(host), admin: await freePort(host) })),
    );
    gates = await Promise.all(
      HOSTS.map(async (host, i) =>
        TestGate.start({
          contactPoint,
          issuer,
          roles: { job: { grants: GRANTS } },
          config: {
            listen: { host, port: ports[i]!.cql },
            advertise: { host: '127.0.0.1', port },
            admin: { host, port: ports[i]!.admin },
            limits: {
              drainTimeoutMs: DRAIN_TIMEOUT_MS,
              // Some 1,500 jobs a minute, each of whose statements is to be counted by itself below.
              activityBytesPerRole: 64 * 1024 * 1024,
            },
          },
        }),
      ),
    );
    balancer = await Balancer.start(
      port,
      gates.map((gate, i) => ({
        name: name(i),
        host: HOSTS[i]!,
        port: gate.port,
        adminPort: gate.adminPort,
      })),
    );
  });

  afterAll(async () => {
    await balancer?.close();
    await Promise.all(gates.map(async (gate) => gate.close()));
    await issuer?.close();
  });

  const connected = async () => {
    const client = driver(port, 'job', issuer.mint(), {});
    await client.connect();
    return client;
  };

  async function nodeJobs(number: number, stop: { isOver: boolean }): Promise<Tally[]> {
    const tallies: Tally[] = [];
    for (let n = 0; !stop.isOver; n++) {
      const tally = newTally(`node-job-${number}-${n}`);
      tallies.push(tally);
      try {
        const client = await connected();
        const rounds = 1 + Math.floor(Math.random() * 8);
        await work(client, tally, 100, (round) => round === rounds);
        await client.shutdown();
      } catch (error) {
        tally.failed.push({
          kind: 'connect',
          i: 0,
          error: String(error),
          sentAtMs: tally.startedAtMs,
          atMs: Date.now(),
        });
        tally.endedAtMs = Date.now();
        await delay(200);
      }
    }
    return tallies;
  }

  async function nodeLong(number: number, stop: { isOver: boolean }): Promise<Tally[]> {
    const client = await connected();
    const tallies = Array.from({ length: SESSIONS.node.lanes }, (_, lane) =>
      newTally(`node-long-${number}-${lane}`),
    );
    await Promise.all(tallies.map(async (tally) => work(client, tally, 10, () => stop.isOver)));
    await client.shutdown();
    return tallies;
  }

  /** Resolves with what it counted, once `stop` was called. */
  async function python(): Promise<{ stop: () => Promise<Tally[]> }> {
    const { jobs, longs } = SESSIONS.python;
    const target = { port, username: 'job', password: issuer.mint(), version: 5, jobs, longs };
    const child = spawn(await pythonOf(), [PYTHON, JSON.stringify(target)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    return {
      stop: async () => {
        child.stdin.end();
        const code = await ended;
        if (code !== 0) throw new Error(`the Python sessions ended with ${code}`);
        return JSON.parse(output) as Tally[];
      },
    };
  }

  it('fails no job shorter than the deadline, and carries nothing out twice', async () => {
    const stop = { isOver: false };
    const others = await python();
    const own = [
      ...Array.from({ length: SESSIONS.node.jobs }, async (_, n) => nodeJobs(n, stop)),
      ...Array.from({ length: SESSIONS.node.longs }, async (_, n) => nodeLong(n, stop)),
    ];
    await delay(4_000);

    const updates: { readonly fromMs: number; readonly goneMs: number }[] = [];
    for (const [i, gate] of gates.entries()) {
      const fromMs = Date.now();
      await gate.stop('SIGTERM');
      const goneMs = Date.now();
      await gate.launch();
      await balancer.takes(name(i));
      updates.push({ fromMs, goneMs });
      await delay(3_000);
    }
    stop.isOver = true;
    const tallies = [...(await Promise.all(own)), await others.stop()].flat();
    for (const gate of gates) await gate.stop();

    const jobs = tallies.filter(({ worker }) => worker.includes('-job-'));
    const longs = tallies.filter(({ worker }) => worker.includes('-long-'));
    const short = jobs.filter((job) => job.endedAtMs - job.startedAtMs < DRAIN_TIMEOUT_MS);
    const during = short.filter((job) =>
      updates.some(({ fromMs, goneMs }) => job.startedAtMs < goneMs && job.endedAtMs > fromMs),
    );
    const failures = tallies.flatMap(({ worker, failed }) =>
      failed.map((one) => ({ worker, ...one })),
    );
    const acknowledged = tallies.flatMap((tally) =>
      Object.values(tally.acknowledged).flat(),
    ).length;
    const ledgers = await Promise.all(gates.map(async (gate) => gate.records()));
    const cut = ledgers.map((records) => records.filter(isCut).length);
    console.log(
      `rolling update: ${jobs.length} jobs (${short.length} shorter than the deadline, ${during.length} of them while a ` +
        `gate went), ${acknowledged} requests acknowledged, ${failures.length} failed; sessions cut: ${cut.join(' and ')}`,
    );

    // Whatever a job asked before it was as old as the deadline.
    const unexpected = jobs.flatMap(({ startedAtMs, failed }) =>
      failed.filter(({ kind, sentAtMs }) => {
        return kind === 'connect' || sentAtMs - startedAtMs < DRAIN_TIMEOUT_MS;
      }),
    );
    expect(unexpected).toEqual([]);
    expect(during.length).toBeGreaterThan(SESSIONS.node.jobs);
    // Most are short, or that says little.
    expect(short.length / jobs.length).toBeGreaterThan(0.8);

    // Both gates had sessions that lasted longer, some at work when they were cut. None before that moment failed.
    for (const sessions of cut) expect(sessions).toBeGreaterThan(0);
    expect(failures.length).toBeGreaterThan(0);
    const early = failures.filter(({ atMs }) => {
      const update = updates.findLast(({ fromMs }) => fromMs <= atMs);
      return update === undefined || atMs - update.fromMs < NOTICE_MS + DRAIN_TIMEOUT_MS - 50;
    });
    expect(early).toEqual([]);
    // They went on at the other gate.
    for (const { acknowledged: kinds, failed } of longs) {
      expect(kinds.write.at(-1)).toBeGreaterThan(Math.max(-1, ...failed.map(({ i }) => i)));
    }

    const superuser = await direct();
    expect(await discrepancies(superuser, tallies)).toEqual([]);
    // The ledgers count what reached the gates: no request was carried out that none of them has.
    const appends = tallies.map((tally) => tally.acknowledged.append.length).reduce(sum);
    const counted = ledgers.flat().filter(isAppend);
    const passed = counted.map(({ count, errors }) => count - errors).reduce(sum);
    const there = (await superuser.execute(`SELECT items FROM ${KEYSPACE}.lists`)).rows
      .map((row) => (row['items'] as string[]).length)
      .reduce(sum);
    expect(passed).toBeGreaterThanOrEqual(appends);
    expect(there).toBeGreaterThanOrEqual(passed);
    expect(there).toBeLessThanOrEqual(counted.map(({ count }) => count).reduce(sum));

    // And one append more would have been noticed.
    const { worker } = longs[0]!;
    await superuser.execute(`UPDATE ${KEYSPACE}.lists SET items = items + ['0'] WHERE worker = ?`, [
      worker,
    ]);
    expect(await discrepancies(superuser, tallies)).toEqual([
      `${worker}: append 0 is there 2 times`,
    ]);
    await superuser.shutdown();
  }, 150_000);
});

/** By the deadline, and not by its client. */
function isCut({ kind, reason }: { kind: string; reason?: string }): boolean {
  return kind === 'session_end' && reason === 'shutdown';
}

function isAppend({ kind, statement }: { kind: string; statement?: { text?: string } }): boolean {
  return kind === 'activity' && statement?.text?.includes(`${KEYSPACE}.lists`) === true;
}

function sum(total: number, one: number): number {
  return total + one;
}
