// What the gates of a fleet share: the gauges and lines of the log by which an operator sees whether they do.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ddlLane, revocationFeed } from '../../src/commands/fleet.ts';
import type { FleetLockListener } from '../../src/fleet/fleet-lock.ts';
import type { FeedListener } from '../../src/fleet/revocation-feed.ts';
import type { Limits } from '../../src/limits/operator.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Gate } from '../../src/session/gate.ts';
import type { Cluster } from '../../src/upstream/cluster.ts';
import { SINGLE_PROCESS } from '../../src/workers/worker-group.ts';
import { LogLines } from '../support/log-lines.ts';

/** What the feed and the table of locks report to. */
let feedListener: FeedListener;
let lockListener: FleetLockListener;
const feed = { ageSeconds: null as number | null };
const table = { isShared: null as boolean | null };
vi.mock('../../src/fleet/revocation-feed.ts', () => ({
  RevocationFeed: vi.fn(function (_table: unknown, _revocations: unknown, listener: FeedListener) {
    feedListener = listener;
    return feed;
  }),
}));
vi.mock('../../src/fleet/fleet-lock.ts', () => ({
  LockTable: vi.fn(function (_keyspace: string, _queries: unknown, listener: FleetLockListener) {
    lockListener = listener;
    return table;
  }),
}));

const cluster = { control: { queries: {} } } as unknown as Cluster;
let metrics: Metrics;
let log: LogLines;
beforeEach(() => {
  metrics = new Metrics();
  log = new LogLines();
});

const logged = (): unknown[] => log.lines.map(({ level, message }) => [level, message]);

describe('revocations', () => {
  beforeEach(() => {
    feed.ageSeconds = null;
    revocationFeed({ cluster, revocations: {}, metrics, log } as unknown as Gate);
  });

  it('have an age while they are shared, and none where they are not', () => {
    expect(metrics.values('revocations_age_seconds')).toEqual([]);
    feed.ageSeconds = 3;
    expect(metrics.values('revocations_age_seconds')).toEqual([[[], 3]]);
  });

  it('that only this gate knows are a warning, which says what makes their table', () => {
    feedListener.shared(true);
    feedListener.shared(false);
    feedListener.failed(new Error('no node is reached'));
    expect(logged()).toEqual([
      ['info', 'revocations are shared with the fleet'],
      ['warn', expect.stringContaining("'cqlgate provision' makes it")],
      ['warn', expect.stringContaining('those that are known hold')],
    ]);
    expect(log.lines[2]!.fields).toEqual({ reason: 'no node is reached' });
  });
});

describe('the lane of schema changes', () => {
  const limits = { ddlLaneQueue: 8, ddlLaneWaitMs: 1_000 } as Limits;
  let lane: ReturnType<typeof ddlLane>;
  beforeEach(() => {
    table.isShared = null;
    lane = ddlLane(cluster, limits, SINGLE_PROCESS, metrics, log);
  });
  afterEach(async () => lane.close());

  it('is shared, not shared, or not known yet', () => {
    expect(metrics.values('ddl_lane_waiting')).toEqual([[[], 0]]);
    expect(metrics.values('ddl_lane_shared')).toEqual([]);
    table.isShared = true;
    expect(metrics.values('ddl_lane_shared')).toEqual([[[], 1]]);
    table.isShared = false;
    expect(metrics.values('ddl_lane_shared')).toEqual([[[], 0]]);
  });

  it('counts and logs a lock that was lost', () => {
    lockListener.lost('ddl orders');
    lockListener.shared(false);
    expect(metrics.counter('fleet_locks_lost_total').value).toBe(1);
    expect(logged()).toEqual([
      ['warn', 'a lock on schema changes could not be renewed and is lost'],
      ['warn', expect.stringContaining('of this gate only')],
    ]);
    expect(log.lines[0]!.fields).toEqual({ lock: 'ddl orders' });
  });
});
