// What the chart renders starts the real gate: its ConfigMaps laid out as a kubelet does, its arguments, its probes,
// its test, and a driver's statement through it to a real Cassandra.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { freePort } from '../support/cassandra.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { driver } from '../support/clients.ts';
import {
  CHART,
  find,
  helm,
  HELM_BUILD_MS,
  isHelmSkipped,
  manifestsOf,
  objects,
  type Manifest,
} from '../support/helm.ts';
import { issuerRow, startIssuer, type LocalIssuer } from '../support/issuer.ts';
import { contactPoint, direct, failure, noNode } from '../support/nodes.ts';
import { PodFiles } from '../support/pod-files.ts';

const run = promisify(execFile);
const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const KEYSPACE = 'helm_chart';
const grants = (...texts: string[]) => ({
  roles: { 'orders-migrator': { grants: texts.map((text) => `${text} ON KEYSPACE ${KEYSPACE}`) } },
});

describe.skipIf(noNode || isHelmSkipped('the gate of the Helm chart'))('the chart', () => {
  let issuer: LocalIssuer;
  let authority: CertificateAuthority;
  let files: PodFiles;
  let ports: { cql: number; admin: number };
  let gate: ChildProcess;
  const output: string[] = [];

  /** The chart's objects, for this cluster and issuer, at ports that are free here. */
  async function rendered(policy: object): Promise<Manifest[]> {
    const over = {
      config: {
        advertise: { host: '127.0.0.1', port: ports.cql },
        cluster: { contactPoints: [contactPoint] },
        cassandraRoles: { ci_orders: { username: 'cassandra' } },
        issuers: [issuerRow(issuer)],
        limits: { drainNoticeMs: 1000, drainTimeoutMs: 3000 },
      },
      policy,
    };
    const all = await objects({ values: 'minimal', over });
    // A pod has its ports for itself.
    const { data } = find(all, 'ConfigMap', 'gate-cqlgate-config');
    data['cqlgate.yaml'] = data['cqlgate.yaml']
      .replace('port: 9180', `port: ${ports.admin}`)
      .replace('port: 9042', `port: ${ports.cql}`);
    return all;
  }

  const podOf = (all: Manifest[]): Manifest =>
    find(all, 'StatefulSet', 'gate-cqlgate').spec.template.spec;

  async function logged(text: string): Promise<void> {
    const deadlineMs = performance.now() + 60_000;
    while (!output.join('').includes(text)) {
      if (gate.exitCode !== null || performance.now() > deadlineMs)
        throw new Error(output.join(''));
      await delay(100);
    }
  }

  async function session(): Promise<Client> {
    const client = driver(ports.cql, 'orders-migrator', issuer.mint(), {
      sslOptions: { ca: [authority.pem], rejectUnauthorized: true },
    });
    await client.connect();
    return client;
  }

  /** The status that a probe of the pod gets. */
  async function probed(which: 'readinessProbe' | 'livenessProbe'): Promise<number> {
    const [container] = podOf(await rendered({})).containers;
    const { path: at, port } = container[which].httpGet;
    expect(port).toBe('admin');
    return (await fetch(`http://127.0.0.1:${ports.admin}${at}`)).status;
  }

  /** `helm test`: the pod's own script, at these ports. */
  async function tested(): Promise<string> {
    const [container] = find(await rendered({}), 'Pod', 'gate-cqlgate-test').spec.containers;
    const [, ...options] = container.command as string[];
    const given = container.env.map((one: Manifest) => [one.name, one.value]);
    const { stdout } = await run(process.execPath, [...options, container.args[0]], {
      env: {
        ...process.env,
        ...(Object.fromEntries(given) as Record<string, string>),
        ADMIN_URL: `http://127.0.0.1:${ports.admin}/readyz`,
        CQL_HOST: '127.0.0.1',
        CQL_PORT: String(ports.cql),
      },
    });
    return stdout;
  }

  beforeAll(async () => {
    await helm(['version']);
    issuer = await startIssuer();
    authority = new CertificateAuthority();
    ports = { cql: await freePort('127.0.0.1'), admin: await freePort('127.0.0.1') };
    const superuser = await direct();
    await superuser.execute(
      `CREATE KEYSPACE ${KEYSPACE} WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}`,
    );
    await superuser.shutdown();
    const { cert, key } = authority.issue();
    files = new PodFiles(await mkdtemp(path.join(os.tmpdir(), 'cqlgate-pod-')), {
      'cqlgate-tls': { 'tls.crt': cert, 'tls.key': key },
      'cqlgate-cassandra': { ci_orders: 'cassandra\n' },
    });
    const all = await rendered(grants('CREATE', 'MODIFY'));
    const pod = podOf(all);
    await files.lay(all, pod);
    const args = (pod.containers[0].args as string[]).map((one) =>
      one.startsWith('/') ? files.at(one) : one,
    );
    gate = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [gate.stdout!, gate.stderr!]) {
      stream.on('data', (chunk: Buffer) => output.push(chunk.toString()));
    }
    await logged('listening on');
  }, HELM_BUILD_MS);

  afterAll(async () => {
    if (gate?.exitCode === null && gate.signalCode === null) {
      gate.kill('SIGKILL');
      await once(gate, 'exit');
    }
    await issuer?.close();
    authority?.remove();
    if (files !== undefined) await rm(files.root, { recursive: true, force: true });
    const superuser = await direct();
    await superuser.execute(`DROP KEYSPACE IF EXISTS ${KEYSPACE}`);
    await superuser.shutdown();
  });

  it('starts a gate that has nothing to warn of but what is this test’s own', () => {
    const ofTheTest = /superuser|the certificate ends|has no table/;
    const warnings = output
      .join('')
      .split('\n')
      .filter((line) => /"level":[456]0/.test(line) && !ofTheTest.test(line));
    expect(warnings).toEqual([]);
  });

  it('is alive and ready by the probes of the pod', async () => {
    expect(await probed('livenessProbe')).toBe(200);
    expect(await probed('readinessProbe')).toBe(200);
  });

  it('passes helm test', async () => {
    const said = await tested();
    expect(said).toContain('"ready":true');
    expect(said).toContain('speaks CQL');
  });

  it('passes the statements of a driver over TLS, by the policy of the ConfigMap', async () => {
    const client = await session();
    await client.execute(`CREATE TABLE ${KEYSPACE}.items (id int PRIMARY KEY, name text)`);
    await client.execute(`INSERT INTO ${KEYSPACE}.items (id, name) VALUES (1, 'first')`);
    const refused = await failure(client.execute(`SELECT name FROM ${KEYSPACE}.items`));
    expect(refused.code).toBe(CqlErrorCode.UNAUTHORIZED);
    await client.shutdown();
  });

  it('takes a changed policy as the kubelet brings it, in a session that is open', async () => {
    const client = await session();
    const select = `SELECT name FROM ${KEYSPACE}.items`;
    expect((await failure(client.execute(select))).code).toBe(CqlErrorCode.UNAUTHORIZED);
    const all = await rendered(grants('CREATE', 'MODIFY', 'SELECT'));
    await files.lay(all, podOf(all));
    await logged('"policy taken"');
    const { rows } = await client.execute(select);
    expect(rows.map((row) => row['name'] as string)).toEqual(['first']);
    expect(gate.exitCode).toBeNull();
    await client.shutdown();
  });

  it('lets a migration in that knows nothing of tokens, by the example of a sidecar', async () => {
    const job = find(
      await manifestsOf(path.join(CHART, 'examples/sidecar-job.yaml')),
      'Job',
      'migrate',
    );
    const [container] = job.spec.template.spec.initContainers;
    await writeFile(files.at('ca.crt'), authority.pem);
    await writeFile(files.at('token'), issuer.mint());
    const port = await freePort('127.0.0.1');
    const here: Record<string, string> = {
      '--gate': `127.0.0.1:${ports.cql}`,
      '--ca': files.at('ca.crt'),
      '--token-file': files.at('token'),
    };
    const args = (container.args as string[]).map((one) => {
      const [option, value] = one.split('=');
      return value === undefined ? one : `${option!}=${here[option!] ?? value}`;
    });
    const [command, ...rest] = container.startupProbe.exec.command as string[];
    expect(command).toBe('/nodejs/bin/node');
    const probe = rest.map((one) => one.replace('9042', String(port)));
    await expect(run(process.execPath, probe)).rejects.toMatchObject({ code: 1 });
    const sidecar = spawn(process.execPath, [MAIN, ...args, `--listen=127.0.0.1:${port}`], {
      stdio: 'ignore',
    });
    try {
      await expect
        .poll(async () => run(process.execPath, probe).then(() => 'up', String), {
          timeout: 20_000,
        })
        .toBe('up');
      const client = new Client({
        contactPoints: [`127.0.0.1:${port}`],
        localDataCenter: 'datacenter1',
      });
      await client.connect();
      await client.execute(`INSERT INTO ${KEYSPACE}.items (id, name) VALUES (3, 'third')`);
      await client.shutdown();
    } finally {
      sidecar.kill();
      await once(sidecar, 'exit');
    }
  });

  it('keeps its ledger in the volume', async () => {
    const { stdout } = await run(process.execPath, [
      ...[MAIN, 'audit', 'verify', files.at('/var/lib/cqlgate'), '--json'],
    ]).catch((error: unknown) => error as { stdout: string });
    expect(stdout).toMatch(/"records": [1-9]/);
  });

  it('is not ready when the pod is told to end, fails helm test then, and ends in its time', async () => {
    const client = await session();
    const grace = podOf(await rendered({})).terminationGracePeriodSeconds as number;
    const startedMs = performance.now();
    const exit = once(gate, 'exit');
    gate.kill('SIGTERM');
    await delay(200);
    expect(await probed('readinessProbe')).toBe(503);
    await expect(tested()).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('the gate is draining') as string,
    });
    // A session that stays is served on, until the drain is over.
    await client.execute(`INSERT INTO ${KEYSPACE}.items (id, name) VALUES (2, 'second')`);
    expect((await exit)[0]).toBe(0);
    const tookMs = performance.now() - startedMs;
    expect(tookMs).toBeGreaterThan(3000);
    expect(tookMs).toBeLessThan(grace * 1000);
    await client.shutdown();
  });
});
