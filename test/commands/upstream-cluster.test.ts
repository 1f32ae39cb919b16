// The cluster of a gate: which settings it gets, and what is logged and counted when it changes.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Ledger } from '../../src/audit/ledger.ts';
import { upstreamCluster } from '../../src/commands/upstream-cluster.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { MemoryBudget } from '../../src/memory/budget.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { SchemaChange } from '../../src/protocol/messages/event.ts';
import type { ClusterOptions } from '../../src/upstream/cluster.ts';
import { UpstreamFault } from '../../src/upstream/faults.ts';
import { CONFIG, Files } from '../config/files.ts';
import { LogLines } from '../support/log-lines.ts';

/** What the cluster was made of. */
let options: ClusterOptions;
vi.mock('../../src/upstream/cluster.ts', () => ({
  Cluster: vi.fn(function (given: ClusterOptions) {
    options = given;
  }),
}));

let files: Files;
let metrics: Metrics;
let log: LogLines;
const changes: SchemaChange[] = [];

beforeEach(async () => {
  metrics = new Metrics();
  log = new LogLines();
  changes.length = 0;
  files = await Files.create(
    CONFIG.replace('cluster:', 'cluster:\n  localDatacenter: dc1\n  connectionsPerPool: 3'),
  );
  upstreamCluster(
    await loadConfig(files.config),
    {
      dial: (() => undefined) as never,
      logins: new Map(),
      schemaChanged: (change) => changes.push(change),
    },
    { memory: {} as unknown as MemoryBudget, metrics, ledger: {} as unknown as Ledger, log },
  );
});
afterEach(async () => files.remove());

describe('the cluster of a gate', () => {
  it('is that of the configuration', () => {
    expect(options).toMatchObject({
      contactPoints: [{ host: '127.0.0.1', port: 9043 }],
      datacenters: { local: 'dc1' },
      connectionsPerPool: 3,
      gateRole: 'ci',
      allowUntested: false,
    });
  });

  it('tells of schema changes', () => {
    const change = { keyspace: 'orders' } as SchemaChange;
    options.listener.schemaChanged(change);
    expect(changes).toEqual([change]);
  });

  it('counts each fault, and logs those that are not repeated', () => {
    const fault = new UpstreamFault('unreachable', 'no node is reached');
    options.listener.fault(fault, false);
    options.listener.fault(fault, true);
    expect(metrics.counter('upstream_faults_total', 'unreachable').value).toBe(2);
    expect(log.lines).toEqual([
      {
        level: 'warn',
        fields: { code: 'unreachable' },
        message: 'upstream: no node is reached',
      },
    ]);
  });

  it('warns of a login that is a superuser', () => {
    options.listener.superuser('ci');
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { cassandra_role: 'ci' } }]);
  });
});
