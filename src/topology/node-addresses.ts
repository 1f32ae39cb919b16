// Replaces addresses in texts that Cassandra writes by the gate's. All addresses are replaced, whether or not they
// belong to a node: one that stayed because it does not would show a client which of its guesses are right. Only
// what the client's own statement contains stays, whatever it is.
import type { Advertised } from './advertised.ts';
import { endpointText, inetBytes, inetText } from '../protocol/inet.ts';

/** Java writes an address as `name/address`, mostly with an empty name: `/10.0.0.1:7000`, `/[2001:db8::1]:7000`. */
const NAME_AND_SLASH = String.raw`(?<![\w./-])[\w.-]*\/`;
const IPV4 = String.raw`\d{1,3}(?:\.\d{1,3}){3}`;
const IPV6 = String.raw`[0-9a-f]*:[0-9a-f:]+(?:%\w+)?`;
const PORT = String.raw`(?::(\d{1,5})(?!\d))?`;
/** Without brackets Java writes all zeros, and no port. */
const IPV6_IN_FULL = String.raw`(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}`;
/** What follows must not make it a longer address, name or number. */
const END = String.raw`(?![0-9a-z]|\.\d)`;

/** What may be an address, in Java's form or in the usual one. */
const ADDRESSES = new RegExp(
  [
    String.raw`${NAME_AND_SLASH}(?:${IPV4}|\[${IPV6}\]|${IPV6_IN_FULL})${END}${PORT}`,
    String.raw`(?<![0-9a-z.])${IPV4}${END}${PORT}`,
    String.raw`\[${IPV6}\]${PORT}`,
    String.raw`(?<![0-9a-z.:])${IPV6}(?![0-9a-z:]|\.\d)`,
  ].join('|'),
  'gi',
);

/** What replaces a node's address. */
export type Replacement = Pick<Advertised, 'address' | 'port'>;

export class NodeAddresses {
  /** The names of nodes, which cannot be recognized by their form. */
  readonly #names: RegExp | null;

  /** `hosts` are the addresses and names of nodes. */
  constructor(hosts: Iterable<string>) {
    const names = [...new Set(hosts)].filter((host) => inetBytes(host) === null);
    this.#names = names.length === 0 ? null : new RegExp(names.map(patternOf).join('|'), 'gi');
  }

  /** Replaces all addresses but those in `quoted`, the statement that the text may quote. */
  scrub(text: string, gate: Replacement, quoted: string | null): string {
    let own: ReadonlySet<string> | null = null;
    const replace = (match: string, ...groups: (string | undefined)[]): string => {
      own ??= quoted === null ? NONE : this.#within(quoted);
      if (own.has(match)) return match;
      return (match.includes('/') ? '/' : '') + addressText(gate, portOf(groups));
    };
    const named = this.#names === null ? text : text.replace(this.#names, replace);
    return named.replace(ADDRESSES, (match: string, ...groups: (string | undefined)[]) =>
      isAddress(match) ? replace(match, ...groups) : match,
    );
  }

  #within(text: string): ReadonlySet<string> {
    const names = this.#names === null ? [] : (text.match(this.#names) ?? []);
    return new Set([...names, ...(text.match(ADDRESSES) ?? [])]);
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Whether a match really is an address; `line 1:7` and a time of day look like the beginning of one. */
function isAddress(match: string): boolean {
  const plain = match.slice(match.lastIndexOf('/') + 1);
  const end = plain.includes('.') && !plain.startsWith('[') ? plain.indexOf(':') : -1;
  const host = plain.startsWith('[')
    ? plain.slice(1, plain.indexOf(']'))
    : plain.slice(0, end < 0 ? plain.length : end);
  return inetBytes(host) !== null;
}

/** The groups of the pattern are followed by the offset and the text. */
function portOf(groups: readonly (string | undefined)[]): boolean {
  return groups.slice(0, -2).some((group) => group !== undefined);
}

function addressText({ address, port }: Replacement, withPort: boolean): string {
  const host = inetText(address) ?? '';
  return withPort ? endpointText({ host, port }) : host;
}

/** The pattern that finds a name. A single word counts as one only if a port follows. */
function patternOf(host: string): string {
  const start = String.raw`(?<![\w.-])${escaped(host)}`;
  return host.includes('.')
    ? String.raw`${start}(?![\w-]|\.\w)${PORT}`
    : String.raw`${start}:(\d{2,5})(?!\d)`;
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, String.raw`\$&`);
}

/** How the addresses in one response are replaced. */
export interface Scrub {
  readonly nodes: NodeAddresses;
  /** What replaces a node's address. */
  readonly gate: Replacement;
  /** The text of the statement that is answered, where it is known: messages may quote it. */
  readonly quoted: string | null;
}
