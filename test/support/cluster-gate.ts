// A gate before a cluster of real nodes, jobs through it, and the keyspace that they share.
import type { Client } from 'cassandra-driver';
import { GATE_LOGIN, type CassandraCluster } from './cassandra-cluster.ts';
import { TestGate, type GateOptions } from './gate.ts';
import { through } from './clients.ts';

const ALL = 'CREATE, ALTER, DROP, SELECT, MODIFY';

export async function clusterGate(
  cluster: CassandraCluster,
  options: Partial<GateOptions> & { readonly cluster?: Record<string, unknown> } = {},
): Promise<TestGate> {
  return TestGate.start({
    contactPoint: cluster.contactPoints[0]!,
    ...GATE_LOGIN,
    roles: {
      job: {
        grants: [`${ALL} ON KEYSPACE shop*`, 'SELECT ON KEYSPACE system_traces'],
      },
    },
    ...options,
    config: {
      cluster: { contactPoints: cluster.contactPoints, ...options.cluster },
      ...options.config,
    },
  });
}

export async function jobsOf(gate: TestGate, count: number): Promise<Client[]> {
  return Promise.all(Array.from({ length: count }, async () => through(gate, 'job')));
}

export const SHOP = {
  table: 'shop.t',
  create: async (client: Client, replicas: number): Promise<void> => {
    await client.execute(
      `CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': ${replicas}}`,
    );
    await client.execute('CREATE TABLE shop.t (k int PRIMARY KEY, v int)');
  },
} as const;
