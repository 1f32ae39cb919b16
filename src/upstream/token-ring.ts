// Which nodes have the row of a partition key: tokens in ring order, and for each keyspace the replicas
// from each place of the ring, found as Cassandra's replication strategies find them.
import { murmur3, type Token } from './murmur3.ts';

export interface RingNode {
  readonly datacenter: string;
  readonly rack: string;
  readonly tokens: readonly bigint[];
}

/** As in `system_schema.keyspaces`: `class`, and factors by datacenter or as `replication_factor`. */
export type Replication = ReadonlyMap<string, string>;

type Strategy = (replication: Replication) => Placement | null;

/** The replicas for the ring position `start`, in order. */
type Placement = <N extends RingNode>(ring: readonly N[], start: number) => N[];

const NONE: readonly never[] = [];

export class TokenRing<N extends RingNode> {
  /** Owner of each ring position, by ascending token. */
  readonly #owners: readonly N[];
  readonly #high: Int32Array;
  readonly #low: Uint32Array;
  readonly #replication: ReadonlyMap<string, Replication>;
  /** Keyspaces of the same replication share their lists, which are made when first asked for. */
  readonly #placed = new Map<string, Placed<N> | null>();
  readonly #byOptions = new Map<string, Placed<N> | null>();
  readonly #token: Token = { high: 0, low: 0 };

  constructor(nodes: readonly N[], replication: ReadonlyMap<string, Replication>) {
    const positions = nodes.flatMap((node) => node.tokens.map((token) => ({ token, node })));
    positions.sort((a, b) => (a.token < b.token ? -1 : a.token > b.token ? 1 : 0));
    this.#owners = positions.map(({ node }) => node);
    this.#high = Int32Array.from(positions, ({ token }) => Number(token >> 32n));
    this.#low = Uint32Array.from(positions, ({ token }) => Number(BigInt.asUintN(32, token)));
    this.#replication = replication;
  }

  /**
   * The nodes that have the row with the key `key[start, end)`, the first replica first; none where the
   * keyspace is not placed by tokens, or not known.
   */
  replicas(keyspace: string, key: Buffer, start: number, end: number): readonly N[] {
    let placed = this.#placed.get(keyspace);
    if (placed === undefined) {
      placed = this.#placedBy(this.#replication.get(keyspace) ?? null);
      this.#placed.set(keyspace, placed);
    }
    if (placed === null) return NONE;
    murmur3(key, start, end, this.#token);
    const position = this.#positionOf(this.#token);
    return (placed.lists[position] ??= placed.placement(this.#owners, position));
  }

  #placedBy(replication: Replication | null): Placed<N> | null {
    if (replication === null || this.#owners.length === 0) return null;
    const options = JSON.stringify([...replication].sort());
    let placed = this.#byOptions.get(options);
    if (placed === undefined) {
      const placement = placementOf(replication);
      placed =
        placement === null
          ? null
          : { placement, lists: new Array<N[] | undefined>(this.#owners.length) };
      this.#byOptions.set(options, placed);
    }
    return placed;
  }

  /** The first position whose token is not before this one; past the last it is the first. */
  #positionOf({ high, low }: Token): number {
    let from = 0;
    let to = this.#owners.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const isBefore =
        this.#high[middle]! < high || (this.#high[middle]! === high && this.#low[middle]! < low);
      if (isBefore) from = middle + 1;
      else to = middle;
    }
    return from === this.#owners.length ? 0 : from;
  }
}

interface Placed<N> {
  readonly placement: Placement;
  readonly lists: (N[] | undefined)[];
}

function placementOf(replication: Replication): Placement | null {
  const name = replication.get('class') ?? '';
  const strategy = name.slice(name.lastIndexOf('.') + 1);
  return Object.hasOwn(STRATEGIES, strategy) ? STRATEGIES[strategy]!(replication) : null;
}

/** Those that place by token; with others any node is as good. */
const STRATEGIES: Readonly<Record<string, Strategy>> = {
  SimpleStrategy: (replication) => {
    const factor = factorOf(replication.get('replication_factor'));
    return (ring, start) => simple(ring, start, factor);
  },
  NetworkTopologyStrategy: (replication) => {
    const factors = new Map<string, number>();
    for (const [name, value] of replication) {
      if (name !== 'class') factors.set(name, factorOf(value));
    }
    return (ring, start) => byTopology(ring, start, factors);
  },
};

/** `3`, or with transient replicas `3/1`: those count among the three. */
function factorOf(text: string | undefined): number {
  const factor = Number(/^(\d+)(?:\/\d+)?$/.exec(text ?? '')?.[1] ?? 0);
  return Number.isSafeInteger(factor) ? factor : 0;
}

/** SimpleStrategy.calculateNaturalReplicas: the next nodes on the ring. */
function simple<N>(ring: readonly N[], start: number, factor: number): N[] {
  const replicas: N[] = [];
  for (let i = 0; i < ring.length && replicas.length < factor; i++) {
    const node = ring[(start + i) % ring.length]!;
    if (!replicas.includes(node)) replicas.push(node);
  }
  return replicas;
}

/**
 * NetworkTopologyStrategy.calculateNaturalReplicas: in each datacenter the next nodes of racks that have
 * none yet; only as many repeats of a rack as there are fewer racks than replicas.
 */
function byTopology<N extends RingNode>(
  ring: readonly N[],
  start: number,
  factors: ReadonlyMap<string, number>,
): N[] {
  const nodes = new Set(ring);
  const open = new Map<string, { left: number; repeats: number; racks: Set<string> }>();
  for (const [datacenter, factor] of factors) {
    const there = [...nodes].filter((node) => node.datacenter === datacenter);
    if (factor <= 0 || there.length === 0) continue;
    const racks = new Set(there.map(({ rack }) => rack));
    open.set(datacenter, {
      left: Math.min(factor, there.length),
      repeats: factor - racks.size,
      racks: new Set(),
    });
  }
  const replicas: N[] = [];
  for (let i = 0; i < ring.length && open.size > 0; i++) {
    const node = ring[(start + i) % ring.length]!;
    const place = open.get(node.datacenter);
    if (place === undefined || replicas.includes(node)) continue;
    if (place.racks.has(node.rack)) {
      if (place.repeats <= 0) continue;
      place.repeats--;
    }
    place.racks.add(node.rack);
    replicas.push(node);
    if (--place.left === 0) open.delete(node.datacenter);
  }
  return replicas;
}
