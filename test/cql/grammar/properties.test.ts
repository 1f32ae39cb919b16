// WITH properties: values, maps, and the Java classes that they name.
import { describe, expect, it } from 'vitest';
import { read, ruleOf } from '../statements.ts';

const table = (properties: string) => `CREATE TABLE ks.t (k int PRIMARY KEY) WITH ${properties}`;

describe('properties', () => {
  it.each([
    "comment = 'x' AND gc_grace_seconds = 5 AND caching = keys AND cdc = true",
    'compaction = {} AND bloom_filter_fp_chance = 0.1 AND x = -NaN',
    "caching = {'keys': 'ALL', 'rows_per_partition': 10, 5: NaN}",
    'COMPACT STORAGE AND CLUSTERING ORDER BY (a ASC, b DESC)',
    '"Quoted" = 1',
  ])('%s are taken', (properties) => {
    expect(read(table(properties)).classes).toEqual([]);
  });

  it.each([
    ["compaction = {'class': 'LeveledCompactionStrategy'}", []],
    ["compaction = {'class': 'org.apache.cassandra.db.compaction.LeveledCompactionStrategy'}", []],
    ["compression = {'sstable_compression': ''}", []],
    ["compression = {'sstable_compression': 'org.evil.C'}", ['org.evil.C']],
    ["compaction = {'CLASS': 'LeveledCompactionstrategy'}", ['LeveledCompactionstrategy']],
    ["memtable = {'my_class_name': 'x', 'class': 'x'}", ['x']],
    ["replication = {'class': 5}", ['5']],
    [
      "x = {'class': 'org.apache.cassandra.locator.evil.SimpleStrategy'}",
      ['org.apache.cassandra.locator.evil.SimpleStrategy'],
    ],
  ])('%s name %j', (properties, classes) => {
    expect(read(table(properties)).classes).toEqual(classes);
  });

  it.each([
    'comment = x',
    'comment = "x"',
    "comment = 'a' AND comment = 'b'",
    "compaction = {'class': 'a', 'class': 'b'}",
    "compaction = {'class': f(1)}",
    "compaction = {'a': [1]}",
    "compaction = {'a' 'b'}",
    'comment',
    "= 'x'",
  ])('%s are refused', (properties) => {
    expect(ruleOf(table(properties))).toBe('syntax');
  });
});
