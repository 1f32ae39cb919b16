// How a node is dialled: what TLS is asked for, whose name its certificate must have, and what an operator is
// told where that fails. The sockets are seen before they are connected.
import net from 'node:net';
import { Duplex } from 'node:stream';
import tls, { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { dialPlain, dialProblem, dialTls, showsCertificate } from '../../src/upstream/dial.ts';

const duplex = (): Duplex => new Duplex({ read: () => undefined, write: () => undefined });

afterEach(() => void vi.restoreAllMocks());

describe('a plain connection', () => {
  it('goes to host and port, with no delay, and asks after silence whether the node is there', () => {
    const connect = vi.spyOn(net, 'connect').mockReturnValue(new net.Socket());
    dialPlain(7_000)('10.0.0.1', 9042);
    expect(connect).toHaveBeenCalledExactlyOnceWith({
      host: '10.0.0.1',
      port: 9042,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 7_000,
    });
  });
});

describe('a connection over TLS', () => {
  let socket: TLSSocket;
  let asked: tls.ConnectionOptions[];

  beforeEach(() => {
    asked = [];
    socket = new TLSSocket(duplex());
    vi.spyOn(tls, 'connect').mockImplementation((options) => {
      asked.push(options as tls.ConnectionOptions);
      return socket;
    });
  });

  it('is of TLS 1.2 at least, and checks the certificate as Node does by default', () => {
    dialTls(() => ({}), null, 7_000)('node.example', 9042);
    expect(asked).toEqual([
      { host: 'node.example', port: 9042, minVersion: 'TLSv1.2', servername: 'node.example' },
    ]);
  });

  it.each([
    [null, 'node.example', 'node.example'],
    ['cluster.example', 'node.example', 'cluster.example'],
    ['cluster.example', '10.0.0.1', 'cluster.example'],
    // No server name is an address: the certificate must have the address itself.
    [null, '10.0.0.1', undefined],
    [null, '2001:db8::1', undefined],
  ])('with serverName %s to %s asks for the certificate of %s', (serverName, host, expected) => {
    dialTls(() => ({}), serverName, 7_000)(host, 9042);
    expect(asked[0]?.servername).toBe(expected);
    expect(Object.keys(asked[0]!).includes('servername')).toBe(expected !== undefined);
  });

  it('shows the certificates of the moment, and those of a login before those of all', () => {
    let renewed = 1;
    const dial = dialTls(
      () => ({ cert: `cert ${renewed}`, key: `key ${renewed}`, ca: 'ca' }),
      null,
      7_000,
    );
    dial('node.example', 9042);
    renewed = 2;
    dial('node.example', 9042);
    dial('node.example', 9042, { cert: 'own cert', key: 'own key' });
    expect(asked.map(({ cert, key, ca }) => [cert, key, ca])).toEqual([
      ['cert 1', 'key 1', 'ca'],
      ['cert 2', 'key 2', 'ca'],
      ['own cert', 'own key', 'ca'],
    ]);
  });

  it('asks after silence whether the node is there, once it is connected', () => {
    const keepAlive = vi.spyOn(socket, 'setKeepAlive').mockReturnValue(socket);
    const noDelay = vi.spyOn(socket, 'setNoDelay').mockReturnValue(socket);
    dialTls(() => ({}), null, 7_000)('node.example', 9042);
    expect(noDelay).toHaveBeenCalledWith(true);
    expect(keepAlive).not.toHaveBeenCalled();
    socket.emit('connect');
    expect(keepAlive).toHaveBeenCalledExactlyOnceWith(true, 7_000);
  });
});

describe('whether a node may see a certificate of ours', () => {
  it.each([
    ['has none', null, false],
    ['has an empty one', {}, false],
    ['has one', { subject: {} }, true],
  ])('a socket that %s', (_what, certificate, isShown) => {
    const socket = new TLSSocket(duplex());
    vi.spyOn(socket, 'getCertificate').mockReturnValue(
      certificate === null ? null : Object.assign(Object.create(null), certificate),
    );
    expect(showsCertificate(socket)).toBe(isShown);
  });

  it('a socket without TLS does not', () => {
    expect(showsCertificate(new net.Socket())).toBe(false);
  });
});

describe('what an operator is told of a failed connection', () => {
  const problem = (code: string | undefined): string =>
    dialProblem(Object.assign(new Error('140:error:some source line'), { code }));

  it.each([
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'cluster.tls.serverName'],
    ['SELF_SIGNED_CERT_IN_CHAIN', 'cluster.tls.ca'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'cluster.tls.ca'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'cluster.tls.ca'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'cluster.tls.ca'],
    ['CERT_HAS_EXPIRED', 'renew it at the node'],
    ['CERT_NOT_YET_VALID', 'check the clocks'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'speaks no TLS'],
    ['EPROTO', 'speaks no TLS'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'cluster.tls.cert and cluster.tls.key'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'truststore'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', 'truststore'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'truststore'],
    ['ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR', 'truststore'],
  ])('%s says what to do, without the words of OpenSSL', (code, advice) => {
    expect(problem(code)).toContain(advice);
    expect(problem(code)).not.toContain('source line');
  });

  it('is the code alone of what else OpenSSL says', () => {
    expect(problem('ERR_SSL_NO_PROTOCOLS')).toBe(
      ': the TLS handshake failed (ERR_SSL_NO_PROTOCOLS)',
    );
  });

  it.each(['ECONNREFUSED', undefined])('is the error’s own text of all others (%s)', (code) => {
    expect(problem(code)).toBe(': 140:error:some source line');
  });
});
