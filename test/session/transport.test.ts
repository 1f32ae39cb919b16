// What a socket says of its other end: one spelling of its address, whether a token may come over it, and what
// records have of its TLS.
import net from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import { peerOf, plaintextProblem, transportOf } from '../../src/session/transport.ts';

const from = (remoteAddress: string) => ({ remoteAddress, remotePort: 7 });

describe('an address of a client', () => {
  it.each([
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:C000:0207', '192.0.2.7'],
    ['192.0.2.7', '192.0.2.7'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1%eth0'],
  ])('that a socket has as %s is compared as %s', (remoteAddress, address) => {
    expect(peerOf(from(remoteAddress))).toEqual({ address, port: 7 });
  });

  it('of a socket that is closed already is empty, and equal to no other', () => {
    expect(peerOf({ remoteAddress: undefined, remotePort: undefined })).toEqual({
      address: '',
      port: 0,
    });
  });
});

describe('a token over plaintext', () => {
  const rules = { isTlsOn: false, allowPlaintext: false };

  it.each([
    ['127.0.0.1', null],
    ['127.255.255.254', null],
    ['::ffff:127.0.0.1', null],
    ['::ffff:7f00:1', null],
    ['::1', null],
    ['192.0.2.7', /this machine only/],
    ['::ffff:192.0.2.7', /this machine only/],
    ['fe80::1%lo', /this machine only/],
    ['::127.0.0.1', /this machine only/],
    ['128.0.0.1', /this machine only/],
    ['12.7.0.1', /this machine only/],
    ['1.127.0.0', /this machine only/],
    ['::1:1', /this machine only/],
    ['::11', /this machine only/],
    ['1::1', /this machine only/],
    ['', /this machine only/],
  ])('%s is of this machine, or not', (remoteAddress, problem) => {
    const told = plaintextProblem(from(remoteAddress), rules);
    if (problem === null) expect(told).toBeNull();
    else expect(told).toMatch(problem);
  });

  it('is taken from anywhere where the operators trust the network', () => {
    expect(plaintextProblem(from('192.0.2.7'), { ...rules, allowPlaintext: true })).toBeNull();
  });

  it.each([true, false])(
    'is not taken on a port of TLS, not even from this machine (allowPlaintext: %s)',
    (allowPlaintext) => {
      for (const address of ['127.0.0.1', '192.0.2.7']) {
        expect(plaintextProblem(from(address), { isTlsOn: true, allowPlaintext })).toContain(
          'speaks TLS only',
        );
      }
    },
  );
});

describe('what records say of a socket', () => {
  const secured = (): TLSSocket =>
    new TLSSocket(new Duplex({ read: () => undefined, write: () => undefined }));

  it('is nothing where it has no TLS', () => {
    expect(transportOf(new net.Socket())).toEqual({ tls: null });
  });

  it('is protocol and cipher, and the fingerprint of a certificate in lower case without colons', () => {
    const socket = secured();
    vi.spyOn(socket, 'getProtocol').mockReturnValue('TLSv1.3');
    vi.spyOn(socket, 'getCipher').mockReturnValue({
      name: 'TLS_AES_256_GCM_SHA384',
      standardName: '',
      version: '',
    });
    const peer = vi.spyOn(socket, 'getPeerCertificate');
    peer.mockReturnValue(Object.assign(Object.create(null), { fingerprint256: 'AB:0C:FF' }));
    expect(transportOf(socket)).toEqual({
      tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384',
      certificate_sha256: 'ab0cff',
    });
    // A client without a certificate has an empty one.
    peer.mockReturnValue(Object.create(null));
    expect(transportOf(socket)).toEqual({ tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384' });
  });

  it('does not fail where the handshake is not done', () => {
    const socket = secured();
    vi.spyOn(socket, 'getProtocol').mockReturnValue(null);
    vi.spyOn(socket, 'getCipher').mockReturnValue({ name: 'x', standardName: '', version: '' });
    vi.spyOn(socket, 'getPeerCertificate').mockReturnValue(Object.create(null));
    expect(transportOf(socket)).toEqual({ tls: ' x' });
  });
});
