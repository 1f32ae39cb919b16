// Addresses of nodes in texts: found in every spelling, and nothing else is touched.
import { describe, expect, it } from 'vitest';
import { inetBytes } from '../../src/protocol/inet.ts';
import { NodeAddresses } from '../../src/topology/node-addresses.ts';

const gate = { address: inetBytes('192.0.2.1')!, port: 9142 };
const gate6 = { address: inetBytes('2001:db8::99')!, port: 9142 };
const nodes = new NodeAddresses([
  '10.0.0.11',
  '10.0.0.12',
  '2001:db8::1',
  'cassandra-1.example.com',
  'cassandra',
]);

const quoting = (text: string) => nodes.scrub(text, gate, false);
const own = (text: string) => nodes.scrub(text, gate, true);

describe('an address of a node', () => {
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
    expect(quoting(text)).toBe(expected);
  });

  it('is replaced by an IPv6 address in brackets where a port follows', () => {
    expect(nodes.scrub('/10.0.0.11:7000 10.0.0.12', gate6, false)).toBe(
      '/[2001:db8::99]:9142 2001:db8::99',
    );
  });
});

describe('what is no address of a node', () => {
  it.each([
    '10.0.0.1',
    '10.0.0.110',
    '110.0.0.11',
    '10.0.0.11.5',
    '1.10.0.0.11',
    '10.0.0.11a',
    'v10.0.0.11',
    '2001:db8::12',
    '2001:db8::1:2',
    '12001:db8::1',
    'cassandra-1.example.com.evil.org',
    'my-cassandra-1.example.com',
    'cassandra-1.example.community',
    'org.apache.cassandra.exceptions.ReadFailureException',
    'cassandra did not answer',
    'table cassandra: not there',
    "Invalid STRING constant (/10.9.9.9:80) for 'a' of type int",
    'http://10.9.9.9:7000/a',
  ])('%s', (text) => {
    expect(quoting(text)).toBe(text);
  });

  it('is not known from an empty list', () => {
    expect(new NodeAddresses([]).scrub('/10.0.0.11:7000', gate, false)).toBe('/10.0.0.11:7000');
  });
});

describe('texts that quote nothing', () => {
  it.each([
    ['TIMEOUT from /10.9.9.9:7000', 'TIMEOUT from /192.0.2.1:9142'],
    ['TIMEOUT from new-node/10.9.9.9:7000', 'TIMEOUT from /192.0.2.1:9142'],
    ['to /[2001:db8:0:0:0:0:0:77]:7000', 'to /192.0.2.1:9142'],
    ['to /2001:db8:0:0:0:0:0:77 and', 'to /192.0.2.1 and'],
    ['Full(/10.9.9.9:7000,(1,2])', 'Full(/192.0.2.1:9142,(1,2])'],
  ])('lose addresses in the form of Java of nodes that are not known: %s', (text, expected) => {
    expect(own(text)).toBe(expected);
  });

  it.each(['http://10.9.9.9/', 'a/b/10.9.9.9', '10.0.0.0/8', 'version 5.0.9', 'at /10.9.9', '1/2'])(
    'keep %s',
    (text) => {
      expect(own(text)).toBe(text);
    },
  );
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
