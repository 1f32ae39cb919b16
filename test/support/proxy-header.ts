// Headers of the PROXY protocol, version 2, as a load balancer makes them, and as none should.
import { inetBytes } from '../../src/protocol/inet.ts';

export interface HeaderParts {
  readonly version?: number;
  /** 0 is LOCAL, 1 PROXY. */
  readonly command?: number;
  /** Default: TCP of the source's family. */
  readonly family?: number;
  readonly source?: readonly [address: string, port: number];
  /** Instead of those of `source`. */
  readonly addresses?: Buffer;
  readonly tlvs?: readonly Buffer[];
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

export function tlv(type: number, value: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

export function proxyHeader(parts: HeaderParts = {}): Buffer {
  const { version = 2, command = 1, source, tlvs = [] } = parts;
  const address = source === undefined ? Buffer.alloc(0) : inetBytes(source[0])!;
  const ports = Buffer.alloc(4);
  if (source !== undefined) ports.writeUInt16BE(source[1], 0);
  ports.writeUInt16BE(9042, 2);
  const addresses =
    parts.addresses ??
    (source === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([address, Buffer.alloc(address.length, 1), ports]));
  const body = Buffer.concat([addresses, ...tlvs]);
  const fixed = Buffer.from([
    (version << 4) | command,
    parts.family ?? (address.length === 16 ? 0x21 : 0x11),
    0,
    0,
  ]);
  fixed.writeUInt16BE(body.length, 2);
  return Buffer.concat([SIGNATURE, fixed, body]);
}
