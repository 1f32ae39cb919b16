// Behind a load balancer that speaks the PROXY protocol: whose connection it is may be said by the balancer, and by nobody
// else; and it opens nothing.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest';
import { cidrProblem } from '../../src/config/cidr.ts';
import { SESSION } from '../../src/limits/session.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { ProxySources } from '../../src/session/proxy-sources.ts';
import { plaintextProblem } from '../../src/session/transport.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { haproxyCommand, passOn } from '../support/haproxy.ts';
import { proxyHeader, tlv } from '../support/proxy-header.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedCluster } from '../support/scripted-cluster.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import { TestGate } from '../support/gate.ts';

const ROLES = { job: { grants: ['SELECT ON KEYSPACE shop'] } };
const SOURCE = ['198.51.100.7', 4711] as const;

let gate: ScriptedGate | null = null;
let authority: CertificateAuthority;
let dir: string;
const sockets: net.Socket[] = [];

beforeAll(async () => {
  authority = new CertificateAuthority();
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-proxy-'));
  const { cert, key } = authority.issue();
  await writeFile(path.join(dir, 'tls.crt'), cert);
  await writeFile(path.join(dir, 'tls.key'), key, { mode: 0o600 });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gate?.close();
  gate = null;
});

afterAll(async () => {
  authority?.remove();
  await rm(dir, { recursive: true });
});

async function start(
  listen: Record<string, unknown> = { proxyProtocol: ['127.0.0.0/8'] },
  limits: Record<string, number> = {},
): Promise<ScriptedGate> {
  gate = await ScriptedGate.start(ROLES, {
    listen: { host: '127.0.0.1', port: 0, ...listen },
    limits,
  });
  return gate;
}

const TLS = () => ({ cert: path.join(dir, 'tls.crt'), key: path.join(dir, 'tls.key') });

async function connected(host?: string): Promise<net.Socket> {
  const socket = net.connect({
    port: gate!.port,
    host: '127.0.0.1',
    noDelay: true,
    ...(host === undefined ? {} : { localAddress: host }),
  });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function closed(socket: net.Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!socket.destroyed) await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(chunks);
}

/** An ERROR with the code of PROTOCOL_ERROR, and nothing else. */
function isProtocolError(bytes: Buffer): boolean {
  return (
    bytes[4] === Opcode.ERROR &&
    bytes.readInt32BE(9) === 0x000a &&
    bytes.length === 9 + bytes.readInt32BE(5)
  );
}

/** The address that the ledger has of the session that logs in over this socket. */
async function addressOf(socket: net.Socket): Promise<string> {
  const client = RawClient.over(socket);
  const answer = await client.logIn('job', gate!.files.issuer.mint());
  expect(errorOf(answer)).toBeNull();
  client.close();
  const record = await gate!.files.record(({ kind }) => kind === 'session_end');
  return record.client.address as string;
}

const FAULTY: readonly (readonly [string, Buffer])[] = [
  ['no header', encodeFrame({ version: 4, opcode: Opcode.OPTIONS, streamId: 1, body: null })],
  ['version 1', Buffer.from('PROXY TCP4 198.51.100.7 127.0.0.1 4711 9042\r\n')],
  ['a UNIX socket', proxyHeader({ family: 0x31, addresses: Buffer.alloc(216) })],
  ['a kind that nobody knows', proxyHeader({ family: 0, addresses: Buffer.alloc(12) })],
  ['an unknown command', proxyHeader({ command: 5, source: SOURCE })],
  ['half a TLV', proxyHeader({ source: SOURCE, tlvs: [Buffer.from([4])] })],
  ['64 KiB of TLVs', proxyHeader({ source: SOURCE, tlvs: [tlv(4, Buffer.alloc(60_000))] })],
];

describe('a listed load balancer', () => {
  it('says whose connection it is: in the records, and for all that is counted by source', async () => {
    await start();
    const socket = await connected();
    socket.write(proxyHeader({ source: SOURCE, tlvs: [tlv(4, Buffer.alloc(8))] }));
    expect(await addressOf(socket)).toBe('198.51.100.7:4711');
  });

  it('says it in any pieces, with the first frame right behind', async () => {
    await start();
    const header = proxyHeader({ source: ['2001:db8::7', 4711] });
    const options = encodeFrame({ version: 4, opcode: Opcode.OPTIONS, streamId: 1, body: null });
    const all = Buffer.concat([header, options]);
    for (const at of [1, 12, 16, header.length - 1, header.length, header.length + 3, all.length]) {
      const socket = await connected();
      const client = RawClient.over(socket);
      socket.write(all.subarray(0, at));
      await new Promise((resolve) => setTimeout(resolve, 10));
      socket.write(all.subarray(at));
      expect((await client.next())?.opcode).toBe(Opcode.SUPPORTED);
    }
  });

  it('sends LOCAL for its own checks, and then is the client itself', async () => {
    await start();
    const socket = await connected();
    socket.write(proxyHeader({ command: 0, source: SOURCE }));
    const { localPort } = socket;
    expect(await addressOf(socket)).toBe(`127.0.0.1:${localPort}`);
  });

  it.each(FAULTY)('is closed with %s, without an answer', async (_what, bytes) => {
    await start();
    const socket = await connected();
    socket.write(bytes);
    expect(await closed(socket)).toHaveLength(0);
    await gate!.logged(/its PROXY header was not taken/);
  });

  it('is closed with the header of another behind its own', async () => {
    await start();
    const socket = await connected();
    socket.write(
      Buffer.concat([proxyHeader({ source: SOURCE }), proxyHeader({ source: ['127.0.0.1', 1] })]),
    );
    expect(isProtocolError(await closed(socket))).toBe(true);
  });

  it('is closed where the header does not come in time', async () => {
    await start(undefined, { handshakeTimeoutMs: 100 });
    const socket = await connected();
    socket.write(proxyHeader({ source: SOURCE }).subarray(0, 20));
    const sinceMs = performance.now();
    expect(await closed(socket)).toHaveLength(0);
    // One look of the clock's later than the time given, and a busy machine.
    expect(performance.now() - sinceMs).toBeLessThan(SESSION.tickMs + 5_000);
  });

  it('has its clients bounded each by itself', async () => {
    await start(undefined, { unauthenticatedPerSource: 2 });
    const first = await connected();
    first.write(proxyHeader({ source: SOURCE }));
    const gone = closed(first);
    const others = await Promise.all(
      [1, 2].map(async (i) => {
        const socket = await connected();
        socket.write(proxyHeader({ source: [`198.51.100.${100 + i}`, 1] }));
        return socket;
      }),
    );
    for (let i = 0; i < 2; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      (await connected()).write(proxyHeader({ source: [SOURCE[0], 5_000 + i] }));
    }
    await gone;
    expect(others.every((socket) => !socket.destroyed)).toBe(true);
  });

  it('comes before TLS', async () => {
    await start({ proxyProtocol: ['127.0.0.0/8'], tls: TLS() });
    for (const split of [false, true]) {
      const socket = await connected();
      socket.write(proxyHeader({ source: SOURCE }));
      if (split) await new Promise((resolve) => setTimeout(resolve, 20));
      const secured = tls.connect({ socket, ca: authority.pem, servername: 'localhost' });
      await new Promise((resolve, reject) => {
        secured.once('secureConnect', resolve);
        secured.once('error', reject);
      });
      if (!split) expect(await addressOf(secured)).toBe('198.51.100.7:4711');
      secured.destroy();
    }
    // And not within.
    const bare = await connected();
    const secured = tls.connect({ socket: bare, ca: authority.pem, servername: 'localhost' });
    secured.on('error', () => undefined);
    await closed(bare);
  });
});

describe('an address that is not listed', () => {
  it.each([
    ['from elsewhere in the list', { proxyProtocol: ['127.0.0.2'] }],
    ['where there is no list', {}],
  ])('gets a protocol error for its header, as for any garbage (%s)', async (_what, listen) => {
    await start(listen);
    const socket = await connected('127.0.0.1');
    socket.write(proxyHeader({ source: SOURCE }));
    expect(isProtocolError(await closed(socket))).toBe(true);
    // Without one it is served as ever.
    expect(await addressOf(await connected('127.0.0.1'))).toMatch(/^127\.0\.0\.1:/);
  });
});

describe('with two workers', () => {
  it('each demands the header, and takes the address from it', async () => {
    const cluster = await ScriptedCluster.start(['dc1']);
    const files = await TestGate.start({
      contactPoint: cluster.name(0),
      roles: ROLES,
      config: {
        listen: { host: '127.0.0.1', port: 0, proxyProtocol: ['127.0.0.0/8'] },
        cluster: { contactPoints: [cluster.name(0)], allowUntested: true },
        workers: 2,
      },
    });
    try {
      const connect = async (): Promise<net.Socket> => {
        const socket = net.connect({ port: files.port, host: '127.0.0.1' });
        socket.on('error', () => undefined);
        sockets.push(socket);
        await new Promise((resolve) => socket.once('connect', resolve));
        return socket;
      };
      const served = async (worker: number): Promise<boolean> =>
        (await files.ledgerText(`worker-${worker}`)).includes('"session_end"');
      const listening = (): number => files.output.join('').split('listening on').length - 1;
      await expect.poll(listening, { timeout: 30_000 }).toBe(2);
      // They are connected to in turns, by three a round.
      for (let n = 1; n <= 4; n++) {
        for (const bare of [await connect(), await connect()]) {
          bare.write(FAULTY[0]![1]);
          expect(await closed(bare)).toEqual(Buffer.alloc(0));
        }
        const address = `198.51.100.${n}`;
        const socket = await connect();
        socket.write(proxyHeader({ source: [address, 4711] }));
        const client = RawClient.over(socket);
        expect(errorOf(await client.logIn('job', files.issuer.mint()))).toBeNull();
        client.close();
        await files.record(
          (record) => record.kind === 'session_end' && record.client.address === `${address}:4711`,
        );
      }
      expect([await served(1), await served(2)]).toEqual([true, true]);
    } finally {
      await files.close();
      await cluster.close();
    }
  }, 60_000);
});

describe('the privilege of this machine', () => {
  const rules = { isTlsOn: false, allowPlaintext: false };
  it('is told by the socket: a header that says loopback opens nothing', async () => {
    const elsewhere = new net.Socket();
    Object.defineProperty(elsewhere, 'remoteAddress', { value: '10.0.0.1' });
    // Sessions ask the socket, and it alone (transport.ts); the header's address is never asked.
    expect(plaintextProblem(elsewhere, rules)).not.toBeNull();
    await start();
    const socket = await connected();
    socket.write(proxyHeader({ source: SOURCE }));
    // A balancer on this machine: its socket is on loopback, whatever it says.
    expect(await addressOf(socket)).toBe('198.51.100.7:4711');
  });
});

describe('the list', () => {
  it('knows ranges of both families, and IPv4 in the clothes of IPv6', () => {
    const sources = new ProxySources(['10.0.0.0/8', '192.0.2.7', 'fd00::/8', '2001:db8::1']);
    for (const one of [
      '10.255.0.1',
      '::ffff:10.1.2.3',
      '::FFFF:192.0.2.7',
      'fd12::9',
      '2001:db8::1',
    ]) {
      expect([one, sources.has(one)]).toEqual([one, true]);
    }
    for (const one of [
      '11.0.0.1',
      '192.0.2.8',
      '::ffff:11.0.0.1',
      'fe80::1%eth0',
      '2001:db8::2',
      '',
      'x',
      undefined,
    ]) {
      expect([one, sources.has(one)]).toEqual([one, false]);
    }
  });

  it.each([
    ['10.0.0.0/8', null],
    ['10.0.0.1', null],
    ['fd00::/8', null],
    ['::/0', null],
    ['10.0.0.1/8', /did you mean 10\.0\.0\.0\/8/],
    ['fd00::1/64', /did you mean fd00::\/64/],
    ['10.0.0.0/33', /write a range/],
    ['10.0.0.0/', /write a range/],
    ['10.0.0/8', /write a range/],
    ['010.0.0.0/8', /write a range/],
    ['10.0.0.0/8/8', /write a range/],
    ['::ffff:10.0.0.0/104', /write a range/],
    ['::ffff:a00:0/104', /write a range/],
    ['fe80::1%eth0', /write a range/],
    ['balancer.example.com', /write a range/],
    ['', /write a range/],
  ])('%s is configured, or why not', (text, problem) => {
    if (problem === null) expect(cidrProblem(text)).toBeNull();
    else expect(cidrProblem(text)).toMatch(problem);
  });
});

const noHaproxy = haproxyCommand() === null;
if (noHaproxy) console.warn('skipped: HAProxy is not installed (Debian: apt-get install haproxy)');

describe.skipIf(noHaproxy)('HAProxy with send-proxy-v2', () => {
  it.each([
    ['plain', false],
    ['TLS', true],
  ])('is a load balancer that is understood: %s', async (_what, isTls) => {
    await start({ proxyProtocol: ['127.0.0.1'], ...(isTls ? { tls: TLS() } : {}) });
    const port = await freePort();
    const balancer = await passOn(
      port,
      gate!.port,
      'send-proxy-v2 check check-send-proxy inter 1s',
    );
    try {
      const plain = net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.9' });
      sockets.push(plain);
      const socket = isTls
        ? tls.connect({ socket: plain, ca: authority.pem, servername: 'localhost' })
        : plain;
      await new Promise((resolve, reject) => {
        socket.once(isTls ? 'secureConnect' : 'connect', resolve);
        socket.once('error', reject);
      });
      const { localPort } = plain;
      expect(await addressOf(socket)).toBe(`127.0.0.9:${localPort}`);
    } finally {
      await balancer.close();
    }
  });
});
