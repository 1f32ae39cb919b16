// The load balancers that say whose connections they pass on: who comes from one of these addresses has to say it,
// and nobody else may.
import net from 'node:net';
import { plainAddress } from '../protocol/inet.ts';

export class ProxySources {
  readonly #listed = new net.BlockList();

  /** Addresses with a prefix length, or single ones; checked when the configuration was read. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix] = range.split('/');
      const family = net.isIPv6(address) ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#listed.addAddress(address, family);
      else this.#listed.addSubnet(address, Number(prefix), family);
    }
  }

  /** `address` as a socket has it. */
  has(address: string | undefined): boolean {
    if (address === undefined) return false;
    const [plain = ''] = plainAddress(address).split('%');
    if (net.isIPv4(plain)) return this.#listed.check(plain, 'ipv4');
    return net.isIPv6(plain) && this.#listed.check(plain, 'ipv6');
  }
}
