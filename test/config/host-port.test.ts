// Hosts with a port as they are written.
import { describe, expect, it } from 'vitest';
import { checkedHostPort, parseHostPort } from '../../src/config/host-port.ts';

describe('a host with a port', () => {
  it.each([
    ['10.0.0.11:9042', '10.0.0.11', 9042],
    ['node-1.example.com:1', 'node-1.example.com', 1],
    ['localhost:65535', 'localhost', 65_535],
    ['[2001:db8::1]:9042', '2001:db8::1', 9042],
    ['[::]:9042', '::', 9042],
  ])('%s is %s at %i', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
    expect(checkedHostPort(text)).toEqual({ host, port });
  });

  it.each([
    '',
    '10.0.0.11',
    ':9042',
    'a:0',
    'a:65536',
    'a:09042',
    'a:99999',
    'a: 9042',
    'a b:9042',
    '2001:db8::1:9042',
    '[2001:db8::1]',
    '[10.0.0.1]:9042',
    '[zz]:9042',
    'https://a:9042',
    'a:9042/x',
  ])('%j is none', (text) => {
    expect(parseHostPort(text)).toBeNull();
    expect(() => checkedHostPort(text)).toThrow('is no host:port');
  });
});
