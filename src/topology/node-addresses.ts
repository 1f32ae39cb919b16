// Finds addresses of nodes in texts that Cassandra writes, and puts the gate's in their place. Only what is
// an address of a node is touched: a text that quotes a client's values stays as it is.
import type { Advertised } from './advertised.ts';
import { endpointText, inetBytes, inetText } from '../protocol/inet.ts';

/** Java writes an address as `name/address`, the name mostly empty: `/10.0.0.1:7000`, `/[2001:db8::1]:7000`. */
const NAME_AND_SLASH = String.raw`(?<![\w./-])[\w.-]*\/`;
const IPV4 = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const IPV6 = String.raw`[0-9a-f]*:[0-9a-f:]+(?:%\w+)?`;
const PORT = String.raw`(?::(\d{1,5})(?!\d))?`;
/** Without brackets Java leaves out no zeros, and has no port. */
const IPV6_IN_FULL = String.raw`(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}`;
/** Not the beginning of a longer address, name or number. */
const END = String.raw`(?![0-9a-z]|\.\d)`;

/** Any address in Java's form, a node's that the gate does not know among them. */
const RENDERED = new RegExp(
  String.raw`${NAME_AND_SLASH}(?:${IPV4}|\[${IPV6}\]|${IPV6_IN_FULL})${END}${PORT}`,
  'gi',
);

/** What stands in the place of a node's address. */
export type Replacement = Pick<Advertised, 'address' | 'port'>;

export class NodeAddresses {
  readonly #known: RegExp | null;

  /** `hosts` are addresses and names of nodes, in any spelling. */
  constructor(hosts: Iterable<string>) {
    const patterns = [...new Set([...hosts].flatMap(patternsOf))];
    this.#known = patterns.length === 0 ? null : new RegExp(patterns.join('|'), 'gi');
  }

  /**
   * The text without addresses of known nodes. `rendered`: without any address in Java's form either, for
   * texts that are Cassandra's own and quote no values.
   */
  scrub(text: string, gate: Replacement, rendered: boolean): string {
    const replace = (match: string, ...groups: (string | undefined)[]): string =>
      (match.includes('/') ? '/' : '') + addressText(gate, portOf(groups));
    const known = this.#known === null ? text : text.replace(this.#known, replace);
    return rendered ? known.replace(RENDERED, replace) : known;
  }
}

/** The groups of the pattern are followed by the offset and the text. */
function portOf(groups: readonly (string | undefined)[]): boolean {
  return groups.slice(0, -2).some((group) => group !== undefined);
}

function addressText({ address, port }: Replacement, withPort: boolean): string {
  const host = inetText(address) ?? '';
  return withPort ? endpointText(host, port) : host;
}

/** How an address or name is found; a name of one word is one only where a port follows. */
function patternsOf(host: string): string[] {
  const bytes = inetBytes(host);
  if (bytes === null) {
    const start = String.raw`(?<![\w.-])${escaped(host)}`;
    return [
      host.includes('.')
        ? String.raw`${start}(?![\w-]|\.\w)${PORT}`
        : String.raw`${start}:(\d{2,5})(?!\d)`,
    ];
  }
  const before = String.raw`(?:${NAME_AND_SLASH}|(?<![0-9a-z.]))`;
  const text = inetText(bytes) ?? '';
  if (bytes.length === 4) return [`${before}${escaped(text)}${END}${PORT}`];
  // Compressed as most write it, and in full as Java does.
  const spellings = [text, groupsOf(bytes).join(':')].map(escaped).join('|');
  const bare = String.raw`(?:${NAME_AND_SLASH}|(?<![0-9a-z.:]))(?:${spellings})(?:%\w+)?(?![0-9a-z:]|\.\d)`;
  return [String.raw`(?:${NAME_AND_SLASH})?\[(?:${spellings})(?:%\w+)?\]${PORT}`, bare];
}

function groupsOf(bytes: Buffer): string[] {
  return Array.from({ length: 8 }, (_unused, i) => bytes.readUInt16BE(2 * i).toString(16));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}
