// Headers of the PROXY protocol, in one piece and in all pieces, whole and broken.
import { describe, expect, it } from 'vitest';
import { PROXY } from '../../src/limits/session.ts';
import { crc32c } from '../../src/protocol/crc.ts';
import { ProxyHeaderDecoder, ProxyHeaderFault } from '../../src/protocol/proxy-header.ts';
import { proxyHeader, tlv } from '../support/proxy-header.ts';

const decoder = () => new ProxyHeaderDecoder(PROXY.headerBytes);

function problemOf(bytes: Buffer): string | null {
  try {
    return decoder().push(bytes) === null ? 'waits' : null;
  } catch (error) {
    if (!(error instanceof ProxyHeaderFault)) throw error;
    return error.problem;
  }
}

const V4 = proxyHeader({ source: ['192.0.2.7', 40_001] });
const V6 = proxyHeader({ source: ['2001:db8::7', 40_002] });
const NOOP = tlv(0x04, Buffer.alloc(9));

/** With a TLV of the checksum, which `change` is added to. */
function summed(change = 0): Buffer {
  const header = proxyHeader({
    source: ['192.0.2.7', 40_001],
    tlvs: [NOOP, tlv(3, Buffer.alloc(4))],
  });
  const sum = crc32c(header);
  header.writeUInt32BE((sum + change) >>> 0, header.length - 4);
  return header;
}

describe('a PROXY header', () => {
  it.each([
    ['of IPv4', V4, { address: '192.0.2.7', port: 40_001 }],
    ['of IPv6', V6, { address: '2001:db8::7', port: 40_002 }],
    [
      'of an IPv4 address that looks like IPv6',
      proxyHeader({ source: ['::ffff:c000:207', 9] }),
      { address: '192.0.2.7', port: 9 },
    ],
    [
      'with TLVs',
      proxyHeader({ source: ['192.0.2.7', 1], tlvs: [NOOP, NOOP] }),
      { address: '192.0.2.7', port: 1 },
    ],
    ['with a checksum', summed(), { address: '192.0.2.7', port: 40_001 }],
    ['of LOCAL without anything', proxyHeader({ command: 0, family: 0 }), null],
    ['of LOCAL with an address', proxyHeader({ command: 0, source: ['192.0.2.7', 1] }), null],
    [
      'of LOCAL with what nobody knows',
      proxyHeader({ command: 0, family: 0x31, addresses: Buffer.alloc(300, 7) }),
      null,
    ],
  ])('%s is read at every split point, and what follows is left', (_what, header, source) => {
    const rest = Buffer.from('0400000001', 'hex');
    const all = Buffer.concat([header, rest]);
    for (let at = 0; at <= all.length; at++) {
      const one = decoder();
      const first = one.push(all.subarray(0, at));
      if (at < header.length) expect(first).toBeNull();
      const got = first ?? one.push(all.subarray(at))!;
      expect(got.source).toEqual(source);
      const left = first === null ? got.rest : Buffer.concat([got.rest, all.subarray(at)]);
      expect(left.equals(rest)).toBe(true);
    }
    const bytewise = decoder();
    const answers = [...header].map((byte) => bytewise.push(Buffer.from([byte])));
    expect(answers.filter((one) => one !== null)).toEqual([{ source, rest: Buffer.alloc(0) }]);
  });

  it.each([
    ['version 1', Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n'), 'no_header'],
    ['a CQL frame', Buffer.from('0400000005', 'hex'), 'no_header'],
    ['a TLS record', Buffer.from('160301', 'hex'), 'no_header'],
    [
      'a signature that is wrong at its end',
      Buffer.from('0d0a0d0a000d0a515549540b', 'hex'),
      'no_header',
    ],
    ['a version to come', proxyHeader({ version: 3, source: ['192.0.2.7', 1] }), 'version'],
    ['an unknown command', proxyHeader({ command: 2, source: ['192.0.2.7', 1] }), 'command'],
    ['an unknown family', proxyHeader({ family: 0x00, addresses: Buffer.alloc(12) }), 'family'],
    [
      'a family without anything',
      proxyHeader({ family: 0x00, addresses: Buffer.alloc(0) }),
      'family',
    ],
    ['UDP', proxyHeader({ family: 0x12, source: ['192.0.2.7', 1] }), 'family'],
    ['UDP over IPv6', proxyHeader({ family: 0x22, source: ['::7', 1] }), 'family'],
    ['a UNIX socket', proxyHeader({ family: 0x31, addresses: Buffer.alloc(216) }), 'family'],
    ['a UNIX datagram', proxyHeader({ family: 0x32, addresses: Buffer.alloc(216) }), 'family'],
    [
      'TCP without addresses',
      proxyHeader({ family: 0x11, addresses: Buffer.alloc(0) }),
      'too_short',
    ],
    ['half an address', proxyHeader({ family: 0x21, addresses: Buffer.alloc(35) }), 'too_short'],
    ['IPv4 called IPv6', proxyHeader({ family: 0x21, addresses: Buffer.alloc(12) }), 'too_short'],
    [
      'a TLV without a length',
      proxyHeader({ source: ['192.0.2.7', 1], tlvs: [Buffer.from([4, 0])] }),
      'tlv',
    ],
    [
      'a TLV that runs out',
      proxyHeader({ source: ['192.0.2.7', 1], tlvs: [tlv(4, Buffer.alloc(9)).subarray(0, 11)] }),
      'tlv',
    ],
    [
      'a checksum of three bytes',
      proxyHeader({ source: ['192.0.2.7', 1], tlvs: [tlv(3, Buffer.alloc(3))] }),
      'tlv',
    ],
    [
      'two checksums',
      proxyHeader({
        source: ['192.0.2.7', 1],
        tlvs: [tlv(3, Buffer.alloc(4)), tlv(3, Buffer.alloc(4))],
      }),
      'tlv',
    ],
    ['a wrong checksum', summed(1), 'checksum'],
    [
      'more bytes than the bound',
      proxyHeader({ source: ['192.0.2.7', 1], tlvs: [tlv(4, Buffer.alloc(PROXY.headerBytes))] }),
      'too_long',
    ],
    [
      'LOCAL with more bytes than the bound',
      proxyHeader({ command: 0, family: 0, addresses: Buffer.alloc(65_535) }),
      'too_long',
    ],
  ])('of %s is refused', (_what, bytes, problem) => {
    expect(problemOf(bytes)).toBe(problem);
  });

  it('is refused by its fixed part, and by its first wrong byte: nothing more is waited for', () => {
    const long = proxyHeader({ command: 0, family: 0, addresses: Buffer.alloc(60_000) });
    expect(problemOf(long.subarray(0, 16))).toBe('too_long');
    expect(
      problemOf(proxyHeader({ family: 0x31, addresses: Buffer.alloc(216) }).subarray(0, 16)),
    ).toBe('family');
    expect(problemOf(Buffer.from([0x0d, 0x0b]))).toBe('no_header');
    expect(problemOf(Buffer.from([0x0d]))).toBe('waits');
    expect(problemOf(V4.subarray(0, V4.length - 1))).toBe('waits');
  });

  it('may be as long as the bound says', () => {
    const room = PROXY.headerBytes - V4.length - 3;
    const header = proxyHeader({ source: ['192.0.2.7', 1], tlvs: [tlv(4, Buffer.alloc(room))] });
    expect(header).toHaveLength(PROXY.headerBytes);
    expect(problemOf(header)).toBeNull();
  });
});
