// The sidecar's port: how many connections it takes, and how many that gave no password yet.
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SIDECAR } from '../../src/limits/commands.ts';
import { Opcode } from '../../src/protocol/opcodes.ts';
import { SidecarServer, type ServerOptions } from '../../src/sidecar/server.ts';
import { limit } from '../support/limits.ts';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedNode } from '../support/scripted-node.ts';

let gate: ScriptedNode;
let gatePort: number;
let refused: string[];
let sidecar: SidecarServer;
let clients: RawClient[];

beforeEach(async () => {
  gate = await ScriptedNode.start();
  gatePort = gate.port;
  refused = [];
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.close();
  await sidecar.close();
  await gate.close();
});

async function start(admits: ServerOptions['admits']): Promise<number> {
  sidecar = new SidecarServer({
    host: '127.0.0.1',
    port: 0,
    keepAliveMs: 60_000,
    admits,
    connect: () => net.connect(gatePort, '127.0.0.1'),
    token: async () => Promise.resolve('token'),
    role: 'app',
    hints: (port) => new Map([['CQLGATE_ADVERTISE', `127.0.0.1 ${port}`]]),
    refused: (message) => refused.push(message),
  });
  return sidecar.listen();
}

async function connect(port: number): Promise<RawClient> {
  const client = await RawClient.connect(port, 4);
  clients.push(client);
  return client;
}

const OWN = { uid: process.getuid?.() ?? 0 };

describe('the port of a sidecar', () => {
  it('takes as many connections as it may, and one more when one has gone', async () => {
    limit(SIDECAR, { clients: 2 });
    const port = await start(OWN);
    const [first] = [await connect(port), await connect(port)];
    expect((await first.startup())?.opcode).toBe(Opcode.READY);
    const more = await connect(port);
    expect(await more.startup()).toBeNull();
    expect(refused).toEqual(['more than 2 connections at once']);
    first.close();
    await expect
      .poll(async () => (await (await connect(port)).startup())?.opcode)
      .toBe(Opcode.READY);
  });

  it('tells the gate how it is to appear to drivers', async () => {
    const said: Buffer[] = [];
    const silent = net.createServer((socket) => {
      socket.on('data', (chunk) => said.push(chunk)).on('error', () => undefined);
    });
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    gatePort = (silent.address() as net.AddressInfo).port;
    const port = await start(OWN);
    void (await connect(port)).startup();
    await expect.poll(() => Buffer.concat(said).includes(`127.0.0.1 ${port}`)).toBe(true);
    silent.close();
  });

  it('forgets no one who gave the password, and keeps a bounded number who did not', async () => {
    limit(SIDECAR, { unauthenticated: 3 });
    const port = await start({ password: 'pw' });
    const known = await connect(port);
    await known.logIn('any', 'pw');
    const strangers: RawClient[] = [];
    for (let i = 0; i < 4; i++) {
      const stranger = await connect(port);
      await stranger.startup();
      strangers.push(stranger);
    }
    await expect.poll(() => strangers[0]!.closed).toBe(true);
    expect([known.closed, strangers[1]!.closed]).toEqual([false, false]);
  });
});
