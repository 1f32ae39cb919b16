// The admin port, and what SIGTERM does to jobs at work.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, failure, noNode, through } from '../support/nodes.ts';
import { RawClient } from '../support/raw-client.ts';

const roles = { worker: { grants: ['CREATE, SELECT, MODIFY ON KEYSPACE drained'] } };

async function startGate(limits: Record<string, number> = {}): Promise<TestGate> {
  const admin = { host: '127.0.0.1', port: 0 };
  return TestGate.start({ contactPoint, roles, config: { admin, limits } });
}

async function get(gate: TestGate, path: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://127.0.0.1:${gate.adminPort}${path}`);
  return { status: response.status, body: await response.text() };
}

beforeAll(async () => {
  if (noNode) return;
  const superuser = await direct();
  await superuser.execute(
    "CREATE KEYSPACE IF NOT EXISTS drained WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  );
  await superuser.execute('CREATE TABLE IF NOT EXISTS drained.t (k int PRIMARY KEY, v text)');
  await superuser.shutdown();
});

describe.skipIf(noNode)('the admin port', () => {
  let gate: TestGate;
  beforeAll(async () => {
    gate = await startGate();
  });
  afterAll(async () => gate?.close());

  it('says that the gate lives and is ready', async () => {
    expect(await get(gate, '/healthz')).toEqual({ status: 200, body: 'ok\n' });
    const ready = await get(gate, '/readyz');
    expect(ready.status).toBe(200);
    expect(JSON.parse(ready.body)).toEqual({ ready: true, reasons: [] });
    expect((await get(gate, '/api/v1/anything')).status).toBe(404);
  });

  it('counts logins, requests, denials and errors of nodes', async () => {
    const client = await through(gate);
    await client.execute('SELECT * FROM drained.t');
    await failure(client.execute('DROP TABLE drained.t'));
    await failure(client.execute('SELECT nothing FROM drained.t'));
    await failure(client.execute('this is no CQL'));
    const stranger = await RawClient.connect(gate.port);
    await stranger.logIn('worker', gate.issuer.mint({ exp: 1_000 }));
    const unknown = await RawClient.connect(gate.port);
    await unknown.startup({ CQL_VERSION: '3.0.0', DRIVER_NAME: 'made up by a stranger' });
    unknown.close();
    // The second connection of the pool comes after the first has served.
    const pool = 'cqlgate_upstream_connections{cassandra_role="ci",version="v4"} 2\n';
    await expect.poll(async () => (await get(gate, '/metrics')).body).toContain(pool);
    const { status, body } = await get(gate, '/metrics');
    await client.shutdown();
    stranger.close();

    expect(status).toBe(200);
    const value = (series: string): number =>
      Number(
        body
          .split('\n')
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length),
      );
    expect(value('cqlgate_ready')).toBe(1);
    expect(value('cqlgate_sessions')).toBeGreaterThanOrEqual(1);
    expect(value('cqlgate_logins_total{issuer="pipelines"}')).toBeGreaterThanOrEqual(1);
    expect(value('cqlgate_auth_failures_total{reason="token_expired"}')).toBe(1);
    expect(value('cqlgate_denied_total{rule="permission_missing",kind="DROP TABLE"}')).toBe(1);
    expect(value('cqlgate_denied_total{rule="syntax",kind="unknown"}')).toBe(1);
    expect(value('cqlgate_node_errors_total{code="0x2200"}')).toBe(1);
    const answered = value('cqlgate_requests_total{family="read",result="ok"}');
    expect(answered).toBeGreaterThanOrEqual(1);
    expect(value('cqlgate_requests_total{family="read",result="error"}')).toBe(1);
    expect(
      value('cqlgate_request_duration_seconds_bucket{family="read",le="+Inf"}'),
    ).toBeGreaterThanOrEqual(1);
    expect(value('cqlgate_upstream_connections{cassandra_role="ci",version="v4"}')).toBe(2);
    expect(value('cqlgate_audit_writable')).toBe(1);
    expect(body).toMatch(/^cqlgate_drivers_total\{name="[^"]*Node[^"]*",version="[\d.]+"\} \d/m);
    expect(body).not.toContain('made up by a stranger');
    expect(body).toMatch(/^cqlgate_policy_info\{version="[0-9a-f]+"\} 1$/m);
    expect(body).toMatch(/^cqlgate_process_resident_memory_bytes \d/m);
    expect(body).toMatch(/^# TYPE cqlgate_request_duration_seconds histogram$/m);
    // No statement, token or name that a client chose but its driver's.
    expect(body).not.toContain('drained');
  });
});

/** Writes until told to stop; each number that was acknowledged is kept. */
async function job(gate: TestGate, from: number, stop: { now: boolean }) {
  const acknowledged: number[] = [];
  const errors: string[] = [];
  const client = await through(gate, 'worker');
  const insert = 'INSERT INTO drained.t (k, v) VALUES (?, ?)';
  for (let k = from; !stop.now; k++) {
    try {
      await client.execute(insert, [k, 'x'], { prepare: true });
      acknowledged.push(k);
    } catch (error) {
      errors.push(String(error));
      break;
    }
  }
  await client.shutdown().catch(() => undefined);
  return { acknowledged, errors };
}

describe.skipIf(noNode)('SIGTERM under load', () => {
  it('turns readiness first, refuses new clients, and lets jobs finish without an error', async () => {
    const gate = await startGate({ drainNoticeMs: 600 });
    const stop = { now: false };
    const jobs = [1, 2, 3, 4].map(async (n) => job(gate, n * 1_000_000, stop));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const ended = gate.stop('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 200));
    // Not ready, and still open to who did not notice yet.
    const notReady = await get(gate, '/readyz');
    expect(notReady.status).toBe(503);
    expect(JSON.parse(notReady.body)).toEqual({ ready: false, reasons: ['the gate is draining'] });
    (await RawClient.connect(gate.port)).close();
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await expect(RawClient.connect(gate.port)).rejects.toThrow(/ECONNREFUSED/);
    expect((await get(gate, '/healthz')).status).toBe(200);
    stop.now = true;
    const results = await Promise.all(jobs);
    await ended;

    expect(results.flatMap(({ errors }) => errors)).toEqual([]);
    const all = results.flatMap(({ acknowledged }) => acknowledged);
    expect(all.length).toBeGreaterThan(100);
    const superuser = await direct();
    const rows = await superuser.execute('SELECT k FROM drained.t', [], { fetchSize: 100_000 });
    const there = new Set(rows.rows.map((row) => row['k'] as number));
    expect(all.filter((k) => !there.has(k))).toEqual([]);
    await superuser.shutdown();
    const output = gate.output.join('\n');
    expect(output).toMatch(/"draining"/);
    expect(output).toMatch(/"drained"/);
    await gate.close();
  }, 60_000);

  it('ends what outlives the deadline, after its requests in flight', async () => {
    const gate = await startGate({ drainNoticeMs: 1, drainTimeoutMs: 1_500 });
    const stop = { now: false };
    const endless = job(gate, 9_000_000, stop);
    const idle = await RawClient.login(gate.port, 'worker', gate.issuer.mint());
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = Date.now();
    await gate.stop('SIGTERM');
    expect(Date.now() - before).toBeGreaterThan(1_300);
    expect(Date.now() - before).toBeLessThan(10_000);
    stop.now = true;
    const { acknowledged } = await endless;
    expect(acknowledged.length).toBeGreaterThan(10);
    expect(idle.closed).toBe(true);
    const ends = (await gate.records()).filter((record) => record.kind === 'session_end');
    expect(ends.some((record) => record.reason === 'shutdown')).toBe(true);
    await gate.close();
  }, 60_000);
});
