// Whose connection it is, from the kernel's table of sockets.
import net from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ownerOf } from '../../src/sidecar/peer-owner.ts';

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const row = (local: string, remote: string, uid: number) =>
  `   0: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000  ${uid}        0 4711 1`;

describe('the owner of a connection', () => {
  it('is the user of the socket at the other end, not of the one at this end', () => {
    const table = [
      HEADER,
      row('0100007F:2352', '0100007F:D431', 7),
      row('0100007F:D431', '0100007F:2352', 1001),
    ].join('\n');
    const read = (file: string) => (file.endsWith('tcp') ? table : HEADER);
    expect(ownerOf(0xd431, 0x2352, read)).toBe(1001);
  });

  it('is found in the table of IPv6, and is nobody where there is no such row', () => {
    const table = `${HEADER}\n${row(`${'0'.repeat(32)}:0050`, `${'0'.repeat(32)}:2352`, 12)}`;
    const read = (file: string) => (file.endsWith('tcp6') ? table : HEADER);
    expect(ownerOf(80, 0x2352, read)).toBe(12);
    expect(ownerOf(81, 0x2352, read)).toBeNull();
    expect(ownerOf(80, 0x2352, () => '')).toBeNull();
  });

  it.skipIf(process.platform !== 'linux')('is this process for its own connection', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const client = net.connect(port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [net.Socket];
    expect(ownerOf(accepted.remotePort!, port)).toBe(process.getuid!());
    client.destroy();
    accepted.destroy();
    server.close();
  });
});
