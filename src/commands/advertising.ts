// The addresses by which drivers are told to reach this gate and its siblings. A host name is resolved at the start, and
// again from time to time, since its address may change.
import { lookup } from 'node:dns/promises';
import type { LoadedConfig } from '../config/load.ts';
import { guarded, unattended } from '../guard.ts';
import { ADVERTISE } from '../limits/fleet.ts';
import { endpointText, inetBytes, type Endpoint } from '../protocol/inet.ts';
import type { Advertising, Log } from '../session/gate.ts';
import type { Advertised } from '../topology/advertised.ts';

type Resolve = (host: string) => Promise<string>;

/** Rejects where the gate's own name has no address. A sibling without one is left out until it has one. */
export async function advertisingOf(
  { config, peers }: Pick<LoadedConfig, 'config' | 'peers'>,
  log: Log,
  resolve: Resolve = async (host) => (await lookup(host)).address,
): Promise<Advertising> {
  if (config.advertise === undefined) return BY_SOCKET;
  const { host, port } = config.advertise;
  const own = new Name({ host, port }, log, resolve);
  await own.resolve();
  if (own.address === null) throw new Error(`advertise.host ${host} has no address`);
  // All gates of the fleet may have the same list of peers, so that the gate itself is on it.
  const siblings = peers
    .filter((peer) => endpointText(peer) !== endpointText({ host, port }))
    .map((peer) => new Name(peer, log, resolve));
  await Promise.all(siblings.map(async (sibling) => sibling.resolve()));
  const look = (): void => {
    for (const name of [own, ...siblings]) unattended('advertising', name.resolve());
  };
  setInterval(guarded('advertising', look), ADVERTISE.resolveMs).unref();
  return {
    self: () => own.advertised!,
    siblings: () => siblings.flatMap(({ advertised }) => advertised ?? []),
  };
}

/** Tells drivers the address by which they connected; that is right for one gate without NAT. */
const BY_SOCKET: Advertising = {
  self: (address, port) => ({
    address: inetBytes(address) ?? Buffer.from([127, 0, 0, 1]),
    port,
    name: endpointText({ host: address, port }),
  }),
  siblings: () => [],
};

/** A configured host with its present address; a name that cannot be resolved keeps its last address. */
class Name {
  readonly #of: Endpoint;
  readonly #log: Log;
  readonly #lookup: Resolve;
  /** The last attempt failed, which is logged once. */
  #isFailing = false;
  address: Buffer | null;

  constructor(of: Endpoint, log: Log, lookup: Resolve) {
    this.#of = of;
    this.#log = log;
    this.#lookup = lookup;
    this.address = inetBytes(of.host);
  }

  get advertised(): Advertised | null {
    const { address } = this;
    return address === null ? null : { address, port: this.#of.port, name: endpointText(this.#of) };
  }

  async resolve(): Promise<void> {
    const { host } = this.#of;
    if (inetBytes(host) !== null) return;
    try {
      this.address = inetBytes(await this.#lookup(host)) ?? this.address;
      this.#isFailing = false;
    } catch (error) {
      if (this.#isFailing) return;
      this.#isFailing = true;
      this.#log.warn(
        { host, reason: error instanceof Error ? error.message : String(error) },
        this.address === null
          ? 'a name under advertise has no address yet; drivers are not told of it'
          : 'a name under advertise could not be looked up; its last address stays',
      );
    }
  }
}
