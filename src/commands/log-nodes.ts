// Logs the cluster's nodes when they change.
import type { Log } from '../session/gate.ts';
import type { ClusterNode } from '../upstream/node.ts';

/** `configured` is `cluster.localDatacenter`, where that is set. */
export function logNodes(
  nodes: readonly ClusterNode[],
  localDatacenter: string,
  configured: string | undefined,
  log: Log,
): void {
  const counts = new Map<string, number>();
  for (const { datacenter } of nodes) counts.set(datacenter, (counts.get(datacenter) ?? 0) + 1);
  const datacenters = Object.fromEntries(counts);
  log.info(
    { local_datacenter: localDatacenter, datacenters, nodes: nodes.map(({ name }) => name) },
    'the nodes of the cluster',
  );
  if (configured === undefined && counts.size > 1) {
    log.warn(
      { local_datacenter: localDatacenter },
      'the cluster has several datacenters: set cluster.localDatacenter, or a restart may choose another',
    );
  }
}
