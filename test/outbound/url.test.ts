// Which addresses the gate asks anything of, and sends secrets to.
import { describe, expect, it } from 'vitest';
import { urlProblem } from '../../src/outbound/url.ts';

describe('keys', () => {
  it('are asked for over https, or on this machine', () => {
    expect(urlProblem('https://issuer.example.com')).toBeNull();
    expect(urlProblem('http://127.0.0.1:8080/x')).toBeNull();
    expect(urlProblem('http://localhost/x')).toBeNull();
    for (const url of [
      'http://issuer.example.com',
      'http://127.0.0.1.evil.com',
      'file:///etc',
      'x',
    ]) {
      expect(urlProblem(url)).not.toBeNull();
    }
  });
});

describe('an address', () => {
  it.each([
    'https://issuer.example.com',
    'HTTPS://issuer.example.com:8443/x?y',
    'http://[::1]:8080',
    'http://127.9.9.9',
  ])('%s is asked', (url) => {
    expect(urlProblem(url)).toBeNull();
  });

  it.each([
    ['x', 'is no URL'],
    ['https://user@host', 'no credentials'],
    ['https://:secret@host', 'no credentials'],
    ['https://host:0', 'from 1 to 65535'],
    ['http://localhost.evil.com', 'is not https'],
    ['http://127.0.0.1.evil.com', 'is not https'],
    ['http://[::2]', 'is not https'],
    ['http://10.0.0.1', 'is not https'],
    ['ftp://localhost', 'is not https'],
  ])('%s is not: %s', (url, why) => {
    expect(urlProblem(url)).toContain(why);
    expect(urlProblem(url)).not.toContain('secret');
  });
});
