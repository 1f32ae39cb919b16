// Addresses in text and as CQL's inet has them: 4 or 16 bytes. One address has one spelling wherever it is written or
// compared: an IPv4 address that a socket of IPv6 shows as a mapped one is the IPv4 address.

/**
 * An address as text, or null for another length. Of an IPv6 one the longest run of zeros is left out
 * (RFC 5952).
 */
export function inetText(address: Buffer): string | null {
  if (address.length === 4) return address.join('.');
  if (address.length !== 16) return null;
  const groups = Array.from({ length: 8 }, (_unused, i) =>
    address.readUInt16BE(2 * i).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** Without leading zeros, which some read as octal. */
const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;

/** Bytes of an IPv4 or IPv6 address in text, or null where it is none. */
export function inetBytes(text: string): Buffer | null {
  if (IPV4.test(text)) {
    const parts = text.split('.').map(Number);
    return parts.every((part) => part <= 255) ? Buffer.from(parts) : null;
  }
  const bytes = inet6Bytes(dottedAsGroups(text.split('%')[0]!));
  return bytes === null ? null : unmapped(bytes);
}

/** The IPv4 address that an IPv6 one stands for (RFC 4291, section 2.5.5.2), or the address itself. */
export function unmapped(address: Buffer): Buffer {
  return isMapped(address) ? address.subarray(12) : address;
}

/** Whether 16 bytes are an IPv4 address in the clothes of an IPv6 one. */
function isMapped(address: Buffer): boolean {
  return (
    address.length === 16 && address.readBigUInt64BE(0) === 0n && address.readUInt32BE(8) === 0xffff
  );
}

/**
 * The one spelling of an address; a link-local one keeps its zone, without which it says nothing. What is no address, a
 * host name, stays as it is.
 */
export function plainAddress(text: string): string {
  const bytes = inetBytes(text);
  if (bytes === null) return text;
  const zone = bytes.length === 16 ? text.indexOf('%') : -1;
  return `${inetText(bytes)!}${zone < 0 ? '' : text.slice(zone)}`;
}

/** A host, by its name or address, and a port of it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** `host:port`, with an IPv6 address in brackets and in its one spelling. */
export function endpointText({ host, port }: Endpoint): string {
  const plain = plainAddress(host);
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

/** What `endpointText` made, in its two parts. */
export function endpointOf(text: string): Endpoint {
  const at = text.lastIndexOf(':');
  return { host: text.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(text.slice(at + 1)) };
}

/** The last 32 bits of an IPv6 address may be written as an IPv4 one. */
function dottedAsGroups(text: string): string {
  const dotted = /^(.*:)(\d{1,3}(?:\.\d{1,3}){3})$/.exec(text);
  const v4 = dotted === null ? null : inetBytes(dotted[2]!);
  if (v4 === null) return text;
  return `${dotted![1]!}${v4.readUInt16BE(0).toString(16)}:${v4.readUInt16BE(2).toString(16)}`;
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
