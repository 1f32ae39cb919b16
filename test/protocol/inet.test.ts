// Addresses between text and bytes.
import { describe, expect, it } from 'vitest';
import {
  endpointOf,
  endpointText,
  inetBytes,
  inetText,
  plainAddress,
} from '../../src/protocol/inet.ts';

describe('an address', () => {
  it.each([
    ['10.0.0.11', '0a00000b'],
    ['0.0.0.0', '00000000'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['1:0:0:2::3', '00010000000000020000000000000003'],
    ['fe80::1:2:3:4', 'fe800000000000000001000200030004'],
  ])('%s is the same there and back', (text, hex) => {
    expect(inetBytes(text)?.toString('hex')).toBe(hex);
    expect(inetText(Buffer.from(hex, 'hex'))).toBe(text);
  });

  it.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:10.0.0.11', '10.0.0.11'],
    ['::FFFF:a00:b', '10.0.0.11'],
    ['0:0:0:0:0:ffff:10.0.0.11', '10.0.0.11'],
    ['64:ff9b::10.0.0.11', '64:ff9b::a00:b'],
    ['fe80::1%eth0', 'fe80::1'],
  ])('%s is written as %s', (text, canonical) => {
    expect(inetText(inetBytes(text)!)).toBe(canonical);
  });

  it.each([
    '',
    'gate',
    '1.2.3',
    '256.1.1.1',
    '1.2.3.4.5',
    ':::',
    '1:2',
    '1::2::3',
    'g::1',
    '12345::',
  ])('is not %s', (text) => {
    expect(inetBytes(text)).toBeNull();
  });

  it.each([
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['::ffff:7f00:1', '127.0.0.1'],
    ['2001:DB8:0::1', '2001:db8::1'],
    ['fe80:0::1%eth0', 'fe80::1%eth0'],
    ['10.0.0.11', '10.0.0.11'],
    ['gate.example.com', 'gate.example.com'],
    ['010.0.0.11', '010.0.0.11'],
    ['', ''],
  ])('%s has the one spelling %s', (text, plain) => {
    expect(plainAddress(text)).toBe(plain);
  });

  it.each([
    ['10.0.0.11', '10.0.0.11:9042', '10.0.0.11'],
    ['::ffff:10.0.0.11', '10.0.0.11:9042', '10.0.0.11'],
    ['2001:DB8::1', '[2001:db8::1]:9042', '2001:db8::1'],
    ['::', '[::]:9042', '::'],
    ['fe80::1%eth0', '[fe80::1%eth0]:9042', 'fe80::1%eth0'],
    ['gate.example.com', 'gate.example.com:9042', 'gate.example.com'],
  ])('%s with a port is %s, and apart again', (host, text, back) => {
    expect(endpointText({ host, port: 9042 })).toBe(text);
    expect(endpointOf(text)).toEqual({ host: back, port: 9042 });
  });

  it.each([0, 3, 5, 15, 17])('has no %i bytes', (length) => {
    expect(inetText(Buffer.alloc(length))).toBeNull();
  });
});
