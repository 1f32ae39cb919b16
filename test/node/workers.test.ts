// A gate of several processes on one port, before the real node: what its clients, its operators and its
// auditors see is of one piece, and a process that dies is replaced.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from 'cassandra-driver';
import { auditVerify } from '../../src/commands/audit-verify.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { Collector } from '../support/collector.ts';
import { TestGate, type GateOptions } from '../support/gate.ts';
import { contactPoint, direct, failure, noNode, through } from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';
import { changeTogether, isOneAfterTheOther } from '../support/schema-jobs.ts';

const WORKERS = 3;
const roles = {
  job: { grants: ['CREATE, ALTER, SELECT, MODIFY ON KEYSPACE worked'], session: { grace: '5m' } },
};
const admins = [
  { level: 'operator', issuer: 'pipelines', where: { repositoryUuid: '*', branchName: 'ops' } },
];

let superuser: Client;
let gate: TestGate;

async function start(options: Partial<GateOptions> = {}): Promise<TestGate> {
  gate = await TestGate.start({
    contactPoint,
    roles,
    admins,
    ...options,
    config: {
      workers: WORKERS,
      admin: { host: '127.0.0.1', port: 0 },
      limits: { drainNoticeMs: 1 },
      ...options.config,
    },
  });
  for (let n = 1; n <= WORKERS; n++) await gate.logged(listening(n));
  return gate;
}

const listening = (worker: number): RegExp => new RegExp(`"worker":${worker},.*listening on`);

async function logIn(token = gate.issuer.mint()): Promise<RawClient> {
  return RawClient.login(gate.port, 'job', token);
}

async function api(path: string): Promise<any> {
  const operator = gate.issuer.mint({ branchName: 'ops' });
  const response = await fetch(`http://127.0.0.1:${gate.adminPort}${path}`, {
    headers: { authorization: `Bearer ${operator}` },
  });
  return response.json();
}

async function metric(series: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.split(' ')[1],
  );
}

/** Process ids of the workers, by number. */
async function pids(): Promise<Map<number, number>> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pid=', '--ppid', String(gate.pid)]);
  const found = new Map<number, number>();
  for (const pid of stdout.trim().split(/\s+/).map(Number)) {
    const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '');
    const number = /CQLGATE_WORKER=(\d+)/.exec(environment)?.[1];
    if (number !== undefined) found.set(Number(number), pid);
  }
  return found;
}

const select = 'SELECT v FROM worked.t WHERE k = 1';

describe.skipIf(noNode)('a gate of several workers', () => {
  beforeAll(async () => {
    superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE worked WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.execute('CREATE TABLE worked.t (k int PRIMARY KEY, v text)');
  });

  afterEach(async () => gate?.close());

  afterAll(async () => {
    await superuser?.execute('DROP KEYSPACE worked');
    await superuser?.shutdown();
  });

  it('deals sessions out evenly, and tells of all of them at one admin port', async () => {
    await start();
    const clients: RawClient[] = [];
    for (let i = 0; i < 30; i++) clients.push(await logIn());
    for (const client of clients) {
      expect((await client.query(select))?.opcode).toBe(Opcode.RESULT);
    }
    expect(await metric('cqlgate_sessions')).toBe(30);
    expect(await metric('cqlgate_workers')).toBe(WORKERS);
    expect(await metric('cqlgate_logins_total{issuer="pipelines"}')).toBe(30);
    expect(await metric('cqlgate_requests_total{family="read",result="ok"}')).toBe(30);
    const { sessions } = await api('/api/v1/sessions');
    expect(new Set(sessions.map(({ id }: { id: string }) => id)).size).toBe(30);
    const ready = await fetch(`http://127.0.0.1:${gate.adminPort}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
    for (const client of clients) client.close();
    await gate.stop();

    const { exitCode, report } = await auditVerify(`${gate.dir}/audit`);
    expect(exitCode).toBe(0);
    expect(Object.keys('chains' in report ? report.chains : {})).toEqual([
      'worker-1',
      'worker-2',
      'worker-3',
    ]);
    for (let n = 1; n <= WORKERS; n++) {
      const text = await gate.ledgerText(`worker-${n}`);
      // In turn; one that is busy may be passed over.
      const began = text.match(/"kind":"session_start"/g)?.length;
      expect(began).toBeGreaterThanOrEqual(8);
      expect(began).toBeLessThanOrEqual(12);
      const own = gate.output.filter((line) => line.includes(`"worker":${n},`));
      expect(own.length).toBeGreaterThan(0);
    }
  });

  it('replaces a worker that dies; the others serve on, counts stay, its ledger goes on', async () => {
    await start();
    const clients: RawClient[] = [];
    for (let i = 0; i < 2 * WORKERS; i++) clients.push(await logIn());
    await gate.record(({ kind }) => kind === 'session_start');
    const logins = 'cqlgate_logins_total{issuer="pipelines"}';
    expect(await metric(logins)).toBe(2 * WORKERS);
    process.kill((await pids()).get(2)!, 'SIGKILL');
    const told = await gate.logged(/a worker ended/);
    expect(JSON.parse(told)).toMatchObject({ level: 50, worker: 2, signal: 'SIGKILL' });
    await expect.poll(() => clients.filter(({ closed }) => closed).length).toBe(2);
    // The first connections after it find the living.
    for (let i = 0; i < WORKERS; i++) (await logIn()).close();
    for (const client of clients.filter(({ closed }) => !closed)) {
      expect((await client.query(select))?.opcode).toBe(Opcode.RESULT);
    }
    await expect
      .poll(() => gate.output.filter((line) => listening(2).test(line)).length, { timeout: 15_000 })
      .toBe(2);
    await expect.poll(async () => metric('cqlgate_workers')).toBe(WORKERS);
    expect(await metric('cqlgate_worker_restarts_total')).toBe(1);
    expect(await metric(logins)).toBeGreaterThanOrEqual(2 * WORKERS + WORKERS);
    for (let i = 0; i < WORKERS; i++) clients.push(await logIn());
    for (const client of clients) client.close();
    await gate.stop();
    const { report } = await auditVerify(`${gate.dir}/audit`);
    expect(report).toMatchObject({ result: 'intact', findings: [] });
  });

  it('revokes in all of them, and in one that comes later, without a table to share', async () => {
    await start();
    const token = gate.issuer.mint({ sub: 'leaked' });
    const victims: RawClient[] = [];
    for (let i = 0; i < WORKERS; i++) victims.push(await logIn(token));
    const response = await fetch(`http://127.0.0.1:${gate.adminPort}/api/v1/revocations`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${gate.issuer.mint({ branchName: 'ops' })}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify({ what: 'subject', value: 'leaked', reason: 'seen in a log' }),
    });
    expect([response.status, ((await response.json()) as { shared: boolean }).shared]).toEqual([
      201,
      false,
    ]);
    await expect.poll(() => victims.every(({ closed }) => closed), { timeout: 3_000 }).toBe(true);
    process.kill((await pids()).get(1)!, 'SIGKILL');
    await expect
      .poll(() => gate.output.filter((line) => listening(1).test(line)).length, { timeout: 15_000 })
      .toBe(2);
    for (let i = 0; i < 2 * WORKERS; i++) {
      await expect(logIn(token)).rejects.toThrow(/revoked: seen in a log/);
    }
    for (let i = 0; i < WORKERS; i++) {
      expect((await api('/api/v1/revocations')).revocations).toMatchObject([{ value: 'leaked' }]);
    }
  });

  it('knows in all of them a token within its grace that was good in one, after a restart too', async () => {
    await start();
    const exp = Math.floor(Date.now() / 1000) + 3;
    const [known, strange] = [gate.issuer.mint({ exp }), gate.issuer.mint({ exp, sub: 'strange' })];
    (await logIn(known)).close();
    await delay(exp * 1000 - Date.now() + 100);
    for (let i = 0; i < 2 * WORKERS; i++) (await logIn(known)).close();
    await expect(logIn(strange)).rejects.toThrow(/expired/);
    await gate.stop();
    gate.output.length = 0;
    await gate.launch();
    for (let n = 1; n <= WORKERS; n++) await gate.logged(listening(n));
    for (let i = 0; i < WORKERS; i++) (await logIn(known)).close();
    await expect(logIn(strange)).rejects.toThrow(/expired/);
  });

  it('changes the schema one at a time, whichever worker a job came to', async () => {
    await start();
    const jobs = await Promise.all(Array.from({ length: 9 }, async () => through(gate)));
    await changeTogether(jobs, 'worked', 'of_workers');
    const changes = async () =>
      (await gate.records()).filter(({ outcome }) => outcome?.schema_change);
    // A shared table, and three changes of each job.
    await expect.poll(async () => (await changes()).length).toBe(1 + 9 * 3);
    expect(isOneAfterTheOther(await changes())).toBe(true);
    await Promise.all(jobs.map(async (job) => job.shutdown()));
  });

  it('are instances of their own to OpenTelemetry, and so is their primary', async () => {
    const collector = await Collector.start();
    await start({ env: collector.env });
    (await logIn()).close();
    await expect.poll(() => collector.instances.size, { timeout: 10_000 }).toBe(WORKERS + 1);
    expect(collector.metrics).toContain('cqlgate.worker_restarts');
    await gate.stop();
    await collector.close();
  });

  it('takes a changed policy in all of them', async () => {
    await start();
    const clients: RawClient[] = [];
    for (let i = 0; i < WORKERS; i++) clients.push(await logIn());
    await gate.writePolicy({ job: { grants: ['MODIFY ON KEYSPACE worked'] } });
    for (let n = 1; n <= WORKERS; n++) {
      await gate.logged(new RegExp(`"worker":${n},.*policy taken`));
    }
    for (const client of clients) {
      expect((await client.query(select))?.opcode).toBe(Opcode.ERROR);
      client.close();
    }
  });

  it('drains in all of them on SIGTERM, and ends with 0', async () => {
    await start();
    const clients: RawClient[] = [];
    for (let i = 0; i < WORKERS; i++) clients.push(await logIn());
    const workers = [...(await pids()).values()];
    const ended = gate.stop('SIGTERM');
    for (let n = 1; n <= WORKERS; n++) await gate.logged(new RegExp(`"worker":${n},.*draining`));
    await expect(RawClient.connect(gate.port)).rejects.toThrow(/ECONNREFUSED/);
    for (const client of clients) {
      expect((await client.query(select))?.opcode).toBe(Opcode.RESULT);
      client.close();
    }
    await ended;
    expect(gate.exitCode).toBe(0);
    for (const pid of workers) expect(() => process.kill(pid, 0)).toThrow(/ESRCH/);
  });

  it('dies whole: without their primary workers serve nobody', async () => {
    await start();
    const client = await logIn();
    const workers = [...(await pids()).values()];
    process.kill(gate.pid, 'SIGKILL');
    await expect.poll(() => client.closed).toBe(true);
    // One that init has not buried yet is dead all the same.
    const isAlive = async (pid: number): Promise<boolean> =>
      readFile(`/proc/${pid}/stat`, 'latin1').then(
        (stat) => !stat.includes(') Z '),
        () => false,
      );
    await expect
      .poll(async () => (await Promise.all(workers.map(isAlive))).some(Boolean))
      .toBe(false);
  });

  it('says once what keeps it from starting', async () => {
    const { message } = await failure(start({ roles: { job: { grants: ['EVERYTHING'] } } }));
    expect(message).toContain('ended with 1');
    expect(message.split('\n').filter((line) => line.includes('EVERYTHING'))).toHaveLength(1);
  });
});
