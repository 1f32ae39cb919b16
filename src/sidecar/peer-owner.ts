// Whose process is at the other end of a loopback connection, where the kernel tells (proc(5), Linux): its
// user id, from the table of sockets.
import { readFileSync } from 'node:fs';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
/** Place of columns in a row, split at blanks. */
const LOCAL = 1;
const REMOTE = 2;
const UID = 7;

/** The owner of the socket with local port `port` that is connected to `to`; null where it can't be told. */
export function ownerOf(port: number, to: number, read = readTable): number | null {
  const [local, remote] = [hexPort(port), hexPort(to)];
  for (const table of TABLES) {
    for (const line of read(table).split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (columns[LOCAL]?.endsWith(local) !== true) continue;
      if (columns[REMOTE]?.endsWith(remote) !== true) continue;
      const uid = Number(columns[UID]);
      if (Number.isInteger(uid)) return uid;
    }
  }
  return null;
}

function hexPort(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
