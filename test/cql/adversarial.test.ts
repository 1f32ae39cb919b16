// Statements made to be read as something more harmless than they are. What each touches was
// observed with Cassandra 5.0's own parser; a refusal is right where Cassandra refuses, and allowed
// where the gate is stricter on purpose.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';

/**
 * Tables as `ks.t`, functions as `f:ks.f`, types as `y:ks.t`, indexes whose table only the schema
 * knows as `i:ks.i`, roles as `r:x`, keyspaces of the rest as `k:ks`.
 */
function touched(text: string, keyspace: string | null = 'cur'): string[] | string {
  const found = analyse(text, keyspace);
  if (!isStatement(found)) return 'refused';
  const all = [
    ...found.tables.map((one) => `${one.keyspace}.${one.table}`),
    ...found.functions.map((one) => `f:${one.keyspace}.${one.name}`),
    ...(found.lookup === null ? [] : [`i:${found.lookup.keyspace}.${found.lookup.name}`]),
    ...found.roles.map((name) => `r:${name}`),
    ...found.types.map((one) => `y:${one.keyspace}.${one.name}`),
    ...(found.describe?.keyspaces ?? []).map((name) => `k:${name}`),
  ];
  if (found.kind === 'USE') all.push(`k:${found.keyspace ?? ''}`);
  return [...new Set(all)].sort();
}

const ROWS: [string, string[] | 'refused'][] = [
  ['SELECT * FROM ks/**/./**/t;;;', ['ks.t']],
  ['SELECT * FROM ks -- c\n.t', ['ks.t']],
  ['SELECT a -- FROM ks1.t\n FROM ks2.t', ['ks2.t']],
  ['SELECT a // FROM ks1.t\r FROM ks2.t', ['ks2.t']],
  ['SELECT * FROM t -- x', 'refused'],
  ['SELECT * FROM t /* a /* b */ */', 'refused'],
  ['SELECT a FROM t /*/ */', ['cur.t']],
  ["SELECT a /* ' */ FROM ks1.t /* ' FROM ks2.u */", ['ks1.t']],
  ["SELECT a FROM t WHERE b = '/*' AND c = '*/'", ['cur.t']],
  ["SELECT a FROM t WHERE b = $$ -- $$ AND c = $$'$$", ['cur.t']],
  ['SELECT $$ FROM x.y $$ FROM t', ['cur.t']],
  ["SELECT 'FROM other.t' AS x FROM t", ['cur.t']],
  ['SELECT "FROM" FROM "FROM"."WHERE"', ['FROM.WHERE']],
  ['SELECT * FROM "ks.t"', ['cur.ks.t']],
  ['SELECT * FROM "Ks"."t.u"', ['Ks.t.u']],
  ['SELECT * FROM "ks"".t"', ['cur.ks".t']],
  ['SELECT * FROM KS.T', ['ks.t']],
  ['SELECT * FROM "KS".t', ['KS.t']],
  ['SELECT * FROM key.json', ['key.json']],
  ['SELECT * FROM distinct.ttl', ['distinct.ttl']],
  ['SELECT * FROM values.values', ['values.values']],
  ['SELECT * FROM KEYSPACES.t', ['keyspaces.t']],
  ['SELECT * FROM a.b.c', 'refused'],
  ['SELECT * FROM a.b, c.d', 'refused'],
  ['SELECT * FROM t WHERE k IN (SELECT k FROM u)', 'refused'],
  ['SELECT * FROM t; SELECT * FROM u', 'refused'],
  [';SELECT * FROM t', 'refused'],
  ['SELECT ks . f /*x*/ (a) FROM t', ['cur.t', 'f:ks.f']],
  ['SELECT ks.f FROM t', ['cur.t']],
  ['SELECT ks.f(ks2.g(a), h(b)) FROM k.t', ['f:k.h', 'f:ks.f', 'f:ks2.g', 'k.t']],
  [
    'SELECT a[ks.f(1)..ks.g(2)], writetime(b[ks.h()]), CAST(ks.i(a) AS int), {ks.j(a):[ks.k(b)]}, -ks.l(a) FROM t GROUP BY ks.m(a)',
    ['cur.t', ...['f', 'g', 'h', 'i', 'j', 'k', 'l', 'm'].map((name) => `f:ks.${name}`)],
  ],
  ['SELECT a FROM t ORDER BY v ANN OF [ks.f(), 0.2] LIMIT 3', ['cur.t', 'f:ks.f']],
  [
    'SELECT a FROM t WHERE token(a) > token(ks.f(1)) AND b[ks.g()] = 3',
    ['cur.t', 'f:ks.f', 'f:ks.g'],
  ],
  ['SELECT * FROM t WHERE expr(idx, ks.f())', ['cur.t', 'f:ks.f']],
  ['SELECT (ks2.udt) x FROM t', ['cur.t', 'y:ks2.udt']],
  ['SELECT a FROM t WHERE a = (frozen<ks2.u>) ks.f(1)', ['cur.t', 'f:ks.f', 'y:ks2.u']],
  ["SELECT ('UserType(ks2,75,61:Int32Type)') a FROM t", ['cur.t', 'y:ks2.u']],
  ['SELECT json(a) FROM t', ['cur.t']],
  ['SELECT json.f(a) FROM t', ['cur.t', 'f:json.f']],
  ['SELECT a FROM t WHERE a = :"From Ks"', ['cur.t']],
  ['SELECT*FROM"ks"."t"WHERE"a"=\'1\'AND b=1', ['ks.t']],
  ['INSERT INTO ks.t JSON $${"a": "it\'s"}$$ DEFAULT UNSET IF NOT EXISTS', ['ks.t']],
  ["INSERT INTO t (a) VALUES ('it''s; DROP KEYSPACE x; --')", ['cur.t']],
  ['INSERT INTO t (a) VALUES ({ks.g(1): 2})', ['cur.t', 'f:ks.g']],
  ['INSERT INTO t (a) VALUES ([ks.g(1)])', ['cur.t', 'f:ks.g']],
  ['INSERT INTO t (a) VALUES ((1, ks.g(1)))', ['cur.t', 'f:ks.g']],
  ['INSERT INTO t (a) VALUES ((ks2.u){a:1})', ['cur.t', 'y:ks2.u']],
  [
    'UPDATE ks.t USING TIMESTAMP 1 SET a = ks2.f(1), b[ks2.g()] = 3, c.d = ks2.h() WHERE k = 1 IF a = ks2.i()',
    ['f:ks2.f', 'f:ks2.g', 'f:ks2.h', 'f:ks2.i', 'ks.t'],
  ],
  ['DELETE a[ks2.f(1)], b.c FROM ks.t WHERE k = 1', ['f:ks2.f', 'ks.t']],
  [
    'BEGIN UNLOGGED BATCH INSERT INTO a.t (k) VALUES (a.f(1)) UPDATE b.u SET x=1 WHERE k=2 IF EXISTS; DELETE FROM c.v WHERE k=1; APPLY BATCH',
    ['a.t', 'b.u', 'c.v', 'f:a.f'],
  ],
  ['begin/**/batch/**/delete/**/from/**/a.b/**/where/**/k=1/**/apply/**/batch', ['a.b']],
  [`BEGIN BATCH INSERT INTO t JSON '{"x":"APPLY BATCH; DROP TABLE y"}'; APPLY BATCH`, ['cur.t']],
  ['BEGIN BATCH SELECT * FROM t; APPLY BATCH', 'refused'],
  ['BEGIN BATCH APPLY BATCH', []],
  ['GRANT all permissions TO r', 'refused'],
  ['GRANT SELECT ON ROLE x', 'refused'],
  ['GRANT EXECUTE ON FUNCTION ks.f(int, frozen<ks2.u>) TO r', ['f:ks.f', 'r:r', 'y:ks2.u']],
  ['USE "select * from x"', ['k:select * from x']],
  ['USE key', ['k:key']],
  ['USE ks.t', 'refused'],
  ["USE 'ks'", 'refused'],
  ['USE ?', 'refused'],
  [
    'CREATE TABLE ks.t (k int PRIMARY KEY, v list<frozen<map<int, other.udt>>>)',
    ['ks.t', 'y:other.udt'],
  ],
  ['CREATE TABLE ks.t (k int PRIMARY KEY, v "ks2.u")', ['ks.t', 'y:ks.ks2.u']],
  ['CREATE TABLE ks.t (k int PRIMARY KEY, v list.u)', ['ks.t', 'y:list.u']],
  ['CREATE TABLE ks.t (k int PRIMARY KEY, v int.u)', ['ks.t', 'y:int.u']],
  [
    "CREATE TABLE ks.t (k int PRIMARY KEY, v 'ListType(UserType(ks2,75,61:Int32Type))')",
    ['ks.t', 'y:ks2.u'],
  ],
  ['CREATE TABLE ks.t (k int PRIMARY KEY, v text MASKED WITH other.fn(1))', ['f:other.fn', 'ks.t']],
  ['ALTER TABLE ks.t ALTER v MASKED WITH ks2.f()', ['f:ks2.f', 'ks.t']],
  ['CREATE TABLE ks.t LIKE other.u', 'refused'],
  [
    'CREATE TABLE ks.t (k int, "APPLY BATCH" text, PRIMARY KEY (k)) WITH comment = $$ ; DROP $$',
    ['ks.t'],
  ],
  ['ALTER TABLE ks.t ADD (v ks2.u, w list<frozen<ks3.u>>)', ['ks.t', 'y:ks2.u', 'y:ks3.u']],
  ['ALTER TABLE ks.t RENAME a TO b AND c TO d', ['ks.t']],
  ['CREATE INDEX ON ks.t (v)', ['ks.t']],
  ['CREATE INDEX ks.idx ON t (v)', 'refused'],
  ['CREATE INDEX "on" ON "ON"."T" ("V")', ['ON.T']],
  [
    'CREATE MATERIALIZED VIEW ks.v AS SELECT a, other.g(a) FROM other.t WHERE a IS NOT NULL PRIMARY KEY (a)',
    ['f:other.g', 'ks.v', 'other.t'],
  ],
  [
    'CREATE FUNCTION ks.f (a o.u) RETURNS NULL ON NULL INPUT RETURNS o2.udt LANGUAGE java AS $$ DROP KEYSPACE x; $$',
    ['f:ks.f', 'y:o.u', 'y:o2.udt'],
  ],
  [
    'CREATE AGGREGATE ks.a (int) SFUNC "F" STYPE frozen<ks2.u> FINALFUNC g INITCOND {a: ks3.f()}',
    ['f:ks.a', 'f:ks.F', 'f:ks.g', 'f:ks3.f', 'y:ks2.u'],
  ],
  ['CREATE AGGREGATE ks.a(int) SFUNC other.f STYPE int', 'refused'],
  ['TRUNCATE "TABLE"', ['cur.TABLE']],
  ['TRUNCATE TABLES', ['cur.tables']],
  ['TRUNCATE COLUMNFAMILY ks.t', ['ks.t']],
  ['DESC ks.t', ['k:ks']],
  ['DESC only', ['k:cur', 'k:only']],
  ['DESC values', ['k:cur', 'k:values']],
  ['DESC full schema', []],
  ['DESCRIBE "KEYSPACE"', ['k:KEYSPACE', 'k:cur']],
  ['DESC cluster.t', 'refused'],
  ['DROP INDEX ks.idx', ['i:ks.idx']],
  ["ADD IDENTITY 'spiffe://x' TO ROLE 'r'", ['r:r']],
  ["DROP IDENTITY 'x'", []],
  ['CREATE ROLE IF NOT EXISTS "Ro;le" WITH LOGIN = true', ['r:Ro;le']],
  ["ALTER ROLE r WITH OPTIONS = {'x': 'DROP ROLE y'}", ['r:r']],
  ['CREATE USER Foo', ['r:Foo']],
  ['LIST ALL PERMISSIONS ON KEYSPACE ks OF r NORECURSIVE', []],
  ['LIST ALL', []],
  ['LIST SELECT ON ks.t', ['ks.t']],
  ['GRANT SELECT ON all.t TO x', ['all.t', 'r:x']],
  ['GRANT SELECT ON role TO x', ['cur.role', 'r:x']],
  ['GRANT SELECT ON tables.t TO x', ['r:x', 'tables.t']],
  // Functions named by a keyword keep its case, unlike anything else.
  ['SELECT ks.ROLE(a) FROM t', ['cur.t', 'f:ks.ROLE']],
  ['SELECT a FROM t GROUP BY a.b;', 'refused'],
  ['SELECT a FROM t GROUP BY a.b', ['cur.t']],
  ['SELECT a -id FROM t', 'refused'],
  ['SELECT deadbeef-x FROM t', 'refused'],
  ['SELECT 12345678-1 FROM t', 'refused'],
  ['CREATE SCHEMA x WITH replication = {}', 'refused'],
  ['DROP SCHEMA x', 'refused'],
  ['SELECT * FROM ks\f.t', 'refused'],
  ['SELECT * FROM ks\u00a0.t', 'refused'],
  ['\ufeffSELECT * FROM t', 'refused'],
  ['SELECT * FROM t\0', 'refused'],
  ['SELECT * FROM P1D', 'refused'],
  ['SELECT * FROM p1d', ['cur.p1d']],
  ['SELECT * FROM ks.t USING TIMEOUT 5s', 'refused'],
  ['SELECT * FROM ks.t BYPASS CACHE', 'refused'],
];

describe('adversarial statements', () => {
  it.each(ROWS)('%s', (text, expected) => {
    const found = touched(text);
    expect(found).toEqual(expected === 'refused' ? expected : [...expected].sort());
  });

  it('decide in the keyspace of the request, which wins over the session', () => {
    // The protocol's trick: the keyspace comes beside the text (v5) or with PREPARE.
    expect(touched('SELECT * FROM t', 'secret')).toEqual(['secret.t']);
    expect(touched('SELECT f(a) FROM b.t', 'a')).toEqual(['b.t', 'f:b.f']);
  });

  it.each([
    ['BEGIN TRANSACTION', 'later Cassandra'],
    ['CREATE TABLE ks.t LIKE other.u', 'later Cassandra'],
    ['SELECT * FROM t WHERE k BETWEEN 1 AND 2', 'later Cassandra'],
    ['SELECT * FROM t WHERE k NOT IN (1)', 'later Cassandra'],
    ['LIST SUPERUSERS', 'later Cassandra'],
    ["COMMENT ON TABLE ks.t IS 'x'", 'later Cassandra'],
    ['CREATE ROLE r WITH GENERATED PASSWORD', 'later Cassandra'],
    ['SELECT * FROM ks.t BYPASS CACHE', 'ScyllaDB'],
    ['DROP SCHEMA x', 'write KEYSPACE'],
  ])('say where it comes from: %s', (text, reason) => {
    expect(analyse(text, 'cur')).toMatchObject({
      rule: 'syntax',
      reason: expect.stringContaining(reason) as string,
    });
  });

  it('tell grants of roles from grants of permissions', () => {
    const needs = (text: string) => {
      const found = analyse(text, 'cur');
      return isStatement(found) ? [found.kind, ...found.needs.map((need) => need.resource)] : found;
    };
    expect(needs('GRANT SELECT ON all.t TO x')).toContainEqual({
      type: 'TABLE',
      keyspace: 'all',
      table: 't',
    });
    expect(needs('GRANT SELECT ON all TO r')).toContainEqual({
      type: 'TABLE',
      keyspace: 'cur',
      table: 'all',
    });
    expect(needs('GRANT SELECT ON "ALL" TO r')).toContainEqual({
      type: 'TABLE',
      keyspace: 'cur',
      table: 'ALL',
    });
    for (const name of ['role', 'keyspaces', 'functions']) {
      expect(needs(`GRANT SELECT ON ${name} TO x`)).toContainEqual({
        type: 'TABLE',
        keyspace: 'cur',
        table: name,
      });
    }
    expect(needs('GRANT SELECT ON mbeans.t TO x')).toContainEqual({
      type: 'TABLE',
      keyspace: 'mbeans',
      table: 't',
    });
    expect(needs('GRANT ALTER ON ROLE x TO y')).toContainEqual({ type: 'ROLE', role: 'x' });
    expect(needs('GRANT all TO r')).toEqual(['GRANT ROLE', { type: 'ROLE', role: 'all' }]);
    expect(needs('GRANT permission TO r')).toEqual([
      'GRANT ROLE',
      { type: 'ROLE', role: 'permission' },
    ]);
    expect(needs('GRANT role TO role')).toEqual(['GRANT ROLE', { type: 'ROLE', role: 'role' }]);
    expect(needs('REVOKE all FROM r')).toEqual(['REVOKE ROLE', { type: 'ROLE', role: 'all' }]);
    expect(needs('GRANT \'x\' TO "Y"')).toEqual(['GRANT ROLE', { type: 'ROLE', role: 'x' }]);
    expect(needs('GRANT SELECT ON KEYSPACE keyspaces TO r')).toContainEqual({
      type: 'KEYSPACE',
      keyspace: 'keyspaces',
    });
  });
});
