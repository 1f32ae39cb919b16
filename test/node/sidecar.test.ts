// An application that knows nothing of tokens, through a sidecar, TLS and a gate to the real node.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { auth, Client, type ClientOptions } from 'cassandra-driver';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { CertificateAuthority } from '../support/certificates.ts';
import { TestGate } from '../support/gate.ts';
import { contactPoint, direct, failure, noNode } from '../support/nodes.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { Sidecar } from '../support/sidecar.ts';

const MAIN = path.resolve(import.meta.dirname, '../../dist/main.js');
const PIPELINE = '{11111111-2222-3333-4444-555555555555}';
const COMMIT = '0123456789abcdef0123456789abcdef01234567';

describe.skipIf(noNode)('a sidecar', () => {
  let authority: CertificateAuthority;
  let gate: TestGate;
  let args: string[];
  const running: Sidecar[] = [];
  const clients: Client[] = [];

  beforeAll(async () => {
    const superuser = await direct();
    await superuser.execute(
      "CREATE KEYSPACE IF NOT EXISTS beside WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    await superuser.shutdown();
    authority = new CertificateAuthority();
    gate = await TestGate.start({
      contactPoint,
      roles: {
        app: {
          grants: ['CREATE, SELECT, MODIFY ON KEYSPACE beside'],
          where: { branchName: 'main' },
        },
      },
      prepare: async (dir) => {
        const { cert, key } = authority.issue();
        await writeFile(path.join(dir, 'tls.crt'), cert);
        await writeFile(path.join(dir, 'tls.key'), key);
        await writeFile(path.join(dir, 'ca.crt'), authority.pem);
      },
      config: {
        listen: { host: '127.0.0.1', port: 0, tls: { cert: 'tls.crt', key: 'tls.key' } },
        advertise: { host: '127.0.0.1', port: 9999, peers: ['127.0.0.2:9999'] },
      },
    });
    args = ['--gate', `127.0.0.1:${gate.port}`, '--ca', path.join(gate.dir, 'ca.crt')];
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map(async (client) => client.shutdown()));
    await Promise.all(running.splice(0).map(async (one) => one.stop()));
  });

  afterAll(async () => {
    await gate?.close();
    authority?.remove();
  });

  const token = (branchName = 'main') => gate.issuer.mint({ branchName, pipelineUuid: PIPELINE });

  async function start(more: readonly string[] = [], env: Record<string, string> = {}) {
    const sidecar = await Sidecar.start([...args, ...more], {
      BITBUCKET_STEP_OIDC_TOKEN: token(),
      BITBUCKET_COMMIT: COMMIT,
      BITBUCKET_BRANCH: 'main',
      BITBUCKET_BUILD_NUMBER: '42',
      ...env,
    });
    running.push(sidecar);
    return sidecar;
  }

  /** As an application has it that was written for a Cassandra without authentication. */
  function application({ port }: Sidecar, options: Partial<ClientOptions> = {}): Client {
    const client = new Client({
      contactPoints: [`127.0.0.1:${port}`],
      localDataCenter: 'datacenter1',
      ...options,
    });
    clients.push(client);
    return client;
  }

  it('lets an application without credentials write and read, and the ledger names its pipeline', async () => {
    const sidecar = await start(['--wait', '10']);
    const client = application(sidecar);
    await client.execute('CREATE TABLE beside.hello (k int PRIMARY KEY, v text)');
    const insert = 'INSERT INTO beside.hello (k, v) VALUES (?, ?)';
    await client.execute(insert, [1, 'world'], { prepare: true });
    const { rows } = await client.execute('SELECT v FROM beside.hello WHERE k = 1');
    expect(rows[0]?.['v']).toBe('world');
    const record = await gate.record(
      ({ kind, statement }) => kind === 'decision' && statement?.kind === 'CREATE TABLE',
    );
    expect(record.principal.pipeline_uuid).toContain(PIPELINE.slice(1, -1));
    expect(record.vcs).toMatchObject({ commit: COMMIT, source: 'hint', verified: false });
  });

  it('is the only node that a driver hears of', async () => {
    const sidecar = await start();
    const client = application(sidecar);
    await client.connect();
    const hosts = client.hosts.values().map(({ address }) => address);
    expect(hosts).toEqual([`127.0.0.1:${sidecar.port}`]);
    const { rows } = await client.execute('SELECT * FROM system.peers');
    expect(rows).toHaveLength(0);
    const local = await client.execute('SELECT rpc_address, rpc_port FROM system.local');
    expect(String(local.rows[0]?.['rpc_address'])).toBe('127.0.0.1');
  });

  it.each([
    [4, {}],
    [5, {}],
    [5, { COMPRESSION: 'lz4' }],
    [4, { COMPRESSION: 'lz4' }],
  ])('carries protocol v%i with %o', async (version, options) => {
    const sidecar = await start();
    const raw = await RawClient.connect(sidecar.port, version);
    const answer = await raw.startup({ CQL_VERSION: '3.0.0', ...options });
    expect(answer?.opcode).toBe(Opcode.READY);
    const long = `SELECT key FROM system.local /* ${'filled '.repeat(1_000)} */`;
    expect(errorOf(await raw.query(long))).toBeNull();
    expect((await raw.query('SELECT * FROM billing.t'))?.opcode).toBe(Opcode.ERROR);
    raw.close();
  });

  it('asks for its password where it has one', async () => {
    const file = path.join(gate.dir, 'password');
    await writeFile(file, 'correct horse\n');
    const sidecar = await start(['--password-file', file]);
    const wrong = new auth.PlainTextAuthProvider('any', 'horse');
    const refused = await failure(application(sidecar, { authProvider: wrong }).connect());
    expect(JSON.stringify(refused)).toContain('--password-file');
    const right = new auth.PlainTextAuthProvider('any', 'correct horse');
    const client = application(sidecar, { authProvider: right });
    await client.execute('SELECT key FROM system.local');
    for (const version of [4, 5]) {
      const raw = await RawClient.login(sidecar.port, 'any', 'correct horse', version);
      expect(errorOf(await raw.query('SELECT key FROM system.local'))).toBeNull();
      raw.close();
    }
  });

  it('tells the step why its token is refused, and the application too', async () => {
    const feature = { BITBUCKET_STEP_OIDC_TOKEN: token('feature/x') };
    await expect(start(['--wait', '10'], feature)).rejects.toThrow(/exit 1: .*No role is bound/s);
    const sidecar = await start([], feature);
    const raw = await RawClient.connect(sidecar.port);
    expect(errorOf(await raw.startup())?.message).toContain('No role is bound');
    expect(sidecar.text).toContain('refused: No role is bound');
    expect(sidecar.text).not.toContain(feature.BITBUCKET_STEP_OIDC_TOKEN);
  });

  it('reads a token file anew for each login, and says what to do where there is no token', async () => {
    const file = path.join(gate.dir, 'token');
    await writeFile(file, '');
    const sidecar = await start(['--token-file', file]);
    const first = await RawClient.connect(sidecar.port);
    expect(errorOf(await first.startup())?.message).toContain('holds no token');
    await writeFile(file, `${token()}\n`);
    const second = await RawClient.connect(sidecar.port);
    expect((await second.startup())?.opcode).toBe(Opcode.READY);
    second.close();
    await expect(start(['--wait', '5'], { BITBUCKET_STEP_OIDC_TOKEN: '' })).rejects.toThrow(
      /oidc: true/,
    );
  });

  it('says that the gate can not be reached, and waits no longer than it was told', async () => {
    await expect(
      Sidecar.start(['--gate', '127.0.0.1:1', '--plaintext', '--wait', '1'], {
        BITBUCKET_STEP_OIDC_TOKEN: 'x',
      }),
    ).rejects.toThrow(/exit 1: the gate does not answer/);
  });

  it.each([
    [['--listen', '0.0.0.0:9042'], 'on this machine only'],
    [['--gate', 'gate.example.com:9042', '--plaintext'], 'would send the token over a network'],
    [['--gate', 'nowhere'], 'write it as host:port'],
  ])('refuses %j', async (more, why) => {
    const run = promisify(execFile)(process.execPath, [MAIN, 'sidecar', ...args, ...more]);
    await expect(run).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining(why) });
  });

  it.each([
    [[process.execPath, '-e', 'process.exit(7)'], 7],
    [['sh', '-c', 'kill -9 $$'], 137],
    [['true'], 0],
  ])('runs %j and ends with its exit code', async (command, code) => {
    const line = [MAIN, 'sidecar', '--listen', '127.0.0.1:0', ...args, '--', ...command];
    const child = spawn(process.execPath, line, {
      env: { ...process.env, BITBUCKET_STEP_OIDC_TOKEN: token() },
      stdio: 'ignore',
    });
    expect(await once(child, 'exit')).toEqual([code, null]);
  });

  it('tells its command where Cassandra is, and hands a signal on to it', async () => {
    const script = `
      process.on('SIGTERM', () => process.exit(9));
      const { CASSANDRA_HOST: host, CASSANDRA_PORT: port } = process.env;
      require('node:net').connect(+port, host, () => console.log('reached'));`;
    const line = [MAIN, 'sidecar', '--listen', '127.0.0.1:0', ...args, '--'];
    const child = spawn(process.execPath, [...line, process.execPath, '-e', script], {
      env: { ...process.env, BITBUCKET_STEP_OIDC_TOKEN: token() },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    expect(said.toString()).toBe('reached\n');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([9, null]);
  });

  it('starts no command where the gate refuses the token, or the command is not there', async () => {
    const run = async (command: string, presented: string) =>
      promisify(execFile)(
        process.execPath,
        [MAIN, 'sidecar', '--listen', '127.0.0.1:0', ...args, '--', command, 'started'],
        { env: { ...process.env, BITBUCKET_STEP_OIDC_TOKEN: presented } },
      );
    await expect(run('echo', token('feature/x'))).rejects.toMatchObject({ code: 1, stdout: '' });
    await expect(run('no-such-program', token())).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no-such-program'),
    });
  });

  const isThere = (pid: number): boolean => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };

  /** Process ids of a sidecar and of its command, where it has one, whose parent ends after 3 s. */
  async function startedByStep(more: string): Promise<number[]> {
    const line = [process.execPath, MAIN, 'sidecar', '--listen', '127.0.0.1:0', ...args].join(' ');
    const step = spawn('sh', ['-c', `${line} ${more} & echo $!; sleep 3`], {
      env: { ...process.env, BITBUCKET_STEP_OIDC_TOKEN: token() },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    step.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await once(step, 'exit');
    return said.trim().split('\n').map(Number);
  }

  it.each([
    ['', 1],
    ["-- sh -c 'echo $$; exec sleep 60'", 2],
    // Deaf to the signal: it is left, without a door.
    [`-- sh -c 'trap "" TERM; sleep 6'`, 1],
  ])('ends with the process that started it (%s)', async (more, count) => {
    const pids = await startedByStep(more);
    expect(pids).toHaveLength(count);
    await expect.poll(() => pids.filter(isThere), { timeout: 2_500 }).toEqual([]);
  });

  it('ends with its parent while it waits for the gate too', async () => {
    const stuck = net.createServer().listen(0, '127.0.0.1');
    await once(stuck, 'listening');
    const { port } = stuck.address() as net.AddressInfo;
    const [pid] = await startedByStep(`--gate 127.0.0.1:${port} --plaintext --wait 60`);
    await expect.poll(() => isThere(pid!), { timeout: 2_500 }).toBe(false);
    stuck.close();
  });
});
