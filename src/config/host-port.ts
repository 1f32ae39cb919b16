// Hosts with a port, as they are written in the configuration and on the command line: `10.0.0.11:9042`,
// `node-1.example.com:9042`, `[2001:db8::1]:9042`.
import { isIPv6 } from 'node:net';
import type { Endpoint } from '../protocol/inet.ts';

/** 1 to 65535, without leading zeros. */
const PORT = String.raw`[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]`;
const HOST = String.raw`\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+`;

/** What is written, but for the question whether brackets hold an address. */
export const HOST_PORT = new RegExp(`^(?:${HOST}):(?:${PORT})$`);
export const HOW_HOST_PORT =
  'write it as host:port with a port from 1 to 65535, for instance 10.0.0.11:9042; an IPv6 address stands in brackets, [2001:db8::1]:9042';

/** null where the text is none, or its port none that can be connected to. */
export function parseHostPort(text: string): Endpoint | null {
  if (!HOST_PORT.test(text)) return null;
  const at = text.lastIndexOf(':');
  const host = text.slice(0, at);
  const port = Number(text.slice(at + 1));
  if (!host.startsWith('[')) return { host, port };
  const address = host.slice(1, -1);
  return isIPv6(address) ? { host: address, port } : null;
}

/** Of a text that was checked before. */
export function checkedHostPort(text: string): Endpoint {
  const parsed = parseHostPort(text);
  if (parsed === null) throw new Error(`${text} is no host:port`);
  return parsed;
}
