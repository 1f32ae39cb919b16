// How the gate appears to drivers: one node with one address and a host id that is the same on all
// gates behind that address, before and after a restart.
import { createHash } from 'node:crypto';
import { endpointText, inetBytes } from '../protocol/inet.ts';

/** An address as drivers see it; `address` is 4 or 16 bytes, as in CQL's inet. */
export interface Advertised {
  readonly address: Buffer;
  readonly port: number;
  /** Host and port as configured (or the socket's own), an IPv6 address in brackets: what the host id is made of. */
  readonly name: string;
}

/**
 * The port of a sidecar (src/sidecar), as it says in STARTUP: `address port`. Its application is told of nothing
 * else, or it would go to a gate directly, without a token. Whoever says it misleads only itself.
 */
export function sidecarAddress(options: ReadonlyMap<string, string>): Advertised | null {
  const [host, digits] = (options.get('CQLGATE_ADVERTISE') ?? '').split(' ');
  const address = inetBytes(host ?? '');
  const port = Number(digits);
  if (address === null || !Number.isInteger(port) || port < 1 || port > 65_535) return null;
  return { address, port, name: endpointText({ host: host!, port }) };
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
