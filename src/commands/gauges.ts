// Tells for each gauge from which part of a running gate it is read.
import type { Readiness } from '../admin/readiness.ts';
import type { Ledger } from '../audit/ledger.ts';
import { compoundKey } from '../compound-key.ts';
import { METRICS } from '../limits/process.ts';
import type { Labels } from '../metrics/metrics.ts';
import type { Gate } from '../session/gate.ts';
import type { PoolState } from '../upstream/routes.ts';

export function readGauges(
  gate: Gate,
  parts: {
    readonly ledger: Ledger;
    readonly readiness: Readiness;
    readonly sessions: () => number;
  },
): void {
  const { metrics, cluster, admission } = gate;
  const { ledger, readiness, sessions } = parts;
  const pools = (value: (pool: PoolState) => number) => (): [Labels, number][] => {
    // A login that was replaced has a route too, until its requests in flight are finished.
    const sums = new Map<string, [Labels, number]>();
    for (const pool of cluster.poolStates) {
      const labels = [pool.cassandraRole, `v${pool.version}`];
      const key = compoundKey(...labels);
      sums.set(key, [labels, (sums.get(key)?.[1] ?? 0) + value(pool)]);
    }
    return [...sums.values()];
  };
  metrics.gauge('ready', () => (readiness.reasons().length === 0 ? 1 : 0));
  metrics.gauge('sessions', sessions);
  metrics.gauge('unauthenticated_connections', () => admission.unauthenticated);
  metrics.gauge('issuer_keys_age_seconds', () =>
    gate.verifier.keyAges.map(([issuer, seconds]) => [[issuer], seconds]),
  );
  const { memory } = gate;
  metrics.gauge('bytes_in_flight', () => memory.requests.bytes);
  metrics.gauge('memory_bytes', () =>
    memory.byKind.map(([store, kind, bytes]) => [[store, kind], bytes]),
  );
  metrics.gauge('memory_budget_bytes', () =>
    memory.totals.map(([store, , limit]) => [[store], limit]),
  );
  metrics.gauge('memory_role_bytes', () =>
    memory.byRole(METRICS.seriesPerMetric).map(([role, bytes]) => [[role], bytes]),
  );
  metrics.gauge('memory_largest_session_bytes', () => memory.largestSessionBytes);
  metrics.gauge('memory_paused_sessions', () => memory.pausedSessions);
  metrics.gauge('upstream_nodes', () => {
    const counts = new Map<string, [Labels, number]>();
    for (const { datacenter, reached } of cluster.nodeStates) {
      const labels = [datacenter, reached];
      const key = compoundKey(...labels);
      counts.set(key, [labels, (counts.get(key)?.[1] ?? 0) + 1]);
    }
    return [...counts.values()];
  });
  metrics.gauge(
    'upstream_connections',
    pools((pool) => pool.open),
  );
  metrics.gauge(
    'upstream_in_flight',
    pools((pool) => pool.inFlight),
  );
  metrics.gauge(
    'upstream_waiting',
    pools((pool) => pool.waiting),
  );
  metrics.gauge('control_connected', () => Number(cluster.control.isConnected));
  metrics.gauge('prepared_statements', () => cluster.prepared.size);
  metrics.gauge('audit_waiting', () => ledger.room.waiting);
  metrics.gauge('audit_kept_bytes', () => ledger.room.usedBytes);
  metrics.gauge('audit_queue_bytes', () => ledger.queuedBytes);
  metrics.gauge('audit_writable', () => Number(ledger.writable));
  metrics.gauge('policy_info', () => [[[gate.policy.version], 1]]);
}
