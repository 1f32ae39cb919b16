// A PROXY header taken off a connection, wherever its reads end: what is behind it stays unread, and what is no
// header ends the connection.
import net from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { reportFaultsTo } from '../../src/guard.ts';
import { PROXY } from '../../src/limits/session.ts';
import { readProxyHeader } from '../../src/session/read-proxy-header.ts';
import { proxyHeader, tlv } from '../support/proxy-header.ts';

const HEADER = proxyHeader({ source: ['198.51.100.7', 4711] });
const REST = Buffer.from('what the client itself sent');

let socket: net.Socket;
let told: string[];

beforeEach(() => {
  // One that was never connected: it is read from as the test says.
  socket = new net.Socket();
  vi.spyOn(socket, 'remoteAddress', 'get').mockReturnValue('10.0.0.1');
  vi.spyOn(socket, 'remotePort', 'get').mockReturnValue(99);
  told = [];
  readProxyHeader(socket, {
    named: ({ address, port }) => told.push(`${address} ${port}`),
    refused: (problem) => told.push(`refused: ${problem}`),
    gone: () => told.push('gone'),
  });
});

const arrives = (...chunks: readonly Buffer[]): void => {
  for (const chunk of chunks) socket.emit('data', chunk);
};
/** What whoever comes next will read. */
const unread = (): string => String(socket.read() ?? '');

describe('a header', () => {
  it('names the client, wherever a read ends', () => {
    for (let cut = 1; cut < HEADER.length; cut++) {
      socket = new net.Socket();
      const names: string[] = [];
      readProxyHeader(socket, {
        named: ({ address, port }) => names.push(`${address} ${port}`),
        refused: (problem) => names.push(problem),
        gone: () => names.push('gone'),
      });
      arrives(HEADER.subarray(0, cut));
      expect(names).toEqual([]);
      arrives(HEADER.subarray(cut));
      expect(names).toEqual(['198.51.100.7 4711']);
    }
  });

  it('leaves what is behind it unread, and the socket paused', () => {
    arrives(HEADER.subarray(0, 20), Buffer.concat([HEADER.subarray(20), REST]));
    expect(told).toEqual(['198.51.100.7 4711']);
    expect(socket.isPaused()).toBe(true);
    expect(unread()).toBe(REST.toString());
  });

  it('is taken once: what comes later is for others', () => {
    arrives(HEADER);
    expect([socket.listenerCount('data'), unread()]).toEqual([0, '']);
    arrives(HEADER);
    socket.emit('close');
    expect(told).toEqual(['198.51.100.7 4711']);
  });

  it('of the balancer’s own checks names the balancer', () => {
    arrives(proxyHeader({ command: 0 }));
    expect(told).toEqual(['10.0.0.1 99']);
  });

  it('may be as long as its bound, and not a byte longer', () => {
    const room = PROXY.headerBytes - HEADER.length - 3;
    const ofLength = (bytes: number): Buffer =>
      proxyHeader({ source: ['198.51.100.7', 4711], tlvs: [tlv(0xee, Buffer.alloc(bytes))] });
    expect(ofLength(room)).toHaveLength(PROXY.headerBytes);
    arrives(ofLength(room));
    expect(told).toEqual(['198.51.100.7 4711']);
    const other = new net.Socket();
    const refused: string[] = [];
    readProxyHeader(other, {
      named: () => refused.push('named'),
      refused: (problem) => refused.push(problem),
      gone: () => refused.push('gone'),
    });
    other.emit('data', ofLength(room + 1));
    expect([refused, other.destroyed]).toEqual([['too_long'], true]);
  });
});

describe('a connection', () => {
  it.each([
    ['begins with something else', Buffer.alloc(16), 'no_header'],
    [
      'begins as one and goes on otherwise',
      Buffer.concat([HEADER.subarray(0, 11), REST]),
      'no_header',
    ],
    ['tells no address', proxyHeader({ family: 0x31 }), 'family'],
    ['is of the old version', proxyHeader({ version: 1 }), 'version'],
  ])('that %s is closed, and is nobody’s', (_what, bytes, problem) => {
    arrives(bytes);
    expect(told).toEqual([`refused: ${problem}`]);
    expect(socket.destroyed).toBe(true);
    // Its own close is no second word.
    socket.emit('close');
    expect(told).toHaveLength(1);
  });

  it('that is closed without a byte is one that was only looked at', () => {
    socket.emit('close');
    expect(told).toEqual(['gone']);
  });

  it('that is closed within its header is refused', () => {
    arrives(HEADER.subarray(0, 1));
    socket.emit('close');
    expect(told).toEqual(['refused: unfinished']);
  });

  it('is closed and refused where an error of ours comes up, which is reported', () => {
    const faults: string[] = [];
    reportFaultsTo((place) => faults.push(place));
    vi.spyOn(socket, 'pause').mockImplementation(() => {
      throw new Error('ours');
    });
    arrives(HEADER);
    expect(told).toEqual(['refused: internal']);
    expect([socket.destroyed, faults]).toEqual([true, ['listener']]);
  });
});
