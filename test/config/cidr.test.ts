// Ranges of addresses as they are configured.
import { describe, expect, it } from 'vitest';
import { cidrProblem, coversAll } from '../../src/config/cidr.ts';

describe('a range of addresses', () => {
  it.each([
    '10.0.0.0/8',
    '10.1.2.3',
    '10.1.2.3/32',
    '0.0.0.0/0',
    'fd00::/8',
    '::1',
    '2001:db8::/128',
  ])('%s is one', (text) => {
    expect(cidrProblem(text)).toBeNull();
  });

  it.each([
    '',
    'lb.example.com',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0/8',
    'fe80::1%eth0/64',
    '::ffff:10.0.0.0/104',
  ])('%j is none', (text) => {
    expect(cidrProblem(text)).toContain('write a range of addresses');
  });

  it.each([
    ['10.0.0.1/8', 'did you mean 10.0.0.0/8?'],
    ['192.0.2.129/25', 'did you mean 192.0.2.128/25?'],
    ['fd00::1/8', 'did you mean fd00::/8?'],
    ['2001:db8::8000:0:0:0/65', null],
    ['2001:db8::4000:0:0:0/65', 'did you mean 2001:db8::/65?'],
  ])('%s may not be the one that was meant: %s', (text, hint) => {
    if (hint === null) expect(cidrProblem(text)).toBeNull();
    else expect(cidrProblem(text)).toContain(hint);
  });

  it('covers all there is where it has no bits', () => {
    expect(['0.0.0.0/0', '::/0', '::/00'].every(coversAll)).toBe(true);
    expect(['10.0.0.0/10', '10.0.0.0'].some(coversAll)).toBe(false);
  });
});
