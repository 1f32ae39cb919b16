// The PROXY protocol, version 2: the header by which a load balancer says whose connection it passes on. It comes
// before everything else, TLS included.
//
//   signature (12 bytes) | version and command (1) | family and transport (1) | length of what follows (2)
//   source address | destination address | source port (2) | destination port (2) | TLVs: type (1) | length (2) | value
//
// Taken are connections over TCP by IPv4 or IPv6, and LOCAL, which a balancer sends for its own checks. Version 1, UNIX sockets,
// UDP and connections of unknown kind are refused: they tell no address, and nobody's is to be made up.
import { crc32c } from './crc.ts';
import { inetText, unmapped } from './inet.ts';

const PROXY_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

const FIXED_BYTES = 16;
const COMMANDS = ['LOCAL', 'PROXY'] as const;

interface Family {
  readonly addressBytes: number;
}

/** By the byte of family and transport: TCP over IPv4, TCP over IPv6. */
const FAMILIES: ReadonlyMap<number, Family> = new Map([
  [0x11, { addressBytes: 4 }],
  [0x21, { addressBytes: 16 }],
]);

/** A TLV with a checksum of the whole header, computed with zeros in its place. */
const TLV_CRC32C = 0x03;

export type ProxyHeaderProblem =
  'no_header' | 'version' | 'command' | 'family' | 'too_long' | 'too_short' | 'tlv' | 'checksum';

export class ProxyHeaderFault extends Error {
  readonly problem: ProxyHeaderProblem;

  constructor(problem: ProxyHeaderProblem) {
    super(`the PROXY header is not taken: ${problem}`);
    this.problem = problem;
  }
}

export interface ProxySource {
  readonly address: string;
  readonly port: number;
}

export interface DecodedProxyHeader {
  /** Whose connection it is; null for LOCAL: the balancer's own. */
  readonly source: ProxySource | null;
  /** What came behind the header. */
  readonly rest: Buffer;
}

/** Collects a header that may come in any pieces, and no more bytes than it has. */
export class ProxyHeaderDecoder {
  readonly #maxBytes: number;
  readonly #bytes: Buffer;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#bytes = Buffer.allocUnsafe(maxBytes);
  }

  /** null while the header is not whole. Throws ProxyHeaderFault as soon as it can't become one that is taken. */
  push(chunk: Buffer): DecodedProxyHeader | null {
    let taken = 0;
    for (;;) {
      const wanted = this.#length < FIXED_BYTES ? FIXED_BYTES : this.#wholeBytes();
      if (this.#length >= FIXED_BYTES && this.#length === wanted) break;
      const copied = chunk.copy(this.#bytes, this.#length, taken, taken + wanted - this.#length);
      if (copied === 0) return null;
      this.#length += copied;
      taken += copied;
      this.#checkSignature();
    }
    const source = sourceOf(this.#bytes.subarray(0, this.#length));
    return { source, rest: chunk.subarray(taken) };
  }

  /** As far as it came: garbage is not waited for. */
  #checkSignature(): void {
    const compared = Math.min(this.#length, PROXY_SIGNATURE.length);
    if (this.#bytes.compare(PROXY_SIGNATURE, 0, compared, 0, compared) !== 0) {
      throw new ProxyHeaderFault('no_header');
    }
  }

  #wholeBytes(): number {
    const bytes = FIXED_BYTES + this.#bytes.readUInt16BE(14);
    if (bytes > this.#maxBytes) throw new ProxyHeaderFault('too_long');
    checkFixed(this.#bytes);
    return bytes;
  }
}

function commandOf(header: Buffer): 'LOCAL' | 'PROXY' {
  const versionAndCommand = header[12]!;
  if (versionAndCommand >> 4 !== 2) throw new ProxyHeaderFault('version');
  const command = COMMANDS[versionAndCommand & 0x0f];
  if (command === undefined) throw new ProxyHeaderFault('command');
  return command;
}

/** What can be said before the addresses came. */
function checkFixed(header: Buffer): Family | null {
  if (commandOf(header) === 'LOCAL') return null;
  const family = FAMILIES.get(header[13]!);
  if (family === undefined) throw new ProxyHeaderFault('family');
  if (header.readUInt16BE(14) < endOfAddresses(family) - FIXED_BYTES) {
    throw new ProxyHeaderFault('too_short');
  }
  return family;
}

function endOfAddresses({ addressBytes }: Family): number {
  return FIXED_BYTES + 2 * addressBytes + 2 * 2;
}

/** Of a whole header. */
function sourceOf(header: Buffer): ProxySource | null {
  const family = checkFixed(header);
  // What LOCAL has behind the fixed part is to be skipped, whatever it is.
  if (family === null) return null;
  checkTlvs(header, endOfAddresses(family));
  const { addressBytes } = family;
  const address = header.subarray(FIXED_BYTES, FIXED_BYTES + addressBytes);
  return {
    address: inetText(unmapped(address))!,
    port: header.readUInt16BE(FIXED_BYTES + 2 * addressBytes),
  };
}

function checkTlvs(header: Buffer, from: number): void {
  let checksumAt: number | null = null;
  for (let at = from; at < header.length;) {
    if (header.length - at < 3) throw new ProxyHeaderFault('tlv');
    const valueAt = at + 3;
    const length = header.readUInt16BE(at + 1);
    if (header.length - valueAt < length) throw new ProxyHeaderFault('tlv');
    if (header[at] === TLV_CRC32C) {
      if (length !== 4 || checksumAt !== null) throw new ProxyHeaderFault('tlv');
      checksumAt = valueAt;
    }
    at = valueAt + length;
  }
  if (checksumAt === null) return;
  const zeroed = Buffer.from(header);
  zeroed.fill(0, checksumAt, checksumAt + 4);
  if (crc32c(zeroed) !== header.readUInt32BE(checksumAt)) throw new ProxyHeaderFault('checksum');
}
