// What the log says of the cluster's nodes when they change.
import type { Log } from '../session/gate.ts';
import type { ClusterNode } from '../upstream/node.ts';

/** `configured` is `cluster.localDatacenter`, where it is set. */
export function logNodes(
  nodes: readonly ClusterNode[],
  localDatacenter: string,
  configured: string | undefined,
  log: Log,
): void {
  const datacenters: Record<string, number> = {};
  for (const { datacenter } of nodes) datacenters[datacenter] = (datacenters[datacenter] ?? 0) + 1;
  log.info(
    { local_datacenter: localDatacenter, datacenters, nodes: nodes.map(({ name }) => name) },
    'the nodes of the cluster',
  );
  if (configured === undefined && Object.keys(datacenters).length > 1) {
    log.warn(
      { local_datacenter: localDatacenter },
      'the cluster has several datacenters: set cluster.localDatacenter, or a restart may choose another',
    );
  }
}
