// Which addresses are those of load balancers: ranges at their edges, single addresses, and all spellings of one.
import { describe, expect, it } from 'vitest';
import { ProxySources } from '../../src/session/proxy-sources.ts';

describe('load balancers', () => {
  it.each([
    ['10.1.0.0/16', ['10.1.0.0', '10.1.255.255'], ['10.0.255.255', '10.2.0.0']],
    ['192.0.2.7', ['192.0.2.7'], ['192.0.2.6', '192.0.2.8']],
    ['192.0.2.7/32', ['192.0.2.7'], ['192.0.2.6', '192.0.2.8']],
    ['192.0.2.128/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127', '192.0.3.128']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255'], ['::1', '2001:db8::1']],
    [
      '2001:db8::/32',
      ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff'],
      ['2001:db7:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db9::'],
    ],
    ['2001:db8::7', ['2001:db8::7', '2001:DB8:0:0::7'], ['2001:db8::8']],
    ['::1/128', ['::1'], ['::', '::2', '127.0.0.1']],
  ])('%s are no more and no fewer than these', (range, inside, outside) => {
    const sources = new ProxySources([range]);
    expect(inside.filter((address) => !sources.has(address))).toEqual([]);
    expect(outside.filter((address) => sources.has(address))).toEqual([]);
  });

  it('are found in whichever range they are', () => {
    const sources = new ProxySources(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32']);
    expect(['10.9.9.9', '192.0.2.1', '2001:db8::9'].every((one) => sources.has(one))).toBe(true);
  });

  it.each(['::ffff:10.1.2.3', '::FFFF:A01:203', '::ffff:a01:203'])(
    'of IPv4 are known by %s, as a socket of both families has them',
    (address) => {
      expect(new ProxySources(['10.1.0.0/16']).has(address)).toBe(true);
      expect(new ProxySources(['10.2.0.0/16']).has(address)).toBe(false);
    },
  );

  it('are known by a link-local address whatever interface it came by', () => {
    expect(new ProxySources(['fe80::/10']).has('fe80::1%eth0')).toBe(true);
  });

  it('are none where none are listed, and no address is none of them', () => {
    const [none, all] = [new ProxySources([]), new ProxySources(['0.0.0.0/0', '::/0'])];
    expect(none.has('127.0.0.1')).toBe(false);
    for (const address of [undefined, '', 'localhost', '10.1.2', '10.1.2.3.4']) {
      expect(all.has(address)).toBe(false);
    }
  });
});
