// Addresses in texts: found in every spelling, a node's or not, and nothing else is touched.
import { describe, expect, it } from 'vitest';
import { inetBytes } from '../../src/protocol/inet.ts';
import { NodeAddresses } from '../../src/topology/node-addresses.ts';

const gate = { address: inetBytes('192.0.2.1')!, port: 9142 };
const gate6 = { address: inetBytes('2001:db8::99')!, port: 9142 };
const nodes = new NodeAddresses(['10.0.0.11', 'cassandra-1.example.com', 'cassandra']);

const own = (text: string) => nodes.scrub(text, gate, null);

describe('an address', () => {
  it.each([
    ['UNKNOWN from /10.0.0.11:7000', 'UNKNOWN from /192.0.2.1:9142'],
    ['from cass-1.int/10.0.0.11:7000, /10.0.0.12:7000', 'from /192.0.2.1:9142, /192.0.2.1:9142'],
    ['some nodes (/10.0.0.11) are', 'some nodes (/192.0.2.1) are'],
    ['10.0.0.11', '192.0.2.1'],
    ['at 10.0.0.11.', 'at 192.0.2.1.'],
    ['10.0.0.11:9042 asks for no login', '192.0.2.1:9142 asks for no login'],
    ['{10.0.0.11=UP,10.0.0.12=DOWN}', '{192.0.2.1=UP,192.0.2.1=DOWN}'],
    ['::ffff:10.0.0.11', '::ffff:192.0.2.1'],
    ['from /[2001:db8:0:0:0:0:0:1]:7000', 'from /192.0.2.1:9142'],
    ['from /2001:db8:0:0:0:0:0:1', 'from /192.0.2.1'],
    ['[2001:DB8::1]:7000 and 2001:db8::1', '192.0.2.1:9142 and 192.0.2.1'],
    ['2001:db8::1%eth0', '192.0.2.1'],
    ['cassandra-1.example.com refused', '192.0.2.1 refused'],
    ['Cassandra-1.Example.com:9042 refused', '192.0.2.1:9142 refused'],
    ['cassandra:9042 refused', '192.0.2.1:9142 refused'],
  ])('%s', (text, expected) => {
    expect(own(text)).toBe(expected);
  });

  it('is replaced by an IPv6 address in brackets where a port follows', () => {
    expect(nodes.scrub('/10.0.0.11:7000 10.0.0.12', gate6, null)).toBe(
      '/[2001:db8::99]:9142 2001:db8::99',
    );
  });
});

describe('what is no address', () => {
  it.each([
    '10.0.0.311',
    '10.0.0',
    '10.0.0.11.5',
    '1.10.0.0.11',
    '10.0.0.11a',
    'v10.0.0.11',
    'line 1:7 no viable alternative',
    'at 12:30:45',
    '1:2:3:4:5:6:7:8:9',
    '12001:db8::1',
    'cassandra-1.example.com.evil.org',
    'my-cassandra-1.example.com',
    'cassandra-1.example.community',
    'org.apache.cassandra.exceptions.ReadFailureException',
    'cassandra did not answer',
    'table cassandra: not there',
    'version 5.0.9',
    'at /10.9.9',
    '1/2',
  ])('%s', (text) => {
    expect(own(text)).toBe(text);
  });
});

it('stays where the statement has it, whoever has that address', () => {
  for (const address of [
    '10.0.0.11',
    '10.9.9.9',
    '/10.0.0.11:7000',
    '2001:db8::1',
    'cassandra:9042',
  ]) {
    const text = `Invalid STRING constant (${address}) for 'a' of type int`;
    expect(nodes.scrub(text, gate, `SELECT '${address}'`)).toBe(text);
    expect(nodes.scrub(text, gate, `SELECT '1${address}1'`)).not.toContain(address);
  }
});

describe('an address of a node that is not known', () => {
  it.each([
    ['TIMEOUT from /10.9.9.9:7000', 'TIMEOUT from /192.0.2.1:9142'],
    ['TIMEOUT from new-node/10.9.9.9:7000', 'TIMEOUT from /192.0.2.1:9142'],
    ['to /[2001:db8:0:0:0:0:0:77]:7000', 'to /192.0.2.1:9142'],
    ['to /2001:db8:0:0:0:0:0:77 and', 'to /192.0.2.1 and'],
    ['Full(/10.9.9.9:7000,(1,2])', 'Full(/192.0.2.1:9142,(1,2])'],
    ['10.0.0.1 and 10.0.0.110', '192.0.2.1 and 192.0.2.1'],
    ['10.0.0.0/8', '192.0.2.1/8'],
  ])('%s', (text, expected) => {
    expect(own(text)).toBe(expected);
  });
});

it('takes time in proportion to the text, whatever it is', () => {
  for (const piece of [
    'a.',
    '-',
    '/',
    '/[',
    '1.1.1.1.',
    '10.0.0.',
    'a-',
    ':',
    '0:',
    '/10.0.0.1',
    '%',
  ]) {
    const text = piece.repeat(65_535 / piece.length);
    const start = performance.now();
    own(text);
    // A search that goes back and forth takes many seconds; a busy machine takes its time as well.
    expect(performance.now() - start, piece).toBeLessThan(2_000);
  }
});
