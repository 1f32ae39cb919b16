// What of Cassandra's own keyspaces every login may read.
import { expect, it } from 'vitest';
import {
  GATE_KEYSPACE,
  hasReadableTables,
  isAlwaysReadable,
  SYSTEM_KEYSPACES,
} from '../../src/policy/system-keyspaces.ts';

it('drivers read the schema and the topology, and nobody reads passwords, traces or sizes by that', () => {
  expect(isAlwaysReadable('system_schema', 'anything')).toBe(true);
  expect(isAlwaysReadable('system_virtual_schema', 'tables')).toBe(true);
  for (const table of ['local', 'peers', 'peers_v2'])
    expect(isAlwaysReadable('system', table)).toBe(true);
  for (const [keyspace, table] of [
    ['system', 'size_estimates'],
    ['system', 'LOCAL'],
    ['system', 'prepared_statements'],
    ['system_auth', 'roles'],
    ['system_traces', 'events'],
    ['system_views', 'clients'],
    ['local', 'system'],
    [GATE_KEYSPACE, 'locks'],
  ] as const) {
    expect([keyspace, table, isAlwaysReadable(keyspace, table)]).toEqual([keyspace, table, false]);
  }
});

it('keyspaces with something to read are a part of the system keyspaces, and the gate’s is none of them', () => {
  const readable = [...SYSTEM_KEYSPACES].filter(hasReadableTables);
  expect(readable).toEqual(['system', 'system_schema', 'system_virtual_schema']);
  expect(hasReadableTables('ks')).toBe(false);
  expect(SYSTEM_KEYSPACES.has(GATE_KEYSPACE)).toBe(false);
});
