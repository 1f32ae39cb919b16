// Command line values that more than one part of the bench reads.
import type { Endpoint } from './raw-connection.ts';

/** `host:port`; IPv6 hosts in brackets. */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) throw new Error(`${text} is no host:port, for instance 127.0.0.1:9042`);
  return { host: (match[1] ?? match[2])!, port: Number(match[3]) };
}

export function parsePositive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new Error(`--${name} ${text} is not above 0`);
  return value;
}
