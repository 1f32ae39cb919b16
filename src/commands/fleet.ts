// What the gates of a fleet share through the gate's own keyspace: revocations, and the lock on schema changes.
import type { Limits } from '../limits/operator.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { GATE_KEYSPACE } from '../policy/system-keyspaces.ts';
import type { Gate, Log } from '../session/gate.ts';
import type { Cluster } from '../upstream/cluster.ts';
import { DdlLane } from '../fleet/ddl-lane.ts';
import { LockTable } from '../fleet/fleet-lock.ts';
import { RevocationFeed } from '../fleet/revocation-feed.ts';
import { RevocationTable } from '../fleet/revocation-table.ts';
import type { WorkerGroup } from '../workers/worker-group.ts';

/** Reads and writes the fleet's revocations over the control connection. */
export function revocationFeed({ cluster, revocations, metrics, log }: Gate): RevocationFeed {
  const table = new RevocationTable(GATE_KEYSPACE, cluster.control.queries);
  const feed = new RevocationFeed(table, revocations, {
    shared: (isShared) => {
      if (isShared) log.info({}, 'revocations are shared with the fleet');
      else {
        log.warn(
          {},
          `keyspace ${GATE_KEYSPACE} has no table of revocations that the gate's login may read: they hold in this gate only, until it ends; 'cqlgate provision' makes it`,
        );
      }
    },
    failed: (error) =>
      log.warn(
        { reason: error.message },
        'revocations can not be shared now; those that are known hold, and it is tried again',
      ),
  });
  metrics.gauge('revocations_age_seconds', () =>
    feed.ageSeconds === null ? [] : [[[], feed.ageSeconds]],
  );
  return feed;
}

/** Lets one schema change of a keyspace through at a time, in the whole fleet where its gates share a table of locks. */
export function ddlLane(
  cluster: Cluster,
  { ddlLaneQueue, ddlLaneWaitMs }: Limits,
  workers: WorkerGroup,
  metrics: Metrics,
  log: Log,
): DdlLane {
  const table = new LockTable(GATE_KEYSPACE, cluster.control.queries, {
    shared: (isShared) => {
      if (isShared) log.info({}, 'schema changes wait for those of the other gates of the fleet');
      else {
        log.warn(
          {},
          `keyspace ${GATE_KEYSPACE} has no table of locks: schema changes wait for those of this gate only; 'cqlgate provision' makes it`,
        );
      }
    },
    lost: (name) => {
      metrics.counter('fleet_locks_lost_total').value++;
      log.warn({ lock: name }, 'a lock on schema changes could not be renewed and is lost');
    },
  });
  const lane = new DdlLane({
    queue: ddlLaneQueue,
    waitMs: ddlLaneWaitMs,
    lock: workers.lock(table),
  });
  metrics.gauge('ddl_lane_waiting', () => lane.waiting);
  metrics.gauge('ddl_lane_shared', () =>
    table.isShared === null ? [] : [[[], Number(table.isShared)]],
  );
  return lane;
}
