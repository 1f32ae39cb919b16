// Addresses in text and as CQL's inet has them: 4 or 16 bytes.

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
