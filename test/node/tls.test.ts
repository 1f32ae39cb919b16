// Clients over TLS: drivers as they are, certificates asked for and renewed, plaintext told, and what
// is neither cut off.
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { auth, Client } from 'cassandra-driver';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CqlErrorCode } from '../../src/protocol/error-codes.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { shell } from '../support/cqlsh.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, failure, noNode, through } from '../support/nodes.ts';
import { missingForPython, runScenario } from '../support/python.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';

const ROLES = { reader: { grants: ['SELECT ON KEYSPACE orders'] } };
const python = missingForPython();

let authority: CertificateAuthority;
let dir: string;

beforeAll(async () => {
  authority = new CertificateAuthority();
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-tls-'));
  await writeFile(path.join(dir, 'ca.crt'), authority.pem);
});
afterAll(async () => {
  authority.remove();
  await rm(dir, { recursive: true });
});

async function put(name: string, issued = authority.issue()) {
  const files = { cert: path.join(dir, `${name}.crt`), key: path.join(dir, `${name}.key`) };
  await writeFile(files.cert, issued.cert);
  await writeFile(files.key, issued.key);
  return files;
}

function driver(gate: TestGate, options: tls.ConnectionOptions | null): Client {
  return new Client({
    contactPoints: [`127.0.0.1:${gate.port}`],
    localDataCenter: 'datacenter1',
    authProvider: new auth.PlainTextAuthProvider('reader', gate.issuer.mint()),
    ...(options === null ? {} : { sslOptions: options }),
  });
}

/** A TLS socket, once its handshake is done; rejects where it fails. */
async function secure(gate: TestGate, options: tls.ConnectionOptions = {}): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: '127.0.0.1',
      port: gate.port,
      ca: authority.pem,
      ...options,
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function logIn(gate: TestGate, socket: net.Socket, version = 4): Promise<RawClient> {
  const client = RawClient.over(socket, version);
  const answer = await client.logIn('reader', gate.issuer.mint());
  expect(answer?.opcode).toBe(Opcode.AUTH_SUCCESS);
  return client;
}

describe.skipIf(noNode)('a port that speaks TLS', () => {
  let gate: TestGate;

  beforeAll(async () => {
    gate = await TestGate.start({
      contactPoint,
      roles: ROLES,
      config: {
        listen: { host: '127.0.0.1', port: 0, tls: await put('listen') },
        admin: { port: 0 },
        limits: { handshakeTimeoutMs: 2_000 },
      },
    });
  });
  afterAll(async () => gate?.close());

  const metric = async (line: RegExp): Promise<string | undefined> => {
    const response = await fetch(`http://127.0.0.1:${gate.adminPort}/metrics`);
    return (await response.text()).split('\n').find((one) => line.test(one));
  };

  it('serves the Node driver, and the record says by what', async () => {
    const client = driver(gate, { ca: [authority.pem] });
    await client.connect();
    const { rows } = await client.execute('SELECT release_version FROM system.local');
    expect(rows).toHaveLength(1);
    await client.shutdown();
    const record = await gate.record((one) => one.kind === 'session_start');
    expect(record.client.tls).toMatch(/^TLSv1\.3 TLS_/);
    expect(record.client.certificate_sha256).toBeUndefined();
  });

  it.each([4, 5])('serves frames of many sizes in protocol v%i', async (version) => {
    const client = await logIn(gate, await secure(gate), version);
    for (const length of [1, 1_000, 20_000, 200_000]) {
      const text = `SELECT /* ${'x'.repeat(length)} */ * FROM system.local`;
      expect(errorOf(await client.query(text))).toBeNull();
    }
    client.close();
  });

  it.skipIf(python !== null).each([4, 5])('serves the Python driver, v%i', async (version) => {
    const ca = path.join(dir, 'ca.crt');
    const target = { port: gate.port, username: 'reader', password: gate.issuer.mint() };
    const result = await runScenario('negotiate', { ...target, version, compression: '', ca });
    expect(result.release).toMatch(/^5\./);
  });

  it.skipIf(python !== null)('serves cqlsh --ssl', async () => {
    await writeFile(
      path.join(dir, 'cqlshrc'),
      `[ssl]\ncertfile = ${dir}/ca.crt\nvalidate = true\n`,
    );
    const credentials = `[PlainTextAuthProvider]\nusername = reader\npassword = ${gate.issuer.mint()}\n`;
    await writeFile(path.join(dir, 'credentials'), credentials, { mode: 0o600 });
    const line = `cqlsh localhost ${gate.port} --ssl --cqlshrc ${dir}/cqlshrc --credentials ${dir}/credentials --no-color`;
    const { stdout, stderr } = await shell(line, {
      input: 'SELECT cluster_name FROM system.local;\n',
      cwd: dir,
      home: dir,
    });
    expect(stderr).toBe('');
    expect(stdout).toContain('cqlgate-test');
  });

  it('tells a plaintext client what to do, before it sends its token', async () => {
    const client = await RawClient.connect(gate.port);
    expect((await client.request(Opcode.OPTIONS, null))?.opcode).toBe(Opcode.SUPPORTED);
    const answer = await client.startup();
    expect(errorOf(answer)).toEqual({
      code: CqlErrorCode.AUTH_ERROR,
      message: expect.stringContaining('speaks TLS only') as string,
    });
    expect(await client.next()).toBeNull();
    const plain = driver(gate, null);
    const error = await failure(plain.connect());
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).toContain('speaks TLS only');
    await plain.shutdown();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('takes %s', async (version) => {
    const socket = await secure(gate, { minVersion: version, maxVersion: version });
    expect(socket.getProtocol()).toBe(version);
    socket.destroy();
  });

  it('refuses TLS 1.1, and counts it', async () => {
    const old = {
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    await expect(secure(gate, old)).rejects.toThrow();
    expect(await metric(/^cqlgate_tls_failures_total\{.*ERR_SSL/)).toBeDefined();
  });

  it('cuts off who does not finish the handshake, and garbage that begins like one', async () => {
    const hello = Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00]);
    for (const bytes of [Buffer.alloc(0), hello, Buffer.concat([hello, Buffer.alloc(2_000, 7)])]) {
      const socket = net.connect(gate.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      if (bytes.length > 0) socket.write(bytes);
      await new Promise((resolve) => socket.once('close', resolve));
    }
    const client = await logIn(gate, await secure(gate));
    client.close();
    expect(await metric(/^cqlgate_unauthenticated_connections 0/)).toBeDefined();
  });

  it('reads a handshake that comes byte by byte', async () => {
    const relay = net.createServer((from) => {
      const to = net.connect(gate.port, '127.0.0.1');
      to.setNoDelay(true);
      to.on('error', () => undefined);
      from.on('error', () => undefined);
      to.pipe(from);
      from.on('data', (chunk: Buffer) => {
        for (const byte of chunk) to.write(Buffer.from([byte]));
      });
      from.on('close', () => to.destroy());
    });
    await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
    const { port } = relay.address() as net.AddressInfo;
    const client = await logIn(gate, await secure(gate, { port }));
    expect(errorOf(await client.query('SELECT * FROM system.local'))).toBeNull();
    client.close();
    relay.close();
  });

  it('shows a renewed certificate to new clients, and keeps the old ones', async () => {
    const before = await secure(gate);
    const old = before.getPeerCertificate().fingerprint256;
    const client = await logIn(gate, before);
    await writeFile(path.join(dir, 'listen.key'), 'half of a change');
    await gate.logged(/the changed files are not valid/);
    (await secure(gate)).destroy();
    await put('listen');
    await gate.logged(/listen\.tls: new certificates are in use/);
    const after = await secure(gate);
    expect(after.getPeerCertificate().fingerprint256).not.toBe(old);
    expect(errorOf(await client.query('SELECT * FROM system.local'))).toBeNull();
    after.destroy();
    client.close();
    expect(
      await metric(/^cqlgate_certificate_expiry_seconds\{which="listen"\} \d{4,}/),
    ).toBeDefined();
  });
});

describe.skipIf(noNode)('a port that asks for client certificates', () => {
  let gate: TestGate;

  beforeAll(async () => {
    const clientCa = path.join(dir, 'ca.crt');
    gate = await TestGate.start({
      contactPoint,
      roles: ROLES,
      config: {
        listen: { host: '127.0.0.1', port: 0, tls: { ...(await put('mutual')), clientCa } },
      },
    });
  });
  afterAll(async () => gate?.close());

  it('lets in who has one, token and all, and records which', async () => {
    const own = authority.issue({ name: 'runner-7' });
    const socket = await secure(gate, own);
    const client = await logIn(gate, socket);
    client.close();
    const record = await gate.record((one) => one.kind === 'session_start');
    expect(record.client.certificate_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('does not let in who has none, or one of another CA', async () => {
    const foreign = new CertificateAuthority();
    for (const options of [{}, foreign.issue()]) {
      const socket = await secure(gate, { ...options, maxVersion: 'TLSv1.2' }).catch(() => null);
      expect(socket).toBeNull();
      // In TLS 1.3 the client learns of it with its first read.
      const later = await secure(gate, options);
      const client = RawClient.over(later);
      expect(await client.startup()).toBeNull();
    }
    foreign.remove();
  });

  it('still wants a token', async () => {
    const client = RawClient.over(await secure(gate, authority.issue()));
    const answer = await client.logIn('reader', 'no token');
    expect(errorOf(answer)?.code).toBe(CqlErrorCode.AUTH_ERROR);
  });
});

describe.skipIf(noNode)('a port without TLS', () => {
  it('answers a TLS client as what it is not, and goes on', async () => {
    const gate = await TestGate.start({ contactPoint, roles: ROLES });
    await expect(secure(gate)).rejects.toThrow();
    const client = await through(gate);
    await client.shutdown();
    await gate.close();
  });
});
