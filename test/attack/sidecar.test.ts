// A neighbour on a runner that jobs share, at the port of somebody else's sidecar.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commandEnv } from '../../src/commands/sidecar.ts';
import { ADMISSION } from '../../src/limits/identity.ts';
import { SIDECAR } from '../../src/limits/commands.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { encodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { SidecarServer, type ServerOptions } from '../../src/sidecar/server.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

const PASSWORD = 'correct horse';

let gate: ScriptedNode;
let connects: number;
/** Resolves with the token, once a test lets it. */
let token: Promise<string>;
let refused: string[];
let sidecar: SidecarServer | null = null;
const clients: RawClient[] = [];

beforeEach(async () => {
  gate = await ScriptedNode.start();
  connects = 0;
  token = Promise.resolve('token');
  refused = [];
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await sidecar?.close();
  sidecar = null;
  await gate.close();
});

async function start(admits: ServerOptions['admits']): Promise<number> {
  sidecar = new SidecarServer({
    host: '127.0.0.1',
    port: 0,
    keepAliveMs: 60_000,
    admits,
    connect: () => {
      connects++;
      return net.connect(gate.port, '127.0.0.1');
    },
    token: async () => token,
    role: 'app',
    hints: () => new Map(),
    refused: (message) => refused.push(message),
  });
  return sidecar.listen();
}

async function connect(port: number, version = 4): Promise<RawClient> {
  const client = await RawClient.connect(port, version);
  clients.push(client);
  return client;
}

/** A process of another user that does what `script` says; its lines. */
async function asNobody(script: string, ...args: string[]): Promise<string[]> {
  const child = spawn(process.execPath, ['-e', script, ...args], {
    uid: 65_534,
    gid: 65_534,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  await once(child, 'close');
  return lines;
}

const isRoot = process.platform === 'linux' && process.getuid?.() === 0;
if (!isRoot) console.warn('skipped: only root can run a process as another user');

/** Connects from an address and a port, sends STARTUP, and tells what comes of it. */
const NEIGHBOUR = `
  const [port, localAddress, localPort] = process.argv.slice(1);
  const socket = require('node:net').connect({
    port: +port, host: '127.0.0.1',
    ...(localAddress ? { localAddress } : {}), ...(localPort ? { localPort: +localPort } : {}),
  });
  const body = Buffer.from('0001000b43514c5f56455253494f4e0005332e302e30', 'hex');
  const header = Buffer.from([4, 0, 0, 1, 1, 0, 0, 0, body.length]);
  socket.on('connect', () => socket.write(Buffer.concat([header, body])));
  socket.on('data', (data) => { console.log('answered'); socket.destroy(); });
  socket.on('error', () => undefined);
  socket.on('close', () => console.log('closed'));`;

describe.skipIf(!isRoot)('a process of another user', () => {
  it('is closed from every loopback address, while the own user is let in', async () => {
    const port = await start({ uid: process.getuid!() });
    const own = await connect(port);
    expect((await own.startup())?.opcode).toBe(Opcode.READY);
    // The port of the own user's connection, which is established, at other loopback addresses.
    const { localPort } = own.socket;
    for (const address of ['127.0.0.1', '127.0.0.2', '127.255.255.254']) {
      expect(await asNobody(NEIGHBOUR, String(port), address)).toEqual(['closed']);
      if (address === '127.0.0.1') continue;
      expect(await asNobody(NEIGHBOUR, String(port), address, String(localPort))).toEqual([
        'closed',
      ]);
    }
    expect(connects).toBe(1);
    expect(new Set(refused)).toEqual(new Set(['a connection of user 65534 was closed']));
  });

  it('is closed where the own user left a row of TIME_WAIT behind', async () => {
    const port = await start({ uid: process.getuid!() });
    const own = await connect(port);
    expect((await own.startup())?.opcode).toBe(Opcode.READY);
    const { localPort } = own.socket;
    // Who closes first keeps the row.
    own.socket.end();
    await once(own.socket, 'close');
    await delay(50);
    expect(await asNobody(NEIGHBOUR, String(port), '127.0.0.2', String(localPort))).toEqual([
      'closed',
    ]);
    expect(connects).toBe(1);
  });

  it('gets in with the password, and is slowed by its own guesses only', async () => {
    const port = await start({ password: PASSWORD });
    const guesses = `
      const port = +process.argv[1], net = require('node:net');
      const frame = (opcode, body) =>
        Buffer.concat([Buffer.from([4, 0, 0, 1, opcode, 0, 0, 0, body.length]), body]);
      const startup = frame(1, Buffer.from('0001000b43514c5f56455253494f4e0005332e302e30', 'hex'));
      const sasl = Buffer.from('\\0any\\0wrong');
      const answer = frame(15, Buffer.concat([Buffer.from([0, 0, 0, sasl.length]), sasl]));
      (async () => {
        for (let i = 0; i < ${ADMISSION.freeFailures + 1}; i++) {
          await new Promise((resolve) => {
            const socket = net.connect(port, '127.0.0.1', () => socket.write(startup));
            socket.once('data', () => { socket.write(answer); socket.resume(); });
            socket.on('close', resolve).on('error', () => undefined);
          });
        }
        console.log('done');
      })();`;
    expect(await asNobody(guesses, String(port))).toEqual(['done']);
    expect(refused).toHaveLength(ADMISSION.freeFailures + 1);
    expect(new Set(refused)).toEqual(new Set(['a password of user 65534 was wrong']));
    expect(connects).toBe(0);
    const own = await connect(port);
    expect((await own.logIn('any', PASSWORD))?.opcode).toBe(Opcode.AUTH_SUCCESS);
  });
});

describe("a stranger to a sidecar's password", () => {
  it.each([4, 5])('brings it to say nothing to the gate, in version %i', async (version) => {
    const port = await start({ password: PASSWORD });
    const client = await connect(port, version);
    expect((await client.request(Opcode.OPTIONS, null))?.opcode).toBe(Opcode.SUPPORTED);
    expect((await client.startup())?.opcode).toBe(Opcode.AUTHENTICATE);
    const answer = await client.authenticate(Buffer.from('\0any\0horse'));
    expect(errorOf(answer)).toMatchObject({
      code: 0x0100,
      message: expect.stringContaining('--password-file') as string,
    });
    expect(await client.next()).toBeNull();
    expect(connects).toBe(0);
    expect(refused).toEqual([expect.stringMatching(/^a password of .* was wrong$/)]);
    expect(refused.join()).not.toContain('horse');
  });

  it.each([
    ['an empty password', '\0any\0'],
    ['a beginning of it', '\0any\0correct hors'],
    ['more than it', '\0any\0correct horse\n'],
    ['no SASL at all', 'correct horse'],
    ['nothing', ''],
  ])('does not get in with %s', async (_what, sasl) => {
    const port = await start({ password: PASSWORD });
    const client = await connect(port);
    await client.startup();
    expect((await client.authenticate(Buffer.from(sasl)))?.opcode).toBe(Opcode.ERROR);
    expect(connects).toBe(0);
  });

  it.each([
    ['a query', Opcode.QUERY],
    ['a second STARTUP', Opcode.STARTUP],
    ['OPTIONS', Opcode.OPTIONS],
    ['REGISTER', Opcode.REGISTER],
  ])('does not get past it with %s', async (_what, opcode) => {
    const port = await start({ password: PASSWORD });
    const client = await connect(port);
    await client.startup();
    expect((await client.request(opcode, null))?.opcode).toBe(Opcode.ERROR);
    expect(await client.next()).toBeNull();
    expect(connects).toBe(0);
  });

  it('is one of a bounded number, of which the oldest goes', async () => {
    const port = await start({ password: PASSWORD });
    const first = await connect(port);
    await first.startup();
    for (let i = 0; i < SIDECAR.unauthenticatedPerUser; i++) await connect(port);
    await expect.poll(() => first.closed).toBe(true);
  });
});

describe('a neighbour who connects without end', () => {
  it('does not fill the log', async () => {
    const port = await start({ uid: process.getuid!() + 1 });
    const count = SIDECAR.complaintsPerInterval + 10;
    for (let i = 0; i < count; i++) {
      const client = await connect(port);
      await expect.poll(() => client.closed, { interval: 5 }).toBe(true);
    }
    expect(refused).toHaveLength(SIDECAR.complaintsPerInterval);
    await sidecar?.close();
    sidecar = null;
    expect(refused.at(-1)).toBe('10 more like these');
  });
});

describe('the environment of a command', () => {
  const here = { host: '127.0.0.1', port: 9042 };
  const env = {
    PATH: '/bin',
    BITBUCKET_STEP_OIDC_TOKEN: 'eyJ.a.b',
    COPY: 'eyJ.a.b',
    HEADER: 'Bearer eyJ.a.b',
    OTHER: 'x',
  };

  it('holds the token under no name with --drop-token', () => {
    const tokenEnv = 'BITBUCKET_STEP_OIDC_TOKEN';
    expect(commandEnv({ dropToken: true, tokenEnv }, here, env)).toEqual({
      PATH: '/bin',
      OTHER: 'x',
      CASSANDRA_HOST: '127.0.0.1',
      CASSANDRA_PORT: '9042',
    });
    expect(commandEnv({ tokenEnv }, here, env)).toMatchObject(env);
  });

  it('loses nothing but the variable where that is empty or missing', () => {
    const empty = { PATH: '/bin', TOKEN: '' };
    const left = commandEnv({ dropToken: true, tokenEnv: 'TOKEN' }, here, empty);
    expect(Object.keys(left)).toEqual(['PATH', 'CASSANDRA_HOST', 'CASSANDRA_PORT']);
  });
});

describe('a client that leaves while its token is read', () => {
  it('has no connection to the gate opened for it, which nobody would end', async () => {
    let give!: (given: string) => void;
    token = new Promise((resolve) => (give = resolve));
    const port = await start({ uid: process.getuid!() });
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const body = encodeStartup(new Map([['CQL_VERSION', '3.0.0']]));
    socket.write(encodeFrame({ version: 4, opcode: Opcode.STARTUP, streamId: 0, body }));
    await delay(50);
    socket.resetAndDestroy();
    await delay(50);
    give('token');
    await delay(50);
    expect(connects).toBe(0);
  });
});
