// Ranges of addresses as they are configured: 10.0.0.0/8, fd00::/8, or a single address.
import { isIP } from 'node:net';
import { inetBytes, inetText } from '../protocol/inet.ts';

/** Why a text is no range, or perhaps not the one that was meant; null where it is one. */
export function cidrProblem(text: string): string | null {
  const [address = '', prefix, ...more] = text.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  if (isIP(address) === 0 || address.includes('%') || more.length > 0) return HOW;
  if (prefix === undefined) return null;
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return HOW;
  const bytes = inetBytes(address)!;
  // Mapped addresses are IPv4 here, and their prefix counts otherwise.
  if (bytes.length * 8 !== bits) return HOW;
  const network = Buffer.from(bytes);
  for (let bit = Number(prefix); bit < bits; bit++) network[bit >> 3]! &= ~(0x80 >> (bit & 7));
  if (network.equals(bytes)) return null;
  return `${text} has bits beyond its prefix; did you mean ${inetText(network)!}/${prefix}?`;
}

/** Every address there is. */
export function coversAll(text: string): boolean {
  return /\/0+$/.test(text);
}

const HOW = 'write a range of addresses, for instance 10.0.0.0/8 or fd00::/8, or one address';
