// Honest readers over a link of 100 Mbit/s, with far more in flight than it carries in a moment: they get every answer,
// whatever protocol, TLS or sidecar is in between.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { FrameViews } from '../../src/protocol/frame-views.ts';
import { encodeQuery } from '../../src/protocol/messages/query.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../../src/protocol/segment.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, noNode } from '../support/nodes.ts';
import { missingForPython, runScenario } from '../support/python.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { SlowLink } from '../support/slow-link.ts';

const MIB = 1024 * 1024;
const BYTES_PER_SECOND = 100_000_000 / 8;
const READS = 60;
/** Of the other ways, all at once: the test's node has little memory for answers. */
const READS_EACH = 15;
const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');

const missing = missingForPython();
const links: SlowLink[] = [];
let authority: CertificateAuthority;
let plain: TestGate;
let secure: TestGate;
let sidecar: ChildProcess | null = null;
let sidecarPort = 0;

async function link(port: number): Promise<number> {
  const made = await SlowLink.start(port, BYTES_PER_SECOND);
  links.push(made);
  return made.port;
}

const roles = { reader: { grants: ['SELECT ON KEYSPACE slow_reader'] } };

beforeAll(async () => {
  if (noNode) return;
  const superuser = await direct();
  await superuser.execute(
    "CREATE KEYSPACE IF NOT EXISTS slow_reader WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
  );
  await superuser.execute('CREATE TABLE IF NOT EXISTS slow_reader.t (k int PRIMARY KEY, v blob)');
  for (const [k, bytes] of [
    [1, 2 * MIB],
    [2, 900 * 1024],
  ] as const) {
    await superuser.execute(
      'INSERT INTO slow_reader.t (k, v) VALUES (?, ?)',
      [k, randomBytes(bytes)],
      {
        prepare: true,
      },
    );
  }
  await superuser.shutdown();
  authority = new CertificateAuthority();
  const issued = authority.issue();
  plain = await TestGate.start({ contactPoint, roles });
  secure = await TestGate.start({
    contactPoint,
    roles,
    issuer: plain.issuer,
    prepare: async (dir) => {
      await writeFile(path.join(dir, 'gate.crt'), issued.cert);
      await writeFile(path.join(dir, 'gate.key'), issued.key, { mode: 0o600 });
    },
    config: {
      listen: { host: '127.0.0.1', port: 0, tls: { cert: 'gate.crt', key: 'gate.key' } },
    },
  });
  // The link lies between the sidecar and the gate.
  sidecar = spawn(
    process.execPath,
    [
      ...[MAIN, 'sidecar', '--gate', `127.0.0.1:${await link(secure.port)}`],
      ...[
        '--listen',
        '127.0.0.1:0',
        '--role',
        'reader',
        '--ca',
        path.join(authority.dir, 'ca.crt'),
      ],
    ],
    {
      env: { ...process.env, BITBUCKET_STEP_OIDC_TOKEN: plain.issuer.mint() },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const [line] = (await once(sidecar.stderr!, 'data')) as [Buffer];
  sidecarPort = Number(/listening on 127\.0\.0\.1:(\d+)/.exec(line.toString())?.[1]);
});

afterAll(async () => {
  sidecar?.kill('SIGTERM');
  for (const one of links) await one.close();
  await secure?.close();
  await plain?.close();
  authority?.remove();
});

interface Way {
  readonly version: number;
  readonly compression?: string;
  /** The row that is read: large answers are not compressed. */
  readonly key?: number;
  readonly open: (version: number, options: Record<string, string>) => Promise<RawClient>;
}

const throughLink = async (gate: TestGate, version: number, options: Record<string, string>) =>
  RawClient.login(await link(gate.port), 'reader', gate.issuer.mint(), version, options);

async function overTls(version: number, options: Record<string, string>): Promise<RawClient> {
  const socket = tls.connect({
    port: await link(secure.port),
    host: '127.0.0.1',
    ca: authority.pem,
  });
  await once(socket, 'secureConnect');
  const client = RawClient.over(socket, version);
  await client.logIn('reader', secure.issuer.mint(), options);
  return client;
}

/** An application reads slowly from its sidecar, which reads from the gate over the slow link. */
async function bySidecar(version: number, options: Record<string, string>): Promise<RawClient> {
  const client = await RawClient.connect(await link(sidecarPort), version);
  await client.startup({ CQL_VERSION: '3.0.0', ...options });
  return client;
}

const WAYS: Readonly<Record<string, Way>> = {
  v4: { version: 4, open: async (...how) => throughLink(plain, ...how) },
  v5: { version: 5, open: async (...how) => throughLink(plain, ...how) },
  'v5 by LZ4': {
    version: 5,
    compression: 'lz4',
    key: 2,
    open: async (...how) => throughLink(plain, ...how),
  },
  'v4 over TLS': { version: 4, open: overTls },
  'v5 over TLS and LZ4': { version: 5, compression: 'lz4', key: 2, open: overTls },
  'v5 by a sidecar': { version: 5, open: bySidecar },
};

/** All requests in one write; the bytes of all answers. */
async function readAll(
  { version, compression, key = 1, open }: Way,
  reads: number,
): Promise<number[]> {
  const client = await open(version, compression === undefined ? {} : { COMPRESSION: compression });
  const views = new FrameViews();
  if (version === 5) views.segments = compression === undefined ? PLAIN_SEGMENTS : LZ4_SEGMENTS;
  for (let stream = 100; stream < 100 + reads; stream++) {
    const query = `SELECT v FROM slow_reader.t WHERE k = ${key}`;
    const body = encodeQuery({ query, consistency: 1, version });
    views.push(encodeFrame({ version, opcode: Opcode.QUERY, streamId: stream, body }));
  }
  client.write(Buffer.concat(views.take()));
  const sizes: number[] = [];
  for (let i = 0; i < reads; i++) {
    const answer = await client.next();
    if (answer === null) break;
    const problem = errorOf(answer);
    if (problem !== null) throw new Error(`answer ${i}: ${problem.message}`);
    sizes.push(answer.byteLength);
    client.received.length = 0;
  }
  client.close();
  return sizes;
}

describe.skipIf(noNode)('reads in flight over 100 Mbit/s', () => {
  it('are answered, all 60 of them', async () => {
    const sizes = await readAll(WAYS['v4']!, READS);
    expect(sizes.length).toBe(READS);
    expect(Math.min(...sizes)).toBeGreaterThan(2 * MIB);
    expect(plain.output.filter((line) => line.includes('was cut off'))).toEqual([]);
  });

  it('are answered by each other way', async () => {
    const names = Object.keys(WAYS).filter((name) => name !== 'v4');
    const found = await Promise.all(names.map(async (name) => readAll(WAYS[name]!, READS_EACH)));
    names.forEach((name, i) => {
      const least = WAYS[name]!.key === 2 ? 900 * 1024 : 2 * MIB;
      expect(found[i]!.length, name).toBe(READS_EACH);
      expect(Math.min(...found[i]!), name).toBeGreaterThan(least);
    });
  });

  // In v5 this driver loses its place where a read of it ends within the header of a segment (connection.py,
  // _process_segment_buffer): what the gate writes must not be cut there by a link that reads 64 KiB at a time.
  it.skipIf(missing !== null).each([4, 5])(
    'are answered to the Python driver in v%i, all 64',
    async (version) => {
      const target = {
        port: await link(plain.port),
        username: 'reader',
        password: plain.issuer.mint(),
        version,
        compression: '',
      } as const;
      expect(await runScenario('large_reads', target)).toEqual({
        answers: 64,
        bytes: 64 * 2 * MIB,
      });
    },
  );
});
