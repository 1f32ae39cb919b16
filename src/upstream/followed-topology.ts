// The nodes of the cluster as they were read last and as its events say since: where the gate may connect, which nodes
// a request may go to, and which of them have its row.
import { lookup } from 'node:dns/promises';
import { usesSegments } from '../protocol/versions.ts';
import type { Frame } from '../protocol/frame.ts';
import type { NodeChange } from '../protocol/messages/event.ts';
import { inetText, type Endpoint } from '../protocol/inet.ts';
import type { ClusterNode, NodeRow, Tiers } from './node.ts';
import { Nodes, resolveNames, type Datacenters, type Reach } from './nodes.ts';
import type { PreparedStatement } from './prepared.ts';
import { routingKey, type BoundValues } from './routing-key.ts';
import { TargetFault } from './target.ts';
import { TokenRing, type Replication } from './token-ring.ts';

/** A schema, as far as the ring is made of it; another schema is another object. */
export interface ReplicatedSchema {
  /** By keyspace. */
  readonly replication: ReadonlyMap<string, Replication>;
}

export interface NodeState {
  readonly datacenter: string;
  readonly reached: Reach;
}

/** The addresses that a host name has. */
export type LookUp = (host: string) => Promise<readonly { address: string }[]>;

export class FollowedTopology {
  readonly #contactPoints: readonly Endpoint[];
  readonly #nodes: Nodes;
  readonly #lookUp: LookUp;
  #ring: TokenRing<ClusterNode> | null = null;
  /** What the ring was made of. */
  #ringNodes: readonly ClusterNode[] = NO_NODES;
  #ringSchema: ReplicatedSchema | null = null;

  constructor(
    contactPoints: readonly Endpoint[],
    datacenters: Datacenters,
    lookUp: LookUp = async (host) => lookup(host, { all: true }),
  ) {
    this.#contactPoints = contactPoints;
    this.#nodes = new Nodes(datacenters);
    this.#lookUp = lookUp;
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes.all;
  }

  /** Those that are used, by datacenter in the order of use. */
  get tiers(): Tiers {
    return this.#nodes.tiers;
  }

  get localDatacenter(): string {
    return this.#nodes.localDatacenter ?? '';
  }

  get nodeStates(): readonly NodeState[] {
    return this.nodes.map((node) => ({
      datacenter: node.datacenter,
      reached: this.#nodes.reachOf(node),
    }));
  }

  /** Whether all nodes speak this version. Releases before 4.0 have a version 5 that is another protocol. */
  speaks(version: number): boolean {
    const isOld = this.nodes.some(({ releaseVersion }) => /^[123]\./.test(releaseVersion));
    return !isOld || !usesSegments(version);
  }

  /**
   * Takes the nodes as the one at `reached` has them. True when anything is another than before. Rejects with
   * TargetFault where none of them is of the datacenter that is to be used.
   */
  async update(rows: readonly NodeRow[], reached: Endpoint): Promise<boolean> {
    const names = await resolveNames(this.#contactPoints, this.#lookUp);
    if (!this.#nodes.update(rows, reached, names)) return false;
    if (this.tiers[0]!.length > 0) return true;
    const known = this.#nodes.datacenters.join(', ');
    throw new TargetFault(
      `cluster.localDatacenter is ${this.localDatacenter}, but the cluster has ${known}`,
    );
  }

  /** Notes what the cluster says of one of its nodes; null where that is none that is known. */
  changed({ change, address, port }: NodeChange): ClusterNode | null {
    const node = this.#nodes.find(inetText(address) ?? '', port);
    if (node !== null) node.saidDown = change === 'DOWN';
    return node;
  }

  dialledAs(point: Endpoint): ClusterNode | null {
    return this.#nodes.dialledAs(point);
  }

  /** Where to connect, the best first: nodes that are reached, then contact points. What the cluster said may be stale. */
  candidates(lost: Endpoint | null): Endpoint[] {
    const reached = this.tiers.flat().filter(({ isReachable }) => isReachable);
    const isLost = ({ host, port }: Endpoint): boolean => host === lost?.host && port === lost.port;
    const all: Endpoint[] = [...reached, ...this.#contactPoints];
    // The one that was lost just now comes last.
    return [...all.filter((point) => !isLost(point)), ...all.filter(isLost).slice(0, 1)];
  }

  /** The nodes that have the row of a request; none where that is not known or makes no difference. */
  replicasFor(
    schema: ReplicatedSchema,
    frame: Frame,
    [prepared]: readonly PreparedStatement[],
    bound: BoundValues | null,
  ): readonly ClusterNode[] {
    const ring = this.#ringOf(schema);
    const table = prepared?.statement.tables[0];
    if (ring === null || prepared === undefined || bound === null || table === undefined) {
      return NO_NODES;
    }
    const key = routingKey(frame, bound, prepared);
    return key === null ? NO_NODES : ring.replicas(table.keyspace, key, 0, key.length);
  }

  /** Of today's nodes and schema; null where there is nothing to choose from. */
  #ringOf(schema: ReplicatedSchema): TokenRing<ClusterNode> | null {
    const { nodes } = this;
    if (nodes.length < 2) return null;
    if (this.#ring === null || this.#ringNodes !== nodes || this.#ringSchema !== schema) {
      this.#ring = new TokenRing(nodes, schema.replication);
      this.#ringNodes = nodes;
      this.#ringSchema = schema;
    }
    return this.#ring;
  }
}

const NO_NODES: readonly ClusterNode[] = [];
