// Stream ids: each out once, and a timed-out one only after its late response.
import { describe, expect, it } from 'vitest';
import { StreamIds } from '../../src/upstream/stream-ids.ts';
import { foreignTarget } from '../../src/upstream/target.ts';

describe('stream ids', () => {
  it('are each out once, and come back', () => {
    const ids = new StreamIds(4);
    const taken = [ids.take(), ids.take(), ids.take(), ids.take()];
    expect(new Set(taken).size).toBe(4);
    expect(ids.take()).toBe(-1);
    ids.give(taken[2] as never);
    expect(ids.take()).toBe(taken[2]);
  });

  it('stay out while quarantined', () => {
    const ids = new StreamIds(1);
    const id = ids.take();
    ids.quarantine();
    expect([ids.take(), ids.quarantined, ids.available]).toEqual([-1, 1, 0]);
    ids.giveQuarantined(id as never);
    expect([ids.take(), ids.quarantined]).toEqual([id, 0]);
  });

  it('fit a signed short', () => {
    expect(() => new StreamIds(32_769)).toThrow(RangeError);
    expect(() => new StreamIds(0)).toThrow(RangeError);
  });
});

describe('targets', () => {
  const target = (fields: object) => ({
    supported: new Map<string, string[]>(),
    clusterName: 'prod',
    releaseVersion: '5.0.9',
    localColumns: ['key'],
    ...fields,
  });

  it.each([
    [{}, null],
    [{ releaseVersion: '4.1.10' }, null],
    [{ releaseVersion: '5.0-rc1' }, null],
    [{ releaseVersion: '3.11.19' }, 'Cassandra 3.11.19'],
    [{ releaseVersion: '5.1.0' }, 'Cassandra 5.1.0'],
    [{ releaseVersion: '' }, 'unknown release'],
    [{ supported: new Map([['SCYLLA_SHARD', ['0']]]) }, 'ScyllaDB'],
    [{ supported: new Map([['PRODUCT_TYPE', ['DATASTAX_APOLLO']]]) }, 'Astra'],
    [{ localColumns: ['dse_version'] }, 'DataStax Enterprise'],
    [{ clusterName: 'Amazon Keyspaces' }, 'Amazon Keyspaces'],
  ])('%j', (fields, expected) => {
    const found = foreignTarget(target(fields));
    if (expected === null) expect(found).toBeNull();
    else expect(found).toContain(expected);
  });
});
