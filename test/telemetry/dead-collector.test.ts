// A collector that is gone, or takes everything and answers nothing: the gate serves on, says so, and does not wait for it.
import http from 'node:http';
import net from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestGate } from '../support/gate.ts';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';

/** An exporter by itself waits for ten seconds at least, and tries again for more. */
const WAITED_BY_EXPORTERS_MS = 9_000;

let cluster: ScriptedCluster;
let gate: TestGate | null = null;
let collector: net.Server | null = null;
const sockets = new Set<net.Socket>();

beforeAll(async () => {
  cluster = await ScriptedCluster.start(['dc1']);
});

afterEach(async () => {
  await gate?.close();
  gate = null;
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise<void>((resolve) => {
    if (collector === null) resolve();
    else collector.close(() => resolve());
  });
  collector = null;
}, 30_000);

afterAll(async () => cluster.close());

async function listening(server: net.Server): Promise<number> {
  collector = server;
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as net.AddressInfo).port;
}

/** Where nobody listens. */
async function closedPort(): Promise<number> {
  const port = await listening(net.createServer());
  await new Promise<void>((resolve) => collector!.close(() => resolve()));
  collector = null;
  return port;
}

const DEAD = {
  'that is not there': closedPort,
  'that answers nothing': async () => listening(net.createServer()),
  'that is ill': async () =>
    listening(http.createServer((_request, response) => response.writeHead(503).end('canary'))),
} as const;

describe('a collector', () => {
  it.each([
    ['that is not there', 'http/json', 1],
    ['that answers nothing', 'http/protobuf', 2],
    ['that answers nothing', 'grpc', 1],
    ['that is ill', 'http/json', 1],
  ] as const)('%s, by %s, holds up none of %i workers', async (what, protocol, workers) => {
    const port = await DEAD[what]();
    gate = await TestGate.start({
      contactPoint: cluster.name(0),
      roles: { job: { grants: ['SELECT ON KEYSPACE shop'] } },
      config: {
        cluster: { contactPoints: [cluster.name(0)], allowUntested: true },
        admin: { host: '127.0.0.1', port: 0 },
        workers,
      },
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_METRICS_EXPORTER: 'otlp',
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_BSP_SCHEDULE_DELAY: '50',
        OTEL_BLRP_SCHEDULE_DELAY: '50',
        OTEL_METRIC_EXPORT_INTERVAL: '200',
        OTEL_METRIC_EXPORT_TIMEOUT: '100',
      },
    });
    const client = await RawClient.login(gate.port, 'job', gate.issuer.mint());
    await client.query('SELECT k FROM shop.t');
    const line = JSON.parse(await gate.logged(/could not be exported/)) as { reason: string };
    expect(line.reason).not.toBe('');
    expect(line.reason).not.toContain('canary');
    const failures = async (): Promise<number> => {
      const text = await (await fetch(`http://127.0.0.1:${gate!.adminPort}/metrics`)).text();
      return Number(/^cqlgate_telemetry_export_failures_total (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    await expect.poll(failures, { timeout: 10_000 }).toBeGreaterThan(2);
    // One line for each process that tells, however many exports failed.
    const lines = gate.output.filter((one) => one.includes('could not be exported'));
    expect(lines.length).toBeLessThanOrEqual(workers === 1 ? 1 : workers + 1);
    client.close();
    const startedAtMs = performance.now();
    await gate.stop();
    expect(gate.exitCode).toBe(0);
    expect(performance.now() - startedAtMs).toBeLessThan(WAITED_BY_EXPORTERS_MS);
  });
});
