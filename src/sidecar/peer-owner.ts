// Whose process is at the other end of a loopback connection, where the kernel tells (proc(5), Linux): its
// user id, from the table of sockets. A row counts only where both addresses, both ports and the state are
// those of the connection in question: any user may bind the port of somebody else's connection at another loopback
// address, and a connection that ended leaves rows behind that belong to root or to nobody.
import { readFileSync } from 'node:fs';
import type net from 'node:net';
import os from 'node:os';
import { SIDECAR } from '../limits/commands.ts';
import { inetBytes } from '../protocol/inet.ts';

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const;
/** Place of columns in a row, split at blanks. */
const LOCAL = 1;
const REMOTE = 2;
const STATE = 3;
const UID = 7;
const INODE = 9;
const ESTABLISHED = '01';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The socket at the other end: its user, and which of that user's sockets it is. */
export interface PeerOwner {
  readonly uid: number;
  readonly inode: number;
}

/** Both ends of a connection that was accepted here; null where it is gone already. */
export function endsOf(
  socket: net.Socket,
): { readonly peer: Endpoint; readonly here: Endpoint } | null {
  const { remoteAddress, remotePort, localAddress, localPort } = socket;
  if (remoteAddress === undefined || localAddress === undefined) return null;
  if (remotePort === undefined || localPort === undefined) return null;
  return {
    peer: { address: remoteAddress, port: remotePort },
    here: { address: localAddress, port: localPort },
  };
}

/**
 * The owner of the established connection from `peer` to `here`; null where there is no such row, or rows of several
 * sockets, or it can't be read. The kernel hands out a table in pieces, and a row may slip between two of them
 * while others come and go: one that is not found is looked for again.
 */
export function ownerOf(peer: Endpoint, here: Endpoint, read = readTable): PeerOwner | null {
  for (let look = 0; look < SIDECAR.ownerLooks; look++) {
    const found = socketsOf(peer, here, read);
    if (found === null) return null;
    const [first, ...others] = found;
    // The same row may come twice, for the same reason.
    if (others.some(({ uid, inode }) => uid !== first!.uid || inode !== first!.inode)) return null;
    if (first !== undefined) return first;
  }
  return null;
}

/** null where a row can't be made out. */
function socketsOf(
  peer: Endpoint,
  here: Endpoint,
  read: (table: string) => string,
): PeerOwner[] | null {
  const found: PeerOwner[] = [];
  const [local, remote] = [spellings(peer), spellings(here)];
  for (const table of TABLES) {
    for (const line of read(table).split('\n').slice(1)) {
      const columns = line.trim().split(/\s+/);
      if (columns[STATE] !== ESTABLISHED) continue;
      if (!local.includes(columns[LOCAL] ?? '') || !remote.includes(columns[REMOTE] ?? ''))
        continue;
      const [uid, inode] = [columns[UID], columns[INODE]].map(wholeNumber);
      if (uid === null || inode === null || uid === undefined || inode === undefined) return null;
      found.push({ uid, inode });
    }
  }
  return found;
}

/**
 * How the kernel writes an end of a connection: words of 32 bits as this machine has them in memory. An IPv4 address
 * stands in one table as it is, and in the other, for a socket of IPv6, as a mapped one. Empty for what is no address.
 */
function spellings({ address, port }: Endpoint): readonly string[] {
  const bytes = inetBytes(address);
  if (bytes === null) return [];
  const tail = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  if (bytes.length === 16) return [hexWords(bytes) + tail];
  const mapped = Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), bytes]);
  return [hexWords(bytes) + tail, hexWords(mapped) + tail];
}

function hexWords(bytes: Buffer): string {
  let hex = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const word = os.endianness() === 'LE' ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
    hex += word.toString(16).toUpperCase().padStart(8, '0');
  }
  return hex;
}

function wholeNumber(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
