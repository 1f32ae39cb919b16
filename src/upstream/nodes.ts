// Which nodes the cluster has, as they were read last, and in which order their datacenters are used. Nodes come, go and
// change their address; a node that stayed as it was is the same object as before.
import { isIP } from 'node:net';
import { endpointText, plainAddress, type Endpoint } from '../protocol/inet.ts';
import { ClusterNode, type NodeRow, type Tiers } from './node.ts';

export interface Datacenters {
  /** Whose nodes are used; null: that of the first node reached. */
  readonly local: string | null;
  /** Used in this order while no node of the local one is reached. */
  readonly remote: readonly string[];
}

export type Reach = 'yes' | 'no' | 'unused';

export class Nodes {
  readonly #remote: readonly string[];
  #local: string | null;
  #all: readonly ClusterNode[] = [];
  /** Where contact points led. As they are written goes before the address that the node gives. */
  readonly #reached = new Map<string, { readonly dialled: Endpoint; readonly native: string }>();

  constructor({ local, remote }: Datacenters) {
    this.#local = local;
    this.#remote = remote;
  }

  get all(): readonly ClusterNode[] {
    return this.#all;
  }

  get localDatacenter(): string | null {
    return this.#local;
  }

  get datacenters(): readonly string[] {
    return [...new Set(this.#all.map(({ datacenter }) => datacenter))];
  }

  /** The nodes that are used, by datacenter in the order of use. */
  get tiers(): Tiers {
    return [this.#local ?? '', ...this.#remote].map((name) =>
      this.#all.filter(({ datacenter }) => datacenter === name),
    );
  }

  /**
   * Whether the gate has a connection to a node. `unused`: it has none and is meant to have none, since the node's
   * datacenter is not among those that are used, or one that comes before it has a node that is reached.
   */
  reachOf(node: ClusterNode): Reach {
    if (node.isReachable) return 'yes';
    for (const tier of this.tiers) {
      if (tier.includes(node)) return 'no';
      if (tier.some(({ isReachable }) => isReachable)) break;
    }
    return 'unused';
  }

  /**
   * Takes the nodes as the one at `reached` has them. `names` are contact points by the address that they resolve to.
   * True when anything changed.
   */
  update(
    rows: readonly NodeRow[],
    reached: Endpoint,
    names: ReadonlyMap<string, Endpoint>,
  ): boolean {
    const [own] = rows;
    if (own === undefined) return false;
    this.#local ??= own.datacenter;
    this.#reached.set(own.hostId, { dialled: reached, native: endpointText(own.native) });
    const before = this.#all;
    const now = rows.map((row) => {
      const dialled = this.#dialled(row, names);
      const known = before.find((node) => node.hostId === row.hostId);
      return known?.is(row, dialled) === true ? known : new ClusterNode(row, dialled);
    });
    const ids = new Set(rows.map(({ hostId }) => hostId));
    for (const id of this.#reached.keys()) if (!ids.has(id)) this.#reached.delete(id);
    // The same list while nothing changed: the token ring is made of it.
    const isSame = now.length === before.length && now.every((node) => before.includes(node));
    if (!isSame) this.#all = now;
    return !isSame;
  }

  /** By the address that the cluster calls it by. */
  find(host: string, port: number): ClusterNode | null {
    return this.#all.find(({ native }) => native.host === host && native.port === port) ?? null;
  }

  dialledAs({ host, port }: Endpoint): ClusterNode | null {
    const name = endpointText({ host, port });
    return this.#all.find((node) => node.name === name) ?? null;
  }

  #dialled(row: NodeRow, names: ReadonlyMap<string, Endpoint>): Endpoint {
    const native = endpointText(row.native);
    const before = this.#reached.get(row.hostId);
    if (before?.native === native) return before.dialled;
    return names.get(native) ?? row.native;
  }
}

/**
 * Contact points by name, under the one address that each resolves to: a certificate is of the name. A
 * name of several addresses is no node's.
 */
export async function resolveNames(
  contactPoints: readonly Endpoint[],
  lookup: (host: string) => Promise<readonly { address: string }[]>,
): Promise<Map<string, Endpoint>> {
  const names = new Map<string, Endpoint>();
  await Promise.all(
    contactPoints.map(async (point) => {
      if (isIP(point.host) !== 0) return;
      const found = await lookup(point.host).catch(() => []);
      const [only] = new Set(found.map(({ address }) => plainAddress(address)));
      if (only !== undefined && found.length === 1) {
        names.set(endpointText({ host: only, port: point.port }), point);
      }
    }),
  );
  return names;
}
