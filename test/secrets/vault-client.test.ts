// One request to Vault, its answer in one shape, its refusal as a fault that says what to do.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VaultClient } from '../../src/secrets/vault-client.ts';

let server: http.Server;
let client: VaultClient;
let answer: { status: number; text: string };
let seen: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string };

beforeEach(async () => {
  answer = { status: 200, text: '{}' };
  server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen = { method, url, headers, body: Buffer.concat(chunks).toString() };
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  client = new VaultClient({ address: `http://127.0.0.1:${port}/`, namespace: 'team/a' });
});

afterEach(async () => {
  await client.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('a request to Vault', () => {
  it('goes with token and namespace, its path encoded', async () => {
    await client.ask('secret/data/a b/c?x#y', { token: 'hvs.t', body: { a: 1 } });
    expect([seen.method, seen.body]).toEqual(['POST', '{"a":1}']);
    expect(seen.url).toBe('/v1/secret/data/a%20b/c%3Fx%23y');
    expect(seen.headers).toMatchObject({ 'x-vault-token': 'hvs.t', 'x-vault-namespace': 'team/a' });
    await client.ask('sys/health');
    expect([seen.method, seen.headers['x-vault-token']]).toEqual(['GET', undefined]);
  });

  it('is answered in one shape, seconds as milliseconds, what is absent empty', async () => {
    expect(await client.ask('a')).toEqual({
      leaseId: '',
      leaseMs: 0,
      isRenewable: false,
      data: {},
      auth: null,
    });
    answer.text = JSON.stringify({
      lease_id: 'l',
      lease_duration: 60,
      renewable: true,
      data: { k: 'v' },
      auth: { client_token: 't', lease_duration: 5, renewable: false },
    });
    expect(await client.ask('a')).toEqual({
      leaseId: 'l',
      leaseMs: 60_000,
      isRenewable: true,
      data: { k: 'v' },
      auth: { token: 't', ttlMs: 5_000, isRenewable: false },
    });
    answer = { status: 204, text: '' };
    expect((await client.ask('a')).leaseId).toBe('');
  });

  it.each([
    [400, false],
    [403, false],
    [404, false],
    [429, true],
    [471, false],
    [472, true],
    [500, true],
    [503, true],
  ])(
    'refused with %i may pass: %s, and tells nothing of what Vault wrote',
    async (status, mayPass) => {
      answer = { status, text: '{"errors":["password secret-canary"]}' };
      const refusal = client.ask('database/creds/x');
      await expect(refusal).rejects.toMatchObject({ name: 'SecretFault', status, mayPass });
      await expect(refusal).rejects.toThrow(/Vault .*database\/creds\/x/);
      await expect(refusal).rejects.not.toThrow(/canary/);
    },
  );

  it.each(['<html>', '[]', '{"auth":{"client_token":""}}', '{"lease_duration":-1}'])(
    'that gets %s may be made again',
    async (text) => {
      answer.text = text;
      await expect(client.ask('a')).rejects.toMatchObject({ mayPass: true });
    },
  );
});
