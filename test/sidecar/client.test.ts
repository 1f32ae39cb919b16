// One application's connection to the sidecar: what it is told while it logs in, and for how long that may take.
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SIDECAR } from '../../src/limits/commands.ts';
import { encodeFrame } from '../../src/protocol/frame.ts';
import { encodeStartup } from '../../src/protocol/messages/startup.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { SidecarClient, type ClientOptions } from '../../src/sidecar/client.ts';
import { limit } from '../support/limits.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

let gate: ScriptedNode;
let server: net.Server;
let options: Partial<ClientOptions>;
let refused: string[];
let made: SidecarClient[];

beforeEach(async () => {
  gate = await ScriptedNode.start();
  options = {};
  refused = [];
  made = [];
  server = net.createServer((socket) => {
    socket.on('error', () => undefined);
    made.push(
      new SidecarClient({
        socket,
        connect: () => net.connect(gate.port, '127.0.0.1'),
        token: async () => Promise.resolve('token'),
        role: 'app',
        hints: new Map(),
        password: null,
        isStillAdmitted: () => true,
        refused: (message) => refused.push(message),
        ...options,
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  vi.useRealTimers();
  for (const client of made) client.close();
  server.close();
  await gate.close();
});

const connect = async (): Promise<RawClient> =>
  RawClient.connect((server.address() as AddressInfo).port);

describe('an application', () => {
  it('is ready when the gate let the sidecar in, and from then on its bytes are passed on', async () => {
    const client = await connect();
    expect((await client.startup())?.opcode).toBe(Opcode.READY);
    expect((await client.query('SELECT a FROM ks.t'))?.opcode).toBe(Opcode.RESULT);
    client.close();
  });

  it('is told what to do where there is no token', async () => {
    options = { token: async () => Promise.reject(new Error('the variable holds no token')) };
    const client = await connect();
    expect(errorOf(await client.startup())).toEqual({
      code: 0x0100,
      message: 'the variable holds no token',
    });
    expect(await client.next()).toBeNull();
    expect(refused).toEqual(['the variable holds no token']);
  });

  it('is told where the gate can not be reached', async () => {
    await gate.close();
    const client = await connect();
    expect(errorOf(await client.startup())).toMatchObject({
      code: 0,
      message: expect.stringContaining('the gate can not be reached') as string,
    });
    gate = await ScriptedNode.start();
  });

  it('is closed where its connection became another’s while it logged in', async () => {
    options = { isStillAdmitted: () => false };
    const client = await connect();
    expect(await client.startup()).toBeNull();
    expect(refused).toEqual([expect.stringContaining('no longer that of the process')]);
  });

  it('has its password judged once', async () => {
    const given: string[] = [];
    options = {
      password: async (bytes) => {
        given.push(Buffer.from(bytes).toString());
        return Promise.resolve('too many at once');
      },
    };
    const client = await connect();
    await client.startup();
    expect(errorOf(await client.authenticate(Buffer.from('\0u\0pw')))).toMatchObject({
      code: 0x0100,
      message: expect.stringContaining('connect again later') as string,
    });
    expect(given).toEqual(['pw']);
  });

  it('that sends what is no login is answered in the default version, and closed', async () => {
    const client = await connect();
    const answer = await client.request(Opcode.QUERY, null);
    expect([answer?.version, errorOf(answer)?.code]).toEqual([SIDECAR.defaultVersion, 0x000a]);
    expect(await client.next()).toBeNull();
  });

  it('sends frames as large as a login has, and no larger', async () => {
    const startup = (bytes: number) => {
      const options = new Map([
        ['CQL_VERSION', '3.0.0'],
        ['X', ''],
      ]);
      const empty = encodeStartup(options).length;
      return encodeStartup(options.set('X', 'x'.repeat(bytes - 9 - empty)));
    };
    const [most, more] = [await connect(), await connect()];
    expect((await most.request(Opcode.STARTUP, startup(SIDECAR.handshakeFrameBytes)))?.opcode).toBe(
      Opcode.READY,
    );
    const refusal = await more.request(Opcode.STARTUP, startup(SIDECAR.handshakeFrameBytes + 1));
    expect(errorOf(refusal)).toEqual({
      code: 0x000a,
      message: 'a frame over the limit in a login',
    });
    most.close();
  });

  it('has a bounded time for its login, and any time afterwards', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const [slow, quick] = [await connect(), await connect()];
    expect((await quick.startup())?.opcode).toBe(Opcode.READY);
    const half = encodeFrame({
      version: 4,
      opcode: Opcode.STARTUP,
      streamId: 0,
      body: Buffer.alloc(9),
    });
    slow.socket.write(half.subarray(0, 9));
    await vi.advanceTimersByTimeAsync(SIDECAR.handshakeMs - 1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(slow.closed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    vi.useRealTimers();
    await expect.poll(() => slow.closed).toBe(true);
    expect(quick.closed).toBe(false);
    quick.close();
  });
});

it('a silent gate holds no application longer than its login may take', async () => {
  limit(SIDECAR, { handshakeMs: 200 });
  const silent = net.createServer((socket) => void socket.on('error', () => undefined));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  options = { connect: () => net.connect((silent.address() as AddressInfo).port, '127.0.0.1') };
  const client = await connect();
  expect(await client.startup()).toBeNull();
  silent.close();
});
