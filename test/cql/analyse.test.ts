// What each kind of statement needs, and that no text whatever brings the analyser down.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { formatNeed } from '../../src/cql/resource.ts';
import { STATEMENT_KINDS, type Statement } from '../../src/cql/statement.ts';
import { random } from '../protocol/streams.ts';

function statement(text: string, keyspace: string | null = null): Statement {
  const found = analyse(text, keyspace);
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

const KEYSPACE = "WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}";

const KINDS: [keyof typeof STATEMENT_KINDS, string, string[]][] = [
  ['SELECT', 'SELECT * FROM ks.t', ['SELECT ON TABLE ks.t']],
  [
    'SELECT',
    'SELECT ks2.f(a), count(*), toJson(b) FROM ks.t',
    ['SELECT ON TABLE ks.t', 'EXECUTE ON FUNCTION ks2.f'],
  ],
  ['INSERT', 'INSERT INTO ks.t (k) VALUES (now())', ['MODIFY ON TABLE ks.t']],
  [
    'INSERT',
    'INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS',
    ['MODIFY ON TABLE ks.t', 'SELECT ON TABLE ks.t'],
  ],
  [
    'UPDATE',
    'UPDATE ks.t SET v = v + ? WHERE k = ? IF EXISTS',
    ['MODIFY ON TABLE ks.t', 'SELECT ON TABLE ks.t'],
  ],
  ['UPDATE', 'UPDATE ks.t SET c = c -1, l = [1] + l WHERE k = 1', ['MODIFY ON TABLE ks.t']],
  ['DELETE', 'DELETE v FROM ks.t WHERE k = 1', ['MODIFY ON TABLE ks.t']],
  [
    'BATCH',
    'BEGIN COUNTER BATCH UPDATE ks.t SET c = c + 1 WHERE k = 1 APPLY BATCH',
    ['MODIFY ON TABLE ks.t'],
  ],
  ['USE', 'USE ks', []],
  ['TRUNCATE', 'TRUNCATE TABLE ks.t', ['MODIFY ON TABLE ks.t']],
  [
    'CREATE KEYSPACE',
    `CREATE KEYSPACE ks ${KEYSPACE} AND durable_writes = true`,
    ['CREATE ON ALL KEYSPACES'],
  ],
  ['ALTER KEYSPACE', `ALTER KEYSPACE ks ${KEYSPACE}`, ['ALTER ON KEYSPACE ks']],
  ['DROP KEYSPACE', 'DROP KEYSPACE IF EXISTS ks', ['DROP ON KEYSPACE ks']],
  [
    'CREATE TABLE',
    "CREATE TABLE IF NOT EXISTS ks.t (k int, c int, v vector<float, 3>, s text STATIC, PRIMARY KEY ((k), c)) WITH CLUSTERING ORDER BY (c DESC) AND compaction = {'class': 'UnifiedCompactionStrategy'}",
    ['CREATE ON ALL TABLES IN KEYSPACE ks'],
  ],
  ['ALTER TABLE', 'ALTER TABLE ks.t DROP (a, b) USING TIMESTAMP 1', ['ALTER ON TABLE ks.t']],
  ['DROP TABLE', 'DROP TABLE ks.t', ['DROP ON TABLE ks.t']],
  [
    'CREATE INDEX',
    "CREATE CUSTOM INDEX i ON ks.t (v) USING 'StorageAttachedIndex'",
    ['ALTER ON TABLE ks.t'],
  ],
  ['DROP INDEX', 'DROP INDEX IF EXISTS ks.i', ['ALTER ON ALL TABLES IN KEYSPACE ks']],
  [
    'CREATE MATERIALIZED VIEW',
    'CREATE MATERIALIZED VIEW ks.v AS SELECT * FROM ks.t WHERE k IS NOT NULL PRIMARY KEY (k)',
    ['ALTER ON TABLE ks.t'],
  ],
  [
    'ALTER MATERIALIZED VIEW',
    "ALTER MATERIALIZED VIEW ks.v WITH comment = ''",
    ['ALTER ON ALL TABLES IN KEYSPACE ks'],
  ],
  ['DROP MATERIALIZED VIEW', 'DROP MATERIALIZED VIEW ks.v', ['ALTER ON ALL TABLES IN KEYSPACE ks']],
  [
    'CREATE TYPE',
    'CREATE TYPE ks.u (a int, b frozen<list<text>>)',
    ['CREATE ON ALL TABLES IN KEYSPACE ks'],
  ],
  ['ALTER TYPE', 'ALTER TYPE ks.u ADD c int', ['ALTER ON ALL TABLES IN KEYSPACE ks']],
  ['DROP TYPE', 'DROP TYPE ks.u', ['DROP ON ALL TABLES IN KEYSPACE ks']],
  [
    'CREATE FUNCTION',
    'CREATE FUNCTION ks.f (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ return a; $$',
    ['CREATE ON ALL FUNCTIONS IN KEYSPACE ks'],
  ],
  ['DROP FUNCTION', 'DROP FUNCTION ks.f (int)', ['DROP ON FUNCTION ks.f(int)']],
  [
    'CREATE AGGREGATE',
    'CREATE OR REPLACE AGGREGATE ks.a (int) SFUNC f STYPE int',
    [
      'CREATE ON ALL FUNCTIONS IN KEYSPACE ks',
      'ALTER ON FUNCTION ks.a(int)',
      'EXECUTE ON FUNCTION ks.f(int,int)',
    ],
  ],
  ['DROP AGGREGATE', 'DROP AGGREGATE IF EXISTS ks.a', ['DROP ON FUNCTION ks.a']],
  ['CREATE TRIGGER', "CREATE TRIGGER x ON ks.t USING 'org.Evil'", ['ALTER ON TABLE ks.t']],
  ['DROP TRIGGER', 'DROP TRIGGER x ON ks.t', ['ALTER ON TABLE ks.t']],
  [
    'GRANT',
    'GRANT SELECT, MODIFY ON KEYSPACE ks TO r',
    ['AUTHORIZE ON KEYSPACE ks', 'SELECT ON KEYSPACE ks', 'MODIFY ON KEYSPACE ks'],
  ],
  [
    'REVOKE',
    'REVOKE EXECUTE ON FUNCTION ks.f(int) FROM r',
    ['AUTHORIZE ON FUNCTION ks.f(int)', 'EXECUTE ON FUNCTION ks.f(int)'],
  ],
  ['GRANT ROLE', 'GRANT a TO b', ['AUTHORIZE ON ROLE a']],
  ['REVOKE ROLE', 'REVOKE a FROM b', ['AUTHORIZE ON ROLE a']],
  [
    'LIST PERMISSIONS',
    'LIST ALL PERMISSIONS ON KEYSPACE ks OF r NORECURSIVE',
    ['DESCRIBE ON ROLE r'],
  ],
  ['LIST ROLES', 'LIST ROLES OF r', ['DESCRIBE ON ALL ROLES']],
  ['LIST USERS', 'LIST USERS', ['DESCRIBE ON ALL ROLES']],
  [
    'CREATE ROLE',
    "CREATE ROLE r WITH PASSWORD = 'x' AND LOGIN = true AND OPTIONS = {'a': 'b'}",
    ['CREATE ON ALL ROLES'],
  ],
  ['ALTER ROLE', "ALTER ROLE r WITH HASHED PASSWORD = 'x'", ['ALTER ON ROLE r']],
  ['DROP ROLE', 'DROP ROLE IF EXISTS "Ro;le"', ['DROP ON ROLE "Ro;le"']],
  ['CREATE USER', "CREATE USER u WITH PASSWORD 'x' NOSUPERUSER", ['CREATE ON ALL ROLES']],
  ['ALTER USER', "ALTER USER 'u' WITH PASSWORD 'x'", ['ALTER ON ROLE u']],
  ['DROP USER', 'DROP USER u', ['DROP ON ROLE u']],
  ['ADD IDENTITY', "ADD IDENTITY 'spiffe://x' TO ROLE 'r'", ['CREATE ON ALL ROLES']],
  ['DROP IDENTITY', "DROP IDENTITY 'x'", ['DROP ON ALL ROLES']],
  ['DESCRIBE', 'DESCRIBE KEYSPACE ks WITH INTERNALS', []],
];

describe('needs', () => {
  it.each(KINDS)('of %s: %s', (kind, text, needs) => {
    const found = statement(text);
    expect(found.kind).toBe(kind);
    expect(found.classes).toEqual([]);
    expect(found.needs.map(formatNeed)).toEqual(needs);
    // White space, case and comments change nothing.
    const spread = text.replaceAll(' ', ' /* ; */\n');
    expect(statement(spread).needs).toEqual(found.needs);
  });

  it('are known for all 43 kinds', () => {
    expect(new Set(KINDS.map(([kind]) => kind))).toEqual(new Set(Object.keys(STATEMENT_KINDS)));
  });

  it('ask for the capability behind what Cassandra keeps for superusers', () => {
    expect(statement('CREATE ROLE r WITH SUPERUSER = true').capability).toBe('superuser');
    expect(statement('ALTER USER u SUPERUSER').capability).toBe('superuser');
    expect(statement('ALTER ROLE r WITH ACCESS FROM ALL CIDRS').capability).toBe('superuser');
    // Of a role that is made Cassandra asks nothing more for it.
    for (const access of ['TO ALL DATACENTERS', "TO DATACENTERS {'dc1'}", 'FROM ALL CIDRS']) {
      expect(statement(`CREATE ROLE r WITH ACCESS ${access}`).capability).toBeNull();
      expect(statement(`ALTER ROLE r WITH ACCESS ${access}`).capability).toBe('superuser');
    }
    expect(statement("CREATE TRIGGER x ON ks.t USING 'c'").capability).toBe('triggers');
    expect(statement("ADD IDENTITY 'x' TO ROLE 'r'").capability).toBe('identities');
  });

  it('include SELECT in the keyspace of a foreign type', () => {
    expect(
      statement('CREATE TABLE orders.t (k int PRIMARY KEY, v frozen<billing.u>)').needs.map(
        formatNeed,
      ),
    ).toContain('SELECT ON ALL TABLES IN KEYSPACE billing');
  });

  it('take names of indexes in any case, where Cassandra does', () => {
    const classes = (name: string) =>
      statement(`CREATE CUSTOM INDEX ON ks.t (v) USING '${name}'`).classes;
    for (const name of ['sai', 'SAI', 'StorageAttachedIndex', 'storageATTACHEDindex']) {
      expect(classes(name)).toEqual([]);
    }
    const full = 'org.apache.cassandra.index.sai.storageattachedindex';
    expect(classes(full)).toEqual([full]);
    expect(
      statement(
        "CREATE TABLE ks.t (k int PRIMARY KEY) WITH compaction = {'class': 'storageattachedindex'}",
      ).classes,
    ).toEqual(['storageattachedindex']);
  });

  it("name Java classes that are none of Cassandra's", () => {
    for (const text of [
      "CREATE CUSTOM INDEX ON ks.t (v) USING 'org.evil.Index'",
      "CREATE TABLE ks.t (k int PRIMARY KEY) WITH compaction = {'class': 'org.evil.Strategy'}",
      "CREATE KEYSPACE ks WITH replication = {'CLASS': 'org.evil.Strategy'}",
    ]) {
      expect(statement(text).classes).toEqual([expect.stringContaining('org.evil')]);
    }
  });
});

describe('the analyser', () => {
  it('asks for a keyspace where a name has none', () => {
    expect(analyse('SELECT * FROM t', null)).toMatchObject({ rule: 'no_keyspace' });
    expect(statement('SELECT * FROM t', 'ks')).toMatchObject({
      usesKeyspace: true,
      keyspace: 'ks',
    });
    expect(statement('SELECT * FROM other.t', 'ks').usesKeyspace).toBe(false);
  });

  it('keeps the shape of simple SELECTs over keyspace system', () => {
    expect(
      statement(
        "SELECT keyspace_name, table_name AS t FROM system.size_estimates WHERE keyspace_name='ks'",
      ).selection,
    ).toEqual({
      columns: [
        { name: 'keyspace_name', alias: null },
        { name: 'table_name', alias: 't' },
      ],
      where: [{ column: 'keyspace_name', terms: [{ type: 'literal', value: 'ks', quoted: true }] }],
      limit: null,
    });
    for (const text of [
      'SELECT JSON keyspace_name FROM system.size_estimates',
      'SELECT CAST(keyspace_name AS text) FROM system.size_estimates',
      "SELECT keyspace_name FROM system.size_estimates WHERE keyspace_name > 'a'",
    ]) {
      expect(statement(text).selection).toBeNull();
    }
  });

  it('takes SELECTs over system.local and peers apart', () => {
    const { topology, columns } = statement(
      `SELECT JSON DISTINCT key, toJson( rpc_address )AS "A b", cast(tokens['x'] AS text), count(rack), now()
       FROM system.local WHERE key = 'local' AND rack IN ('a', 'b') LIMIT 3 ALLOW FILTERING;`,
    );
    expect(topology).toMatchObject({ isJson: true, isDistinct: true, groups: false });
    expect(
      topology?.selectors?.map(({ text, alias, column, counts, reads }) => [
        text,
        alias,
        column,
        counts,
        reads.map(({ name, start, end }) => [name, text.slice(start, end)]),
      ]),
    ).toEqual([
      ['key', null, 'key', null, [['key', 'key']]],
      ['toJson( rpc_address )', 'A b', null, null, [['rpc_address', 'rpc_address']]],
      ["cast(tokens['x'] AS text)", null, null, null, [['tokens', 'tokens']]],
      ['count(rack)', null, null, 'rack', [['rack', 'rack']]],
      ['now()', null, null, null, []],
    ]);
    expect(topology?.tail).toBe(
      "WHERE key = 'local' AND rack IN ('a', 'b') LIMIT 3 ALLOW FILTERING",
    );
    expect(topology?.rows?.where.map(({ column }) => column)).toEqual(['key', 'rack']);
    expect(columns).toEqual(['key', 'rpc_address', 'tokens', 'rack']);
    const bound = statement(
      'SELECT * FROM system.peers_v2 WHERE peer = :address and peer_port = :port',
    ).topology;
    expect(bound).toMatchObject({
      selectors: null,
      rows: {
        where: [
          { terms: [{ type: 'marker', index: 0, name: 'address' }] },
          { terms: [{ type: 'marker', index: 1, name: 'port' }] },
        ],
      },
    });
    expect(statement("SELECT key FROM system.local WHERE key > 'a'").topology?.rows).toBeNull();
    const grouped = statement('SELECT count(*), f(?) FROM system.local GROUP BY key').topology;
    expect(grouped).toMatchObject({ groups: true, bindsSelection: true, rows: null });
  });

  it('never throws, and never reads a cut text as a more harmless one', () => {
    for (const [kind, text] of KINDS) {
      for (let length = 0; length < text.length; length++) {
        const found = analyse(text.slice(0, length), 'cur');
        if (isStatement(found)) expect(found.kind).toBe(kind);
      }
    }
  });

  it('survives noise', () => {
    const seed = Date.now() & 0xffff;
    const next = random(seed);
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(next() * items.length)]!;
    const pieces = [
      ...KINDS.flatMap(([, text]) => text.split(/\b/)),
      '"',
      "'",
      '$$',
      '/*',
      '--',
      '\0',
    ];
    for (let round = 0; round < 20_000; round++) {
      const text = Array.from({ length: 1 + Math.floor(next() * 12) }, () => pick(pieces)).join('');
      expect(() => analyse(text, 'cur'), `seed ${seed}: ${text}`).not.toThrow();
    }
  });

  it('refuses deep nesting instead of running out of stack', () => {
    for (const [open, close] of [
      ['(', ')'],
      ['[', ']'],
      ['{', '}'],
      ['f(', ')'],
      ['-(', ')'],
    ] as const) {
      const text = `SELECT ${open.repeat(50_000)}a${close.repeat(50_000)} FROM ks.t`;
      expect(isStatement(analyse(text, null))).toBe(false);
    }
    const type = `CREATE TABLE ks.t (k ${'list<'.repeat(50_000)}int${'>'.repeat(50_000)} PRIMARY KEY)`;
    expect(isStatement(analyse(type, null))).toBe(false);
  });

  it('reads a megabyte of values in one pass', () => {
    const text = `SELECT * FROM ks.t WHERE k IN (${Array.from({ length: 150_000 }, (_unused, i) => i).join(',')})`;
    const start = performance.now();
    expect(statement(text).kind).toBe('SELECT');
    // Far above what it takes, far below what anything quadratic would.
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});

describe('a BATCH', () => {
  it("works in the session's keyspace if any child does, merged or not", () => {
    const batch = (children: string) =>
      statement(`BEGIN BATCH ${children} APPLY BATCH`, 'cur').usesKeyspace;
    expect(batch('INSERT INTO cur.t (k) VALUES (1); INSERT INTO t (k) VALUES (2);')).toBe(true);
    expect(batch('INSERT INTO t (k) VALUES (1); INSERT INTO cur.t (k) VALUES (2);')).toBe(true);
    expect(batch('INSERT INTO cur.t (k) VALUES (1); INSERT INTO cur.t (k) VALUES (2);')).toBe(
      false,
    );
  });

  it('is decided on once for children that need the same', () => {
    const rows = (value: string) =>
      statement(`BEGIN BATCH ${`INSERT INTO ks.t (k) VALUES (${value});`.repeat(50)} APPLY BATCH`);
    expect(rows('1').children).toHaveLength(1);
    expect(rows('now()').children).toHaveLength(1);
    expect(rows('ks.f(1)').children).toHaveLength(1);
    const differing = [
      'INSERT INTO ks.t (k) VALUES (f(1))',
      'INSERT INTO ks.t (k) VALUES (f(1, 2))',
      'INSERT INTO ks.t (k) VALUES (ks.f(1))',
      'INSERT INTO ks.t (k) VALUES (g(1))',
      'INSERT INTO ks.t (k) VALUES ((ks.u)1)',
      'INSERT INTO ks.t (k) VALUES (1)',
      'INSERT INTO ks.t (k) VALUES (1) IF NOT EXISTS',
      'UPDATE ks.t SET v = 1 WHERE k = 1 IF a = 1',
      'UPDATE ks.t SET v = 1 WHERE k = 1 IF b = 1',
      'UPDATE ks.t SET v = 1 WHERE k = 1',
      'DELETE FROM ks.t WHERE k = 1',
      'DELETE FROM ks.u WHERE k = 1',
      'DELETE FROM "Ks".t WHERE k = 1',
    ];
    const all = statement(`BEGIN BATCH ${differing.join('; ')}; APPLY BATCH`);
    expect(all.children).toHaveLength(differing.length);
  });
});

describe('a text that names very much', () => {
  const many = (item: (i: number) => string) =>
    Array.from({ length: 2_000 }, (_unused, i) => item(i)).join(', ');

  it.each([
    ['functions', `SELECT ${many((i) => `f${i}(a)`)} FROM ks.t`],
    ['types', `CREATE TABLE ks.t (k int PRIMARY KEY, ${many((i) => `c${i} u${i}`)})`],
    [
      'statements',
      `BEGIN BATCH ${many((i) => `DELETE FROM ks.t${i} WHERE k = 1`).replaceAll(',', ';')} APPLY BATCH`,
    ],
  ])('is refused for its %s', (what, text) => {
    expect(analyse(text, null)).toMatchObject({
      reason: expect.stringContaining(`different ${what}`) as string,
      rule: 'too_costly',
    });
  });

  it('is not refused for naming the same again and again', () => {
    const calls = Array.from({ length: 5_000 }, () => 'f(a), g(b), h(c)').join(', ');
    expect(statement(`SELECT ${calls} FROM ks.t`).calls).toHaveLength(3);
  });
});
