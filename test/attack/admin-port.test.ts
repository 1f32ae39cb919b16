// The admin port under attack: a page that had its name pointed here, and whoever floods it with failed requests. What calls
// it honestly (kubelets, Prometheus, load balancers) is let in, in each form that they have.
import net from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RefusedLogins } from '../../src/admin/refused-logins.ts';
import { startAdmin, type AdminServer } from '../../src/admin/server.ts';
import { adminControl, openHosts } from '../../src/commands/admin-control.ts';
import { AuthFault } from '../../src/errors.ts';
import { Admission } from '../../src/identity/admission.ts';
import { ADMIN, METRICS } from '../../src/limits/process.ts';
import { driverLabels } from '../../src/metrics/drivers.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Gate } from '../../src/session/gate.ts';

let admin: AdminServer;
/** How often metrics were put together. */
let rounds = 0;
const METRICS_TEXT = 'cqlgate_ready 1\n';

beforeAll(async () => {
  const hosts = openHosts({
    admin: {
      host: '0.0.0.0',
      port: 0,
      hosts: ['gate-admin.gates.svc', '*.gate-headless.gates.svc'],
    },
    advertise: { host: 'gate.gates.svc', port: 9042, peers: ['gate-2.example.com:9042'] },
  });
  admin = await startAdmin({
    host: '127.0.0.1',
    port: 0,
    keepAliveMs: 60_000,
    hosts,
    metrics: async () => {
      rounds++;
      return Promise.resolve(METRICS_TEXT);
    },
    readiness: async () => Promise.resolve({ isStarting: false, reasons: [], warnings: [] }),
    control: null,
  });
});

afterAll(() => admin?.close());

/** The status of what answers these lines. */
async function ask(...lines: string[]): Promise<number> {
  const socket = net.connect(admin.port, '127.0.0.1');
  socket.write([...lines, 'Connection: close', '', ''].join('\r\n'));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
}

const get = async (path: string, ...headers: string[]) => ask(`GET ${path} HTTP/1.1`, ...headers);

describe('the open paths of the admin port', () => {
  it.each(['/healthz', '/readyz', '/metrics'])('answer a name of ours only: %s', async (path) => {
    for (const host of [
      '10.244.1.17:9180',
      '[fd00:10:244::17]:9180',
      '127.0.0.1',
      'LocalHost:9180',
      'localhost.',
      'gate-admin.gates.svc:9180',
      'gate-0.gate-headless.gates.svc:9180',
      'gate.gates.svc',
      'gate-2.example.com',
    ]) {
      expect([host, await get(path, `Host: ${host}`)]).toEqual([host, 200]);
    }
    for (const host of [
      'evil.example.com',
      'evil.example.com:9180',
      '127.0.0.1.evil.example.com',
      'gate-admin.gates.svc.evil.example.com',
      'x.y.gate-headless.gates.svc',
    ]) {
      expect([host, await get(path, `Host: ${host}`)]).toEqual([host, 421]);
    }
  });

  it('answer a probe of a kubelet, which calls the pod by its address', async () => {
    for (const path of ['/healthz', '/readyz']) {
      const headers = ['Host: 10.244.1.17:9180', 'User-Agent: kube-probe/1.30', 'Accept: */*'];
      expect(await get(path, ...headers)).toBe(200);
    }
  });

  it('answer a scrape of Prometheus, by address and by the name of the Service', async () => {
    for (const host of ['10.244.1.17:9180', 'gate-admin.gates.svc:9180']) {
      expect(
        await get(
          '/metrics',
          `Host: ${host}`,
          'User-Agent: Prometheus/2.53.0',
          'Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5',
          'Accept-Encoding: gzip',
          'X-Prometheus-Scrape-Timeout-Seconds: 10',
        ),
      ).toBe(200);
    }
  });

  it('answer a load balancer that knows no name', async () => {
    expect(await ask('GET /readyz HTTP/1.0')).toBe(200);
    expect(await ask('GET /readyz HTTP/1.0', 'Host:')).toBe(200);
  });

  it('answer it on a port of IPv6 too', async () => {
    const before = admin;
    admin = await startAdmin({
      host: '::',
      port: 0,
      keepAliveMs: 60_000,
      hosts: [],
      metrics: async () => Promise.resolve(METRICS_TEXT),
      readiness: async () => Promise.resolve({ isStarting: false, reasons: [], warnings: [] }),
      control: null,
    });
    try {
      expect(await ask('GET /readyz HTTP/1.0')).toBe(200);
    } finally {
      admin.close();
      admin = before;
    }
  });

  it('are not reached by a second name, or by one in the target', async () => {
    expect(await get('/metrics', 'Host: 127.0.0.1', 'Host: evil.example.com')).not.toBe(200);
    expect(await get('/metrics', 'Host: evil.example.com', 'Host: 127.0.0.1')).not.toBe(200);
    expect(await get('http://evil.example.com/metrics', 'Host: 127.0.0.1')).toBe(421);
    expect(await get('http://127.0.0.1/metrics', 'Host: evil.example.com')).toBe(421);
    expect(await get('http://127.0.0.1/metrics', 'Host: 127.0.0.1')).toBe(200);
    expect(await get('/metrics', 'Host: user@127.0.0.1')).not.toBe(200);
    expect(await get('/metrics', 'Host: 127.0.0.1', 'X-Forwarded-Host: evil.example.com')).toBe(
      200,
    );
    expect(await get('/nothing', 'Host: evil.example.com')).toBe(421);
  });
});

describe('a flood of the open paths', () => {
  /** Connections from an address of this machine that say `text`, and how many of them are still open. */
  async function opened(count: number, from: string, text = ''): Promise<Set<net.Socket>> {
    const open = new Set<net.Socket>();
    for (let i = 0; i < count; i++) {
      const socket = net.connect({ port: admin.port, host: '127.0.0.1', localAddress: from });
      socket.on('error', () => undefined);
      socket.resume();
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      await new Promise((resolve) => socket.once('connect', resolve));
      if (text !== '') socket.write(text);
    }
    return open;
  }

  it('costs one round of metrics, however many requests one packet has', async () => {
    const before = rounds;
    const open = await opened(
      1,
      '127.0.0.2',
      'GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(1000),
    );
    await expect.poll(() => open.size).toBe(0);
    expect(rounds - before).toBeLessThanOrEqual(1);
    expect(await get('/metrics', 'Host: 127.0.0.1')).toBe(200);
  });

  it('costs few rounds of metrics, however many connections ask, and each is answered', async () => {
    const before = rounds;
    const startMs = performance.now();
    const ask = async () => get('/metrics', 'Host: 127.0.0.1');
    const answers = await Promise.all(Array.from({ length: 100 }, ask));
    expect(new Set(answers)).toEqual(new Set([200]));
    const most = 2 + (performance.now() - startMs) / ADMIN.roundPauseMs;
    expect(rounds - before).toBeLessThanOrEqual(most);
  });

  it('keeps no descriptors: the oldest of the source with most makes room, and probes get in', async () => {
    const open = await opened(ADMIN.connectionsPerSource + 20, '127.0.0.2');
    await expect.poll(() => open.size).toBe(ADMIN.connectionsPerSource);
    expect(await get('/healthz', 'Host: 127.0.0.1')).toBe(200);
    for (const socket of open) socket.destroy();
  });
});

describe('failed requests to the admin API', () => {
  it('take no place of a driver that logs in, and are bounded themselves', async () => {
    const evicted: string[] = [];
    const admission = new Admission({ unauthenticatedConnections: 4, unauthenticatedPerSource: 4 });
    const logins = Array.from({ length: 4 }, (_unused, i) =>
      admission.admit('10.0.0.1', () => evicted.push(String(i))),
    );
    const metrics = new Metrics();
    const scopes: string[] = [];
    const gate = {
      admission,
      metrics,
      refusals: { failedLogin: (scope: string) => scopes.push(scope) },
      verifier: {
        issuers: [],
        verifyCached: () => null,
        verify: async () => new Promise(() => undefined),
      },
    } as unknown as Gate;
    const control = adminControl(gate, {} as never, {} as never, { host: '127.0.0.1', hosts: [] });
    for (let i = 0; i < 20; i++) void control.refused('token_missing', '10.0.0.1');
    expect(evicted).toEqual([]);
    expect(admission.unauthenticated).toBe(4);
    // Nor are the driver's own failures slowed by them, or its records used up.
    expect(logins[0]!.failed()).toBe(0);
    expect(scopes).not.toContain('10.0.0.1');
    // And tokens that nobody can verify now take a few places only.
    const verdicts = Array.from({ length: ADMIN.checksUnderWay + 1 }, async (_unused, i) =>
      control.verify(`token ${i}`),
    );
    await expect(verdicts.at(-1)).rejects.toBeInstanceOf(AuthFault);
  });

  it('wait in a bounded number', async () => {
    const refused = new RefusedLogins();
    const all = Array.from({ length: ADMIN.refusalsWaiting + 50 }, async () => refused.failed('a'));
    expect(refused.waiting).toBe(ADMIN.refusalsWaiting);
    // What is beyond the bound is answered at once.
    await Promise.race(all.slice(-10));
  });
});

describe('drivers that make up their names', () => {
  const read = (metrics: Metrics) =>
    new Map(
      [...metrics.counts('drivers_total')].map(({ labels, series }) => [
        labels.join(' '),
        series.value,
      ]),
    );

  it('do not fill the metric for good, nor change its sum', () => {
    const metrics = new Metrics();
    const count = (name: string | null, version: string | null) =>
      metrics.counter('drivers_total', ...driverLabels(name, version)).value++;
    count('Apache Cassandra Node.js Driver', '4.8.0');
    for (let i = 0; i < 1_000; i++) {
      count(`invented ${i}`, `${i}.0.0`);
      count('Apache Cassandra Python Driver', `${i % 100}.${Math.floor(i / 100)}.${i}`);
      count('Apache Cassandra Python Driver', `no version ${i}`);
    }
    count('DataStax Python Driver', '3.29.2');
    const counts = read(metrics);
    expect(counts.get('DataStax Python Driver 3.29')).toBe(1);
    expect(counts.size).toBeLessThanOrEqual(METRICS.seriesPerMetric);
    expect([...counts.values()].reduce((sum, one) => sum + one)).toBe(3_002);
  });

  it.each([
    ['Apache Cassandra Node.js Driver', '4.8.0', ['Apache Cassandra Node.js Driver', '4.8']],
    ['github.com/gocql/gocql', 'v1.7.0', ['github.com/gocql/gocql', '1.7']],
    ['DataStax Python Driver', '3.29.2.dev1', ['DataStax Python Driver', '3.29']],
    ['DataStax Python Driver', '3.299', ['DataStax Python Driver', 'other']],
    ['DataStax Python Driver', '03.09.1', ['DataStax Python Driver', '3.9']],
    ['DataStax Python Driver', null, ['DataStax Python Driver', 'other']],
    ['datastax python driver', '3.29', ['other', 'other']],
    ['DataStax Python Driver\0', '3.29', ['other', 'other']],
    [null, '3.29', ['', '']],
  ])('%s %s is counted as %j', (name, version, labels) => {
    expect(driverLabels(name, version)).toEqual(labels);
  });

  it('take no place in a metric of TLS failures either', () => {
    const metrics = new Metrics();
    for (let i = 0; i < 2 * METRICS.seriesPerMetric; i++) {
      metrics.counter('tls_failures_total', `ERR_SSL_${i}`).value++;
    }
    metrics.counter('tls_failures_total', 'ERR_SSL_NO_SHARED_CIPHER').value++;
    const codes = [...metrics.counts('tls_failures_total')].map(({ labels }) => labels[0]);
    expect(codes).toContain('ERR_SSL_NO_SHARED_CIPHER');
    expect(codes.length).toBeLessThanOrEqual(METRICS.seriesPerMetric);
  });
});
