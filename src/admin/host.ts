// The name by which the admin port is called. A browser sends the name that its page used, also where a name of somebody
// else's was pointed at this address (DNS rebinding): a name that is not ours is a page of somebody else's. An address in
// the place of a name can't be pointed anywhere, so probes and scrapes by address are let in to what is open.
import { isIP } from 'node:net';

/** A name or address without port, brackets, trailing dot and capitals; null where it is none. */
export function hostName(authority: string): string | null {
  const [, bracketed, plain] =
    /^(?:\[([0-9a-f:.]+)\]|([^\s:/?#@[\]\\]+))(?::\d{0,5})?$/i.exec(authority) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6 ? bracketed.toLowerCase() : null;
  if (plain === undefined) return isIP(authority) === 6 ? authority.toLowerCase() : null;
  const name = plain.toLowerCase().replace(/\.$/, '');
  return name === '' ? null : name;
}

/** Names that are ours, as configured; `*.` in front stands for one label. */
export class HostNames {
  readonly #names: ReadonlySet<string>;

  constructor(names: Iterable<string>) {
    this.#names = new Set([...names].flatMap((name) => hostName(name) ?? []));
  }

  has(name: string): boolean {
    if (this.#names.has(name)) return true;
    const dot = name.indexOf('.');
    return dot > 0 && isIP(name) === 0 && this.#names.has(`*${name.slice(dot)}`);
  }
}

/**
 * Every name by which a request calls its server: Host, once or more often, and the target where that is a whole URL.
 * Empty where there is none, as in HTTP/1.0; null in the place of one that can't be read.
 */
export function calledBy(
  rawHeaders: readonly string[],
  target: string,
): readonly (string | null)[] {
  const given: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === 'host') given.push(rawHeaders[i + 1]!.trim());
  }
  if (!target.startsWith('/') && target !== '*') {
    given.push(/^https?:\/\/([^/?#]*)/i.exec(target)?.[1] ?? 'no authority');
  }
  // An empty Host is what a client sends that knows no name.
  return given.filter((one) => one !== '').map(hostName);
}

/** For what is open to whoever reaches the port: an address, localhost, or a name of ours. */
export function isOpenTo(called: readonly (string | null)[], own: HostNames): boolean {
  return called.every(
    (name) => name !== null && (isIP(name) !== 0 || name === 'localhost' || own.has(name)),
  );
}
