// How a client's address is written: one spelling in records, the list of sessions and admission, whichever socket it
// came by.
import { afterEach, describe, expect, it } from 'vitest';
import { RawClient } from '../support/raw-client.ts';
import { ScriptedGate } from '../support/scripted-gate.ts';

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
});
