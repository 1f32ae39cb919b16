// How the gate appears to drivers: one node with one address and a host id that is the same on all
// gates behind that address, before and after a restart.
import { createHash } from 'node:crypto';

/** An address as drivers are told it; `address` is 4 or 16 bytes, as in CQL's inet. */
export interface Advertised {
  readonly address: Buffer;
  readonly port: number;
  /** Host and port as configured (or the socket's own): what the host id is made of. */
  readonly name: string;
}

/** RFC 4122's namespace for URLs; ours are `cql://cluster/host:port`. */
const NAMESPACE = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex');

/** UUIDv5 (RFC 4122 section 4.3) of cluster name and advertised host:port. */
export function hostId(clusterName: string, advertised: Advertised): Buffer {
  const name = `cql://${encodeURIComponent(clusterName)}/${advertised.name}`;
  const hash = createHash('sha1').update(NAMESPACE).update(name).digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash;
}

/** Bytes of an IPv4 or IPv6 address in text, or null where it is none. */
export function inetBytes(text: string): Buffer | null {
  const v4 = /^(?:::ffff:)?(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/i.exec(text);
  if (v4 !== null) {
    const parts = v4.slice(1).map(Number);
    return parts.every((part) => part <= 255) ? Buffer.from(parts) : null;
  }
  return inet6Bytes(text.split('%')[0]!);
}

function inet6Bytes(text: string): Buffer | null {
  const halves = text.split('::');
  if (halves.length > 2 || !text.includes(':')) return null;
  const groups = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const head = groups(halves[0]!);
  const tail = halves.length === 2 ? groups(halves[1]!) : [];
  const zeros = 8 - head.length - tail.length;
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return null;
  const all = [...head, ...new Array<string>(zeros).fill('0'), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return null;
  const bytes = Buffer.alloc(16);
  all.forEach((group, i) => bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i));
  return bytes;
}
