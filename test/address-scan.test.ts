// The tap itself: it finds an address wherever it hides, and says nothing of clean bytes.
import net from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { COMPRESSIONS } from '../src/protocol/compression.ts';
import { encodeFrame } from '../src/protocol/frame.ts';
import { FrameViews } from '../src/protocol/frame-views.ts';
import { encodeStartup } from '../src/protocol/messages/startup.ts';
import { Opcode } from '../src/protocol/opcodes.ts';
import { LZ4_SEGMENTS, PLAIN_SEGMENTS } from '../src/protocol/segment.ts';
import { Writer } from '../src/protocol/writer.ts';
import { AddressTap } from './support/address-scan.ts';

const FORBIDDEN = ['127.0.0.2', '2001:db8::7'];
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Sends what a gate would: READY to STARTUP, then the frames as agreed on; resolves when all came. */
async function tapped(
  version: number,
  compression: string | null,
  bodies: readonly Buffer[],
  pieceBytes = Infinity,
): Promise<AddressTap> {
  const gate = net.createServer((socket) => {
    socket.once('data', () => {
      socket.write(encodeFrame({ version, opcode: Opcode.READY, streamId: 0, body: null }));
      const views = new FrameViews();
      if (version === 5) views.segments = compression === null ? PLAIN_SEGMENTS : LZ4_SEGMENTS;
      else views.compression = COMPRESSIONS.get(compression ?? '') ?? null;
      for (const body of bodies) {
        views.push(encodeFrame({ version, opcode: Opcode.RESULT, streamId: 1, body }));
      }
      const bytes = Buffer.concat(views.take());
      const step = Math.min(pieceBytes, bytes.length);
      const send = (at: number): void => {
        if (at >= bytes.length) return void socket.end();
        socket.write(bytes.subarray(at, at + step));
        setTimeout(() => send(at + step), 1);
      };
      setTimeout(() => send(0), 5);
    });
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  closing.push(() => gate.close());
  const upstreamPort = (gate.address() as net.AddressInfo).port;
  const tap = await AddressTap.start({ upstreamPort: () => upstreamPort, forbidden: FORBIDDEN });
  closing.push(async () => tap.close());
  const client = net.connect(tap.port, '127.0.0.1');
  const options = new Map([['CQL_VERSION', '3.0.0']]);
  if (compression !== null) options.set('COMPRESSION', compression);
  client.write(
    encodeFrame({ version, opcode: Opcode.STARTUP, streamId: 0, body: encodeStartup(options) }),
  );
  client.resume();
  await once(client, 'close');
  return tap;
}

const filler = Buffer.from('all work and no play makes a dull row '.repeat(60));
const holding = (bytes: Buffer | string) =>
  new Writer()
    .writeInt(1)
    .writeRaw(filler)
    .writeRaw(Buffer.from(bytes as string))
    .toBuffer();

const SECRETS: readonly (readonly [string, Buffer | string])[] = [
  ['four bytes', Buffer.from([127, 0, 0, 2])],
  ['a text', 'at /127.0.0.2:7000'],
  ['a blob in hex', '0x7f000002'],
  ['sixteen bytes', Buffer.from('20010db8000000000000000000000007', 'hex')],
  ['an IPv6 text', '2001:db8::7'],
  ['an IPv6 text of Java', '/2001:db8:0:0:0:0:0:7'],
];

describe.each([
  [4, null],
  [4, 'lz4'],
  [4, 'snappy'],
  [5, null],
  [5, 'lz4'],
] as const)('v%i with compression %s', (version, compression) => {
  it.each(SECRETS)('finds %s in a frame', async (_name, secret) => {
    const tap = await tapped(version, compression, [holding('nothing'), holding(secret)]);
    expect(tap.findings.map(({ where }) => where)).toContain('frame');
    expect(tap.seen).toMatchObject({ connections: 1, frames: 3, undecoded: 0 });
  });

  it('finds what came in pieces, and in a frame of several segments', async () => {
    const large = Buffer.concat([...new Array<Buffer>(90).fill(filler), holding('127.0.0.2')]);
    const tap = await tapped(version, compression, [large], 1500);
    expect(tap.findings.some(({ where }) => where === 'frame')).toBe(true);
  });

  it('finds nothing where nothing is', async () => {
    const clean = ['127.0.0.1', '127.0.1.1', Buffer.from([127, 0, 0, 1]), '2001:db8::8'];
    const tap = await tapped(version, compression, clean.map(holding));
    expect(tap.findings).toEqual([]);
    expect(tap.seen.frames).toBe(5);
  });
});

it('finds an address between two reads of bytes that it can not decode', async () => {
  const gate = net.createServer((socket) => {
    socket.write('no CQL at all 127.0');
    setTimeout(() => socket.end('.0.2'), 20);
  });
  gate.listen(0, '127.0.0.1');
  await once(gate, 'listening');
  closing.push(() => gate.close());
  const upstreamPort = (gate.address() as net.AddressInfo).port;
  const tap = await AddressTap.start({ upstreamPort, forbidden: FORBIDDEN });
  closing.push(async () => tap.close());
  const client = net.connect(tap.port, '127.0.0.1');
  client.resume();
  await once(client, 'close');
  expect(tap.findings).toHaveLength(1);
  expect(tap.findings[0]).toMatchObject({ where: 'bytes', address: '127.0.0.2' });
  expect(tap.seen.undecoded).toBe(1);
});
