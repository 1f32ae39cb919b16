// The detection of TLS under attack by connections that share a source address and port: one that was just reset, or one to
// another address of this machine. Each is let in, timed and counted by itself.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import tls from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CertificateAuthority } from '../support/certificates.ts';
import { errorOf, RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

const ROLES = { job: { grants: ['SELECT ON KEYSPACE shop'] } };
const SESSIONS = 8;

let gate: ScriptedGate | null = null;
let authority: CertificateAuthority;
let dir: string;
const sockets: net.Socket[] = [];

beforeAll(async () => {
  authority = new CertificateAuthority();
  dir = await mkdtemp(path.join(os.tmpdir(), 'cqlgate-tls-'));
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

async function start(limits: Record<string, number>): Promise<ScriptedGate> {
  const files = { cert: path.join(dir, 'tls.crt'), key: path.join(dir, 'tls.key') };
  gate = await ScriptedGate.start(ROLES, {
    listen: { host: '0.0.0.0', port: 0, tls: files },
    limits,
  });
  return gate;
}

async function connected(host: string, localPort = 0): Promise<net.Socket> {
  const from = { localAddress: '127.0.0.1', localPort };
  const socket = net.connect({ host, port: gate!.port, ...from, noDelay: true });
  socket.on('error', () => undefined);
  sockets.push(socket);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

async function logIn(socket: net.Socket): Promise<void> {
  const secured = tls.connect({ socket, ca: authority.pem, servername: 'localhost' });
  await new Promise((resolve, reject) => {
    secured.once('secureConnect', resolve);
    secured.once('error', reject);
  });
  const answer = await RawClient.over(secured).logIn('job', gate!.files.issuer.mint());
  expect(errorOf(answer)).toBeNull();
}

describe('connections that share an address and port', () => {
  it('take no place for good when they are reset and opened again at once', async () => {
    await start({ sessions: SESSIONS });
    for (let round = 0; round < 2 * SESSIONS; round++) {
      const first = await connected('127.0.0.1');
      const { localPort } = first;
      await new Promise((resolve) => setTimeout(resolve, 5));
      // From here on the gate, in this same process, does nothing until both wait for it: the end of one, and the next.
      await new Promise((resolve) => setImmediate(resolve));
      first.resetAndDestroy();
      if (!first.closed) await new Promise((resolve) => first.once('close', resolve));
      const second = await connected('127.0.0.1', localPort);
      second.destroy();
    }
    expect(gate!.log.filter(({ message }) => message.startsWith('too many'))).toEqual([]);
    await logIn(await connected('127.0.0.1'));
  });

  it('are let in each for itself where they come to several addresses of the gate', async () => {
    await start({ sessions: SESSIONS, handshakeTimeoutMs: 1_000 });
    const first = await connected('127.0.0.1');
    const second = await connected('127.0.0.2', first.localPort);
    await logIn(first);
    await logIn(second);
    expect(gate!.log.filter(({ level }) => level === 'error')).toEqual([]);
    // Past the time of a handshake, of which none is under way.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect([first.destroyed, second.destroyed]).toEqual([false, false]);
  });
});
