// What a statement needs once the schema has its say: views, indexes, overloads, and what is not there.
import { describe, expect, it } from 'vitest';
import { analyse, isStatement } from '../../src/cql/analyse.ts';
import { isOfAbsent, keyspaceOf, needsOf } from '../../src/cql/needs.ts';
import { formatNeed } from '../../src/cql/resource.ts';
import { EMPTY_SCHEMA, type Statement } from '../../src/cql/statement.ts';
import { SchemaSnapshot } from '../../src/upstream/schema.ts';

function statement(text: string, keyspace: string | null = null): Statement {
  const found = analyse(text, keyspace);
  if (!isStatement(found)) throw new Error(`${text}: ${found.reason}`);
  return found;
}

describe('needs', () => {
  it('follow views and indexes of the schema', () => {
    const schema = new SchemaSnapshot(2, {
      views: [{ keyspace: 'ks', view: 'v', base: 't' }],
      indexes: [{ keyspace: 'ks', index: 'i', table: 't' }],
    });
    const needs = (text: string) => needsOf(statement(text), schema).map(formatNeed);
    expect(needs('SELECT * FROM ks.v')).toEqual(['SELECT ON TABLE ks.t']);
    expect(needs('INSERT INTO ks.t (k) VALUES (1)')).toEqual([
      'MODIFY ON TABLE ks.t',
      'SELECT ON TABLE ks.t',
      'MODIFY ON TABLE ks.v',
    ]);
    expect(needs('TRUNCATE ks.t')).toEqual(['MODIFY ON TABLE ks.t']);
    expect(needs('DROP INDEX ks.i')).toEqual(['ALTER ON TABLE ks.t']);
    expect(needs('DROP MATERIALIZED VIEW ks.v')).toEqual(['ALTER ON TABLE ks.t']);
    const plain = statement('SELECT * FROM ks.t');
    expect(needsOf(plain, EMPTY_SCHEMA)).toBe(plain.needs);
  });

  it('follow the overloads of the schema', () => {
    const schema = new SchemaSnapshot(2, {
      functions: [
        { keyspace: 'ks', name: 'f', argumentTypes: ['int'], aggregate: null },
        {
          keyspace: 'ks',
          name: 'f',
          argumentTypes: ['frozen<list<text>>', 'addr'],
          aggregate: null,
        },
        { keyspace: 'ks', name: 'sum', argumentTypes: ['text'], aggregate: null },
        {
          keyspace: 'ks',
          name: 'a',
          argumentTypes: ['int'],
          aggregate: { stateFunction: 's', stateType: 'tuple<int, bigint>', finalFunction: 'g' },
        },
      ],
    });
    const needs = (text: string) => needsOf(statement(text), schema).map(formatNeed).slice(1);
    const dropped = (text: string) => needsOf(statement(text), schema).map(formatNeed);
    expect(needs('SELECT f(x) FROM ks.t')).toEqual(['EXECUTE ON FUNCTION ks.f(int)']);
    expect(needs('SELECT f(x, y) FROM ks.t')).toEqual([
      'EXECUTE ON FUNCTION ks.f(list<text>,addr)',
    ]);
    expect(needs('SELECT f() FROM ks.t')).toEqual(['EXECUTE ON ALL FUNCTIONS IN KEYSPACE ks']);
    // Cassandra has a function of that name; the keyspace's own may be meant as well.
    expect(needs('SELECT sum(x) FROM ks.t')).toEqual(['EXECUTE ON FUNCTION ks.sum(text)']);
    expect(needs('SELECT sum(x) FROM other.t')).toEqual([]);
    expect(needs('SELECT system.sum(x) FROM ks.t')).toEqual([]);
    // An aggregate runs its functions.
    expect(needs('SELECT a(x) FROM ks.t')).toEqual([
      'EXECUTE ON FUNCTION ks.a(int)',
      'EXECUTE ON FUNCTION ks.s(tuple<int,bigint>,int)',
      'EXECUTE ON FUNCTION ks.g(tuple<int,bigint>)',
    ]);
    expect(dropped('DROP FUNCTION ks.f')).toEqual([
      'DROP ON FUNCTION ks.f(int)',
      'DROP ON FUNCTION ks.f(list<text>,addr)',
    ]);
    expect(dropped('DROP FUNCTION IF EXISTS ks.gone')).toEqual([
      'DROP ON ALL FUNCTIONS IN KEYSPACE ks',
    ]);
    expect(dropped('DROP FUNCTION ks.f(list<varchar>, frozen<ks.addr>)')).toEqual([
      'DROP ON FUNCTION ks.f(list<text>,addr)',
    ]);
    const make = (name: string, type: string) =>
      `CREATE OR REPLACE FUNCTION ks.${name} (x ${type}) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ $$`;
    expect(dropped(make('f', 'int'))).toEqual(['ALTER ON FUNCTION ks.f(int)']);
    expect(dropped(make('f', 'bigint'))).toEqual(['CREATE ON ALL FUNCTIONS IN KEYSPACE ks']);
  });
});

describe('of what is not there', () => {
  const parts = {
    views: [{ keyspace: 'ks', view: 'v', base: 't' }],
    indexes: [{ keyspace: 'ks', index: 'i', table: 't' }],
    functions: [{ keyspace: 'ks', name: 'f', argumentTypes: ['int'], aggregate: null }],
    // All that there is was read.
    keyspaces: [{ keyspace: 'ks', replication: new Map<string, string>() }],
  };
  const schema = new SchemaSnapshot(2, parts);

  it.each([
    ['DROP INDEX ks.none', true],
    ['DROP INDEX ks.i', false],
    ['DROP MATERIALIZED VIEW IF EXISTS ks.none', true],
    ["ALTER MATERIALIZED VIEW ks.v WITH comment = ''", false],
    ['DROP FUNCTION ks.f(text)', true],
    ['DROP FUNCTION ks.f(int)', false],
    ['DROP FUNCTION ks.f', false],
    // A user type of another keyspace, and a type that may mean several, may be the one that is there.
    ['DROP FUNCTION ks.f(frozen<other.u>)', false],
    ['DROP TABLE ks.none', false],
    ['CREATE FUNCTION ks.g (a int) CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ $$', false],
  ])('%s: %s', (text, isAbsent) => {
    expect(schema.isWhole).toBe(true);
    const found = statement(text);
    expect(isOfAbsent(found, schema)).toBe(isAbsent);
    expect(needsOf(found, schema).length === 0).toBe(isAbsent);
    // What is not known to be absent needs what the text alone says.
    expect(isOfAbsent(found, EMPTY_SCHEMA)).toBe(false);
  });
});

describe('the keyspace of DESCRIBE', () => {
  it('is one that the schema has, where the text may mean either', () => {
    const schema = (...keyspaces: readonly string[]) => ({
      ...EMPTY_SCHEMA,
      hasKeyspace: (name: string) => keyspaces.includes(name),
    });
    const either = statement('DESCRIBE billing', 'orders');
    expect(either.describe?.form).toBe('either');
    expect(keyspaceOf(either, schema('billing', 'orders'))).toBe('billing');
    expect(keyspaceOf(either, schema('orders'))).toBe('orders');
    expect(keyspaceOf(either, schema())).toBeNull();
    expect(keyspaceOf(statement('SELECT a FROM ks.t'), schema())).toBe('ks');
  });
});
