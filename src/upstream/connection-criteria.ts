// What a request demands of the connection that it leaves by, and what it prefers.
import type { WantedKeyspace } from '../cql/connection-state.ts';
import type { ClusterNode } from './node.ts';

export interface ConnectionCriteria {
  /** The state that the connection must be in; null where the request means the same in each. */
  readonly keyspace: WantedKeyspace;
  /** The request names that keyspace, or can be made to: at a node that reads it there, any connection will do. */
  readonly naming: boolean;
  /** Nodes that serve it best: the replicas of its row, or the node that its session reads system tables from. */
  readonly preferred: readonly ClusterNode[];
  /** The first of `preferred` that is reached is taken, rather than the one with the least to do. */
  readonly inOrder: boolean;
  /** While the first of `preferred` is reached, no other node will do. */
  readonly only: boolean;
  /** Name of a node that failed it; taken again only where there is no other. */
  readonly avoid: string | null;
  /**
   * It is large, or its role or session has much in flight: the last stream ids of a connection, and the first
   * connection to a node, are for others.
   */
  readonly givesWay: boolean;
}

export const ANYWHERE: ConnectionCriteria = {
  keyspace: null,
  naming: false,
  preferred: [],
  inOrder: false,
  only: false,
  avoid: null,
  givesWay: false,
};
