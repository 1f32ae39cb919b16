// Whose connection it is, from the kernel's table of sockets.
import net from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SIDECAR } from '../../src/limits/commands.ts';
import { endsOf, ownerOf, type Endpoint } from '../../src/sidecar/peer-owner.ts';

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
interface Row {
  readonly uid?: number | string;
  readonly state?: string;
  readonly inode?: number | string;
}
const row = (local: string, remote: string, { uid = 1001, state = '01', inode = 4711 }: Row = {}) =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1`;
const tables =
  (tcp: readonly string[], tcp6: readonly string[] = []) =>
  (file: string) =>
    [HEADER, ...(file.endsWith('tcp6') ? tcp6 : tcp)].join('\n');

const at = (address: string, port: number): Endpoint => ({ address, port });
const peer = at('127.0.0.1', 0xd431);
const here = at('127.0.0.1', 0x2352);
const PEER = '0100007F:D431';
const HERE = '0100007F:2352';
const MAPPED = '0000000000000000FFFF00000100007F';
const OWNER = { uid: 1001, inode: 4711 };

describe('the owner of a connection', () => {
  it('is the user of the socket at the other end, not of the one at this end', () => {
    const own = row(HERE, PEER, { uid: 7, inode: 1 });
    expect(ownerOf(peer, here, tables([own, row(PEER, HERE)]))).toEqual(OWNER);
    expect(ownerOf(peer, here, tables([own]))).toBeNull();
  });

  it('is found where the other end speaks IPv6, or IPv4 by a socket of IPv6', () => {
    const one = `${'0'.repeat(24)}01000000`;
    const six = row(`${one}:0050`, `${one}:2352`);
    expect(ownerOf(at('::1', 80), at('::1', 0x2352), tables([], [six]))).toEqual(OWNER);
    expect(ownerOf(at('::1', 81), at('::1', 0x2352), tables([], [six]))).toBeNull();
    const mapped = row(`${MAPPED}:D431`, `${MAPPED}:2352`);
    expect(ownerOf(peer, here, tables([], [mapped]))).toEqual(OWNER);
    const spelt = at('::ffff:127.0.0.1', peer.port);
    expect(ownerOf(spelt, here, tables([row(PEER, HERE)]))).toEqual(OWNER);
  });

  it.each<[string, string]>([
    ['another address at its end', row('0200007F:D431', HERE)],
    ['another address at our end', row(PEER, '0200007F:2352')],
    ['another port at its end', row('0100007F:D432', HERE)],
    ['a port that only ends alike', row('0100007F:1D431', HERE)],
    ['another port at our end', row(PEER, '0100007F:2353')],
    ['TIME_WAIT', row(PEER, HERE, { state: '06' })],
    ['SYN_RECV', row(PEER, HERE, { state: '03' })],
    ['CLOSE_WAIT', row(PEER, HERE, { state: '08' })],
    ['a user that is no number', row(PEER, HERE, { uid: 'root' })],
    ['no inode', row(PEER, HERE, { inode: '' }).split(' 1')[0]!],
    ['nothing behind the addresses', `  0: ${PEER} ${HERE} 01`],
  ])('is not that of a row with %s', (_what, line) => {
    expect(ownerOf(peer, here, tables([line]))).toBeNull();
  });

  it('is nobody where two sockets would fit, and one where a row was read twice', () => {
    const twice = [row(PEER, HERE), row(PEER, HERE)];
    expect(ownerOf(peer, here, tables(twice))).toEqual(OWNER);
    const other = row(`${MAPPED}:D431`, `${MAPPED}:2352`, { inode: 4712 });
    expect(ownerOf(peer, here, tables([row(PEER, HERE)], [other]))).toBeNull();
    const stranger = row(PEER, HERE, { uid: 0 });
    expect(ownerOf(peer, here, tables([row(PEER, HERE), stranger]))).toBeNull();
  });

  it('is looked for again where a row slipped between two pieces of a table, and not for ever', () => {
    let reads = 0;
    const late = (file: string) =>
      ++reads > 2 ? tables([row(PEER, HERE)])(file) : tables([])(file);
    expect(ownerOf(peer, here, late)).toEqual(OWNER);
    reads = -1_000;
    expect(ownerOf(peer, here, late)).toBeNull();
    expect(reads + 1_000).toBe(2 * SIDECAR.ownerLooks);
  });

  it('is nobody where the tables are empty, or what is asked is no address', () => {
    expect(ownerOf(peer, here, () => '')).toBeNull();
    expect(ownerOf(at('', 0xd431), here, tables([row(PEER, HERE)]))).toBeNull();
  });

  it.skipIf(process.platform !== 'linux').each(['127.0.0.1', '::1'])(
    'is this process for its own connection over %s',
    async (host) => {
      const server = net.createServer().listen(0, host);
      await once(server, 'listening');
      const { port } = server.address() as net.AddressInfo;
      const client = net.connect(port, host);
      const [accepted] = (await once(server, 'connection')) as [net.Socket];
      const ends = endsOf(accepted)!;
      expect(ownerOf(ends.peer, ends.here)?.uid).toBe(process.getuid!());
      client.destroy();
      accepted.destroy();
      server.close();
    },
  );
});
