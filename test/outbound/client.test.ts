// What the gate asks over HTTP: no redirects, no plain http, bounded in time and size, through a proxy
// where one is set, and never a secret in what went wrong.
import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OUTBOUND } from '../../src/limits/services.ts';
import { OutboundClient } from '../../src/outbound/client.ts';
import { limit } from '../support/limits.ts';

let server: http.Server;
let base: string;
let answered = 0;
const seen: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      if (url === '/redirect') response.writeHead(302, { location: '/json' }).end();
      else if (url === '/large') response.end('x'.repeat(1024 * 1024));
      else if (url === '/sized') response.end('x'.repeat(answered));
      else if (url === '/error') response.writeHead(503).end('{"errors":["sealed"]}');
      else if (url === '/html') response.end('<html>');
      else if (url !== '/slow') response.end('{"a":1}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

describe('an outbound request', () => {
  const client = new OutboundClient();

  it('gives status and JSON, of errors too', async () => {
    expect(await client.ask(`${base}/json`)).toMatchObject({ status: 200, json: { a: 1 } });
    expect(await client.ask(`${base}/error`)).toMatchObject({
      status: 503,
      json: { errors: ['sealed'] },
    });
    expect(await client.ask(`${base}/html`)).toMatchObject({ status: 200, json: null });
  });

  it('sends JSON and forms', async () => {
    await client.ask(`${base}/json`, { method: 'POST', json: { role: 'x' } });
    expect(seen.at(-1)).toMatchObject({ method: 'POST', body: '{"role":"x"}' });
    await client.ask(`${base}/json`, { method: 'POST', form: { a: 'b c' } });
    expect(seen.at(-1)?.body).toBe('a=b+c');
    expect(seen.at(-1)?.headers['content-type']).toBe('application/x-www-form-urlencoded');
  });

  it('takes as much as a document may have, and not one byte more', async () => {
    answered = OUTBOUND.documentBytes;
    expect(await client.ask(`${base}/sized`)).toMatchObject({ status: 200 });
    answered = OUTBOUND.documentBytes + 1;
    await expect(client.ask(`${base}/sized`)).rejects.toThrow(
      `answered more than ${OUTBOUND.documentBytes} bytes`,
    );
  });

  it('takes no longer than it may where nothing else is said', async () => {
    limit(OUTBOUND, { timeoutMs: 150 });
    await expect(client.ask(`${base}/slow`)).rejects.toThrow('did not answer within 0.15 s');
  });

  it('gives up a connection that does not come about, before its whole time is over', async () => {
    limit(OUTBOUND, { connectTimeoutMs: 200, timeoutMs: 20_000 });
    // It takes connections, and never says a word of TLS.
    const silent = net.createServer((socket) => void socket.on('error', () => undefined));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const own = new OutboundClient();
    try {
      const { port } = silent.address() as AddressInfo;
      await expect(own.ask(`https://127.0.0.1:${port}/`)).rejects.toThrow(
        'could not be asked (UND_ERR_CONNECT_TIMEOUT)',
      );
    } finally {
      await own.close();
      silent.close();
    }
  });

  it.each([
    ['/redirect', /redirect/],
    ['/large', /more than/],
    ['/slow', /did not answer within 0\.2 s/],
  ])('refuses %s', async (path, text) => {
    await expect(client.ask(base + path, { timeoutMs: 200 })).rejects.toThrow(text);
  });

  it.each(['http://example.com/', 'ftp://127.0.0.1/', 'https://a:b@example.com/', 'x'])(
    'does not ask %s',
    async (url) => {
      await expect(client.ask(url)).rejects.toMatchObject({ name: 'OutboundFault' });
    },
  );

  it('names neither query nor headers nor body when nobody answers', async () => {
    const asked = client.ask('http://127.0.0.1:1/login?secret=s3cret', {
      method: 'POST',
      headers: { 'x-vault-token': 's3cret' },
      json: { password: 's3cret' },
    });
    await expect(asked).rejects.toThrow(/127\.0\.0\.1:1\/login could not be asked/);
    await expect(asked).rejects.not.toThrow(/s3cret/);
  });

  it('goes through the proxy that the environment names, and to this machine by none', async () => {
    const proxied: string[] = [];
    const proxy = http
      .createServer((request, response) => {
        proxied.push(request.url ?? '');
        response.end('{}');
      })
      .on('connect', (request, socket) => {
        proxied.push(request.url ?? '');
        socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
      });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    process.env['HTTPS_PROXY'] = address;
    process.env['HTTP_PROXY'] = address;
    const client = new OutboundClient();
    try {
      await expect(client.ask('https://issuer.example.com/keys')).rejects.toThrow(
        'https://issuer.example.com/keys could not be asked',
      );
      expect(proxied).toEqual(['issuer.example.com:443']);
      const headers = { authorization: 'Bearer secret' };
      await expect(client.ask('http://127.0.0.1:1/api', { headers })).rejects.toThrow(
        'ECONNREFUSED',
      );
      expect(proxied).toHaveLength(1);
    } finally {
      delete process.env['HTTPS_PROXY'];
      delete process.env['HTTP_PROXY'];
      await client.close();
      proxy.close();
    }
  });
});
