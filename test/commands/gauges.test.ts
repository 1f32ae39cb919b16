// Gauges of a running gate: sums over what has the same labels, and values that follow the part they are read from.
import { expect, it } from 'vitest';
import type { Ledger } from '../../src/audit/ledger.ts';
import { Readiness } from '../../src/admin/readiness.ts';
import { readGauges } from '../../src/commands/gauges.ts';
import { Metrics } from '../../src/metrics/metrics.ts';
import type { Gate } from '../../src/session/gate.ts';

const pool = (cassandraRole: string, open: number) => ({
  cassandraRole,
  version: 4,
  open,
  inFlight: 2 * open,
  waiting: 0,
});

const metrics = new Metrics();
const readiness = new Readiness();
const cluster = {
  poolStates: [pool('ci', 1), pool('batch', 5), pool('ci', 2)],
  nodeStates: [
    { datacenter: 'dc1', reached: 'yes' },
    { datacenter: 'dc2', reached: 'unused' },
    { datacenter: 'dc1', reached: 'yes' },
  ],
  control: { isConnected: false },
  prepared: { size: 3 },
};
const policy = { version: 'v1' };
const gate = {
  metrics,
  cluster,
  admission: { unauthenticated: 4 },
  verifier: { keyAges: [['people', 12]] },
  memory: { largestSessionBytes: 9, requests: { bytes: 8 } },
  policy,
};
let sessions = 0;
readGauges(gate as unknown as Gate, {
  ledger: {
    writable: true,
    queuedBytes: 7,
    room: { waiting: 1, usedBytes: 6 },
  } as unknown as Ledger,
  readiness,
  sessions: () => sessions,
});

it('pools of one login and version are one value, replaced logins included', () => {
  expect(metrics.values('upstream_connections')).toEqual([
    [['ci', 'v4'], 3],
    [['batch', 'v4'], 5],
  ]);
  expect(metrics.values('upstream_in_flight')).toEqual([
    [['ci', 'v4'], 6],
    [['batch', 'v4'], 10],
  ]);
});

it('nodes are counted by datacenter and whether they are reached', () => {
  expect(metrics.values('upstream_nodes')).toEqual([
    [['dc1', 'yes'], 2],
    [['dc2', 'unused'], 1],
  ]);
});

it('values follow what they are read from', () => {
  expect(metrics.values('ready')).toEqual([[[], 0]]);
  readiness.started();
  expect(metrics.values('ready')).toEqual([[[], 1]]);
  sessions = 2;
  expect(metrics.values('sessions')).toEqual([[[], 2]]);
  policy.version = 'v2';
  expect(metrics.values('policy_info')).toEqual([[['v2'], 1]]);
  cluster.control.isConnected = true;
  expect(metrics.values('control_connected')).toEqual([[[], 1]]);
});

it('the ledger, keys and logins are told as they are', () => {
  expect(metrics.values('audit_writable')).toEqual([[[], 1]]);
  expect(metrics.values('audit_queue_bytes')).toEqual([[[], 7]]);
  expect(metrics.values('audit_kept_bytes')).toEqual([[[], 6]]);
  expect(metrics.values('audit_waiting')).toEqual([[[], 1]]);
  expect(metrics.values('issuer_keys_age_seconds')).toEqual([[['people'], 12]]);
  expect(metrics.values('unauthenticated_connections')).toEqual([[[], 4]]);
  expect(metrics.values('prepared_statements')).toEqual([[[], 3]]);
  expect(metrics.values('bytes_in_flight')).toEqual([[[], 8]]);
});
