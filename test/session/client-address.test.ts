// How a client's address is written: one spelling in records, the list of sessions and admission, whichever socket it
// came by.
import { afterEach, describe, expect, it } from 'vitest';
import { peerOf, plaintextProblem } from '../../src/session/transport.ts';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';
import type net from 'node:net';

let gate: ScriptedGate | null = null;

afterEach(async () => {
  await gate?.close();
  gate = null;
});

describe('an address of a client', () => {
  it.each([
    ['127.0.0.1', /^127\.0\.0\.1:\d+$/],
    ['::1', /^\[::1\]:\d+$/],
  ])('that came from %s to a port of both families', async (host, address) => {
    gate = await ScriptedGate.start(
      { job: { grants: ['SELECT ON KEYSPACE shop'] } },
      { listen: { host: '::', port: 0 } },
    );
    expect(gate.log.some(({ message }) => message === `listening on [::]:${gate!.port}`)).toBe(
      true,
    );
    const { issuer } = gate.files;
    const client = await RawClient.login(gate.port, 'job', issuer.mint(), 4, {}, host);
    const record = await gate.files.record(({ kind }) => kind === 'session_start');
    expect(record.client.address).toMatch(address);
    expect(record.client.address.endsWith(`:${client.socket.localPort}`)).toBe(true);
    client.close();
    const stranger = await RawClient.connect(gate.port, 4, host);
    await stranger.logIn('job', 'no token');
    const refusal = await gate.files.record(({ kind }) => kind === 'auth');
    expect(refusal.client.address).toMatch(address);
    stranger.close();
  });

  const socketOf = (remoteAddress: string) =>
    ({ remoteAddress, remotePort: 7 }) as unknown as net.Socket;

  it.each([
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:C000:0207', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
  ])('that a socket has as %s is compared as %s', (remoteAddress, address) => {
    expect(peerOf(socketOf(remoteAddress))).toEqual({ address, port: 7 });
  });

  it.each([
    ['127.0.0.1', null],
    ['::ffff:127.0.0.1', null],
    ['::ffff:7f00:1', null],
    ['::1', null],
    ['192.0.2.7', /this machine only/],
    ['::ffff:192.0.2.7', /this machine only/],
    ['fe80::1%lo', /this machine only/],
    ['::127.0.0.1', /this machine only/],
  ])('%s is of this machine, or not', (remoteAddress, problem) => {
    const told = plaintextProblem(socketOf(remoteAddress), {
      isTlsOn: false,
      allowPlaintext: false,
    });
    if (problem === null) expect(told).toBeNull();
    else expect(told).toMatch(problem);
  });
});
