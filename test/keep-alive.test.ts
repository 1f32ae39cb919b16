// Each leg asks by itself whether its other end is still there: clients and nodes of a gate, over TLS too, its admin
// port, and both sides of a sidecar. What the kernel's timers say is what counts.
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import tls from 'node:tls';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { keepAliveOptions } from '../src/keep-alive.ts';
import { dialTls } from '../src/upstream/dial.ts';
import { CertificateAuthority } from './support/certificates.ts';
import { TestGate } from './support/gate.ts';
import { RawClient } from './support/raw-client.ts';
import { ScriptedCluster } from './support/scripted-cluster.ts';
import { tcpTimers, type TcpTimer } from './support/tcp-timers.ts';

const IDLE_SECONDS = 1_000;
const MAIN = path.resolve(import.meta.dirname, '../dist/main.js');

let cluster: ScriptedCluster;
let authority: CertificateAuthority;
let gate: TestGate | null = null;
let sidecar: ChildProcess | null = null;
const sockets: net.Socket[] = [];

beforeAll(async () => {
  cluster = await ScriptedCluster.start(['dc1']);
  authority = new CertificateAuthority();
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  sidecar?.kill('SIGTERM');
  sidecar = null;
  await gate?.close();
  gate = null;
}, 30_000);

afterAll(async () => {
  await cluster.close();
  authority.remove();
});

async function start(config: object = {}): Promise<TestGate> {
  const issued = authority.issue();
  gate = await TestGate.start({
    contactPoint: cluster.name(0),
    roles: { job: { grants: ['SELECT ON KEYSPACE shop'] } },
    prepare: async (dir) => {
      await writeFile(path.join(dir, 'gate.crt'), issued.cert);
      await writeFile(path.join(dir, 'gate.key'), issued.key, { mode: 0o600 });
    },
    config: {
      cluster: { contactPoints: [cluster.name(0)], allowUntested: true },
      admin: { host: '127.0.0.1', port: 0 },
      limits: { keepAliveMs: IDLE_SECONDS * 1000 },
      ...config,
    },
  });
  return gate;
}

/** All ends of connections that fit have keepalive, and as many as told. */
async function expectKeptAlive(fits: (one: TcpTimer) => boolean, count: number): Promise<void> {
  const found = (): TcpTimer[] => tcpTimers().filter(fits);
  // What was just sent has another timer, until it is acknowledged.
  await expect.poll(() => found().filter(({ isKeepAlive }) => isKeepAlive).length).toBe(count);
  for (const { dueInSeconds } of found()) {
    expect(dueInSeconds).toBeGreaterThan(IDLE_SECONDS - 60);
    expect(dueInSeconds).toBeLessThanOrEqual(IDLE_SECONDS);
  }
}

describe.skipIf(process.platform !== 'linux')(
  'a connection is asked whether it is still there',
  () => {
    it.each([1, 2])(
      'by its gate of %i workers: clients, nodes and the admin port',
      async (workers) => {
        const { port, adminPort, issuer } = await start({ workers });
        const clients = await Promise.all(
          [1, 2, 3].map(async () => RawClient.login(port, 'job', issuer.mint())),
        );
        sockets.push(...clients.map(({ socket }) => socket));
        await expectKeptAlive(({ localPort }) => localPort === port, 3);
        const nodePort = cluster.contactPoint(0).port;
        const isOurs = ({ remotePort }: TcpTimer): boolean => remotePort === nodePort;
        await expectKeptAlive(isOurs, tcpTimers().filter(isOurs).length);
        expect(tcpTimers().filter(isOurs).length).toBeGreaterThanOrEqual(2);
        const probe = net.connect(adminPort, '127.0.0.1');
        sockets.push(probe);
        await once(probe, 'connect');
        await expectKeptAlive(({ localPort }) => localPort === adminPort, 1);
      },
    );

    it('over TLS, and by both sides of a sidecar', async () => {
      const { port, issuer } = await start({
        listen: { host: '127.0.0.1', port: 0, tls: { cert: 'gate.crt', key: 'gate.key' } },
      });
      const secured = tls.connect({ port, host: '127.0.0.1', ca: authority.pem });
      sockets.push(secured);
      const client = RawClient.over(secured);
      await client.logIn('job', issuer.mint());
      await expectKeptAlive(({ localPort }) => localPort === port, 1);
      sidecar = spawn(
        process.execPath,
        [
          ...[MAIN, 'sidecar', '--gate', `127.0.0.1:${port}`, '--listen', '127.0.0.1:0'],
          ...['--role', 'job', '--ca', path.join(authority.dir, 'ca.crt')],
          ...['--keep-alive', String(IDLE_SECONDS)],
        ],
        {
          env: { ...process.env, BITBUCKET_STEP_OIDC_TOKEN: issuer.mint() },
          stdio: ['ignore', 'ignore', 'pipe'],
        },
      );
      const [line] = (await once(sidecar.stderr!, 'data')) as [Buffer];
      const sidecarPort = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(line.toString())?.[1]);
      const app = await RawClient.connect(sidecarPort);
      sockets.push(app.socket);
      await app.startup();
      await expectKeptAlive(({ localPort }) => localPort === sidecarPort, 1);
      const own = secured.localPort;
      const bySidecar = ({ localPort, remotePort }: TcpTimer): boolean =>
        remotePort === port && localPort !== own;
      await expectKeptAlive(bySidecar, 1);
    });

    it('over TLS towards nodes', async () => {
      const issued = authority.issue();
      const node = tls.createServer({ cert: issued.cert, key: issued.key });
      await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve));
      const { port } = node.address() as net.AddressInfo;
      const dial = dialTls(() => ({ ca: authority.pem }), 'localhost', IDLE_SECONDS * 1000);
      const socket = dial('127.0.0.1', port);
      sockets.push(socket);
      await once(socket, 'secureConnect');
      await expectKeptAlive(({ remotePort }) => remotePort === port, 1);
      socket.destroy();
      node.close();
    });
  },
);

describe('the time until then', () => {
  it.each([
    [60_000, 60_000],
    [1, 1_000],
  ])('of %i ms is %i, since the kernel counts in seconds', (idleMs, delayMs) => {
    expect(keepAliveOptions(idleMs)).toEqual({ keepAlive: true, keepAliveInitialDelay: delayMs });
  });
});
