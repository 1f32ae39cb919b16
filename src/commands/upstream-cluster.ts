// The cluster behind a running gate, with what is logged, counted and recorded when it changes.
import type { Ledger } from '../audit/ledger.ts';
import type { LoadedConfig } from '../config/load.ts';
import type { MemoryBudget } from '../memory/budget.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { SchemaChange } from '../protocol/messages/event.ts';
import type { Log } from '../session/gate.ts';
import { Cluster, type ClusterListener } from '../upstream/cluster.ts';
import type { LoginSource } from '../secrets/upstream-login.ts';
import type { Dial } from '../upstream/dial.ts';
import { logNodes } from './log-nodes.ts';
import { recordLogin } from './logins.ts';

interface Surroundings {
  readonly memory: MemoryBudget;
  readonly metrics: Metrics;
  readonly ledger: Ledger;
  readonly log: Log;
}

/** Nothing is connected yet: see `Cluster.start`. */
export function upstreamCluster(
  { config, contactPoints, gateRole, limits }: LoadedConfig,
  parts: {
    readonly dial: Dial;
    readonly logins: ReadonlyMap<string, LoginSource>;
    /** Called when registry and schema have the change already. */
    readonly schemaChanged: (change: SchemaChange) => void;
  },
  around: Surroundings,
): Cluster {
  const { localDatacenter, remoteDatacenters } = config.cluster;
  const { compression, connectionsPerPool, allowUntested } = config.cluster;
  const { dial, logins, schemaChanged } = parts;
  return new Cluster({
    contactPoints,
    datacenters: { local: localDatacenter ?? null, remote: remoteDatacenters },
    dial,
    logins,
    gateRole,
    compression,
    connectionsPerPool,
    poolConnections: limits.poolConnections,
    preparedRegistryBytes: limits.preparedRegistryBytes,
    memory: around.memory,
    allowUntested,
    listener: { schemaChanged, ...reports(localDatacenter, around) },
  });
}

function reports(
  localDatacenter: string | undefined,
  { metrics, ledger, log }: Surroundings,
): Omit<ClusterListener, 'schemaChanged'> {
  return {
    superuser: (name) =>
      log.warn(
        { cassandra_role: name },
        'an upstream login is a superuser: Cassandra is no second wall behind the policy; use a login with grants',
      ),
    nodesChanged: (nodes, local) => logNodes(nodes, local, localDatacenter, log),
    loginChanged: (login) => recordLogin(login, { metrics, ledger, log }),
    fault: (fault, isRepeated) => {
      metrics.counter('upstream_faults_total', fault.code).value++;
      if (!isRepeated) log.warn({ code: fault.code }, `upstream: ${fault.message}`);
    },
  };
}
