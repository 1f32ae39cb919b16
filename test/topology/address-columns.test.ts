// What may be asked of Cassandra's own tables: no column that tells where a node is, in whatever way.
import { describe, expect, it } from 'vitest';
import { analyse, batchOf, isStatement } from '../../src/cql/analyse.ts';
import type { Statement } from '../../src/cql/statement.ts';
import { addressRefusal, KEYED_BY_ADDRESS } from '../../src/topology/address-columns.ts';

function statement(text: string, keyspace: string | null = null): Statement {
  const found = analyse(text, keyspace);
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

const refusal = (text: string, keyspace: string | null = null) =>
  addressRefusal(statement(text, keyspace));

describe('refused', () => {
  it.each([
    'SELECT * FROM system_views.settings',
    "SELECT value FROM system_views.settings WHERE name = 'listen_address'",
    'SELECT value AS v FROM system_views.settings',
    'SELECT JSON value FROM system_views.settings',
    'SELECT JSON * FROM system_views.settings',
    'SELECT DISTINCT value FROM system_views.settings',
    'SELECT max(value) FROM system_views.settings',
    'SELECT toJson(value) FROM system_views.settings',
    'SELECT cast(value AS text) FROM system_views.settings',
    'SELECT text_as_blob(value) FROM system_views.settings',
    'SELECT (text) value FROM system_views.settings',
    "SELECT name FROM system_views.settings WHERE value = '10.0.0.1' ALLOW FILTERING",
    'SELECT coordinator FROM system.repairs',
    'SELECT participants_wp FROM system.repairs',
    'SELECT count(*), max(coordinator) FROM system_distributed.repair_history',
    "SELECT options['hosts'] FROM system_distributed.parent_repair_history",
    'SELECT exception_stacktrace FROM system_distributed.parent_repair_history',
    'SELECT peers FROM system_views.streaming',
    "INSERT INTO system_distributed.repair_history (keyspace_name, columnfamily_name, id) VALUES ('a', 'b', now()) IF NOT EXISTS",
  ])('%s', (text) => {
    expect(refusal(text)).toContain('cqlgate does not tell where nodes are');
  });

  it.each([...KEYED_BY_ADDRESS])('%s: the state of a page tells the key', (name) => {
    expect(refusal(`SELECT rack FROM ${name}`)).toContain('Read it at the cluster');
  });

  it('under USE', () => {
    expect(refusal('SELECT value FROM settings', 'system_views')).not.toBeNull();
  });

  it.each(['system', 'system_distributed', 'system_traces', 'system_views'])(
    'a table of %s that nobody has looked at',
    (keyspace) => {
      for (const table of ['of_a_later_release', 'constructor', '"Local"']) {
        expect(refusal(`SELECT a FROM ${keyspace}.${table}`)).toContain('does not know what');
      }
    },
  );

  it('an LWT in a BATCH, by text and by message', () => {
    const lwt =
      "UPDATE system_traces.sessions SET command = 'a' WHERE session_id = 77113a40-e8ad-11f1-b19b-bdfdfc818386 IF command = 'b'";
    expect(refusal(`BEGIN BATCH ${lwt} APPLY BATCH`)).not.toBeNull();
    expect(addressRefusal(batchOf([statement(lwt)]))).not.toBeNull();
  });
});

describe('traces', () => {
  const id = '77113a40-e8ad-11f1-b19b-bdfdfc818386';

  it.each([
    `SELECT * FROM system_traces.sessions WHERE session_id = ${id}`,
    `SELECT * FROM system_traces.events WHERE session_id=${id}`,
    'SELECT coordinator, duration FROM system_traces.sessions WHERE session_id = ?',
    'SELECT event_id, source AS at FROM system_traces.events WHERE session_id = ? AND event_id > ? ORDER BY event_id DESC LIMIT 5',
    'SELECT client FROM system_traces.sessions',
  ])('are read: %s', (text) => {
    expect(refusal(text)).toBeNull();
  });

  it.each([
    'SELECT JSON * FROM system_traces.events',
    'SELECT max(source) FROM system_traces.events',
    'SELECT count(*) FROM system_traces.events',
    'SELECT toJson(source) FROM system_traces.events',
    'SELECT cast(source AS text) FROM system_traces.events',
    "SELECT parameters['query'] FROM system_traces.sessions",
    "SELECT activity FROM system_traces.events WHERE source = '10.0.0.1' ALLOW FILTERING",
    'SELECT activity FROM system_traces.events WHERE source > ? ALLOW FILTERING',
  ])('are refused: %s', (text) => {
    expect(refusal(text)).toContain('Of system_traces cqlgate answers plain columns');
  });

  it('that are only read for their columns tell these to the gate', () => {
    const { selection } = statement('SELECT source AS s, activity FROM system_traces.events');
    expect(selection?.columns).toEqual([
      { name: 'source', alias: 's' },
      { name: 'activity', alias: null },
    ]);
  });
});

describe('let through', () => {
  it.each([
    'SELECT * FROM ks.settings',
    'SELECT address FROM ks.clients',
    'SELECT name FROM system_views.settings',
    'SELECT count(*) FROM system_views.settings',
    'SELECT status, id FROM system_views.repairs',
    'SELECT * FROM system_views.thread_pools',
    'SELECT * FROM system.size_estimates',
    'SELECT * FROM system.local',
    'SELECT * FROM system_schema.tables',
    'TRUNCATE system_traces.sessions',
    "UPDATE system_views.settings SET value = 'a' WHERE name = 'b'",
    "INSERT INTO ks.t (a) VALUES ('10.0.0.1') IF NOT EXISTS",
  ])('%s', (text) => {
    expect(refusal(text)).toBeNull();
  });
});
