// What a snapshot of the schema answers, and what it answers as long as nothing is known.
import { describe, expect, it } from 'vitest';
import { SchemaSnapshot, type SchemaRows } from '../../src/upstream/schema.ts';

const KEYSPACES = [{ keyspace: 'shop', replication: new Map([['class', 'SimpleStrategy']]) }];
const of = (rows: SchemaRows): SchemaSnapshot => new SchemaSnapshot(1, rows);

const UNKNOWN = new SchemaSnapshot(0, null);
const EMPTY = of({ keyspaces: KEYSPACES });

describe('views', () => {
  const schema = of({
    keyspaces: KEYSPACES,
    views: [
      { keyspace: 'shop', view: 'by_day', base: 'orders' },
      { keyspace: 'shop', view: 'by_customer', base: 'orders' },
      { keyspace: 'other', view: 'by_day', base: 'events' },
    ],
  });

  it('have the base table of their own keyspace', () => {
    expect(schema.baseOfView('shop', 'by_day')).toBe('orders');
    expect(schema.baseOfView('other', 'by_day')).toBe('events');
    expect(schema.baseOfView('other', 'by_customer')).toBeNull();
    expect(schema.baseOfView('shop', 'orders')).toBeNull();
    expect(schema.baseOfView('none', 'by_day')).toBeNull();
  });

  it('are all found by their base table', () => {
    expect(schema.viewsOf('shop', 'orders')).toEqual(['by_day', 'by_customer']);
    expect(schema.viewsOf('other', 'events')).toEqual(['by_day']);
    expect(schema.viewsOf('shop', 'by_day')).toEqual([]);
    expect(schema.viewsOf('none', 'orders')).toEqual([]);
  });
});

it('an index is of the table in its own keyspace', () => {
  const schema = of({
    indexes: [
      { keyspace: 'shop', index: 'i', table: 'orders' },
      { keyspace: 'other', index: 'i', table: 'events' },
    ],
  });
  expect(schema.tableOfIndex('shop', 'i')).toBe('orders');
  expect(schema.tableOfIndex('other', 'i')).toBe('events');
  expect(schema.tableOfIndex('shop', 'orders')).toBeNull();
});

describe('a keyspace', () => {
  it('is there where it is listed, or Cassandra’s own, which are not all listed', () => {
    expect(
      ['shop', 'system', 'system_views', 'other'].map((one) => EMPTY.hasKeyspace(one)),
    ).toEqual([...[true, true, true, false]]);
  });

  it('may be there while no schema was read, or none with keyspaces', () => {
    expect([UNKNOWN, of({})].map((schema) => schema.hasKeyspace('any'))).toEqual([true, true]);
    expect([UNKNOWN, of({}), EMPTY].map(({ isWhole }) => isWhole)).toEqual([false, false, true]);
  });

  it('has its replication, for routing', () => {
    expect(EMPTY.replication.get('shop')?.get('class')).toBe('SimpleStrategy');
    expect(UNKNOWN.replication.size).toBe(0);
  });
});

it('a system table is lacking only where the others of its keyspace are known', () => {
  const schema = of({
    systemTables: [
      { keyspace: 'system', table: 'local' },
      { keyspace: 'system', table: 'peers' },
    ],
  });
  expect(schema.lacksSystemTable('system', 'peers_v2')).toBe(true);
  expect(schema.lacksSystemTable('system', 'peers')).toBe(false);
  expect(schema.lacksSystemTable('system', 'local')).toBe(false);
  expect(schema.lacksSystemTable('system_views', 'peers')).toBe(false);
  expect(UNKNOWN.lacksSystemTable('system', 'peers_v2')).toBe(false);
});

it('a type is there where it is listed, or while the schema is not whole', () => {
  const types = [
    { keyspace: 'shop', type: 'address' },
    { keyspace: 'shop', type: 'phone' },
    { keyspace: 'other', type: 'color' },
  ];
  const schema = of({ keyspaces: KEYSPACES, types });
  expect(schema.hasType('shop', 'address')).toBe(true);
  expect(schema.hasType('shop', 'phone')).toBe(true);
  expect(schema.hasType('shop', 'color')).toBe(false);
  expect(schema.hasType('none', 'address')).toBe(false);
  expect(UNKNOWN.hasType('shop', 'color')).toBe(true);
  expect(of({ types }).hasType('shop', 'color')).toBe(true);
});

describe('functions', () => {
  const fn = (keyspace: string, name: string, ...argumentTypes: string[]) => ({
    keyspace,
    name,
    argumentTypes,
    aggregate: null,
  });
  const schema = of({
    keyspaces: KEYSPACES,
    types: [{ keyspace: 'shop', type: 'address' }],
    functions: [
      fn('shop', 'f'),
      fn('shop', 'f', 'int', 'text'),
      fn('other', 'f', 'text'),
      {
        ...fn('shop', 'total', 'int'),
        aggregate: { stateFunction: 'add', stateType: 'bigint', finalFunction: 'close' },
      },
      {
        ...fn('shop', 'open', 'int'),
        aggregate: { stateFunction: 'add', stateType: 'bigint', finalFunction: null },
      },
    ],
  });
  const arities = (keyspace: string, name: string) =>
    schema.overloads(keyspace, name)?.map(({ arity }) => arity);

  it('have all their overloads, of their own keyspace', () => {
    expect(arities('shop', 'f')).toEqual([0, 2]);
    expect(arities('other', 'f')).toEqual([1]);
    expect(arities('shop', 'none')).toEqual([]);
    expect(arities('none', 'f')).toEqual([]);
  });

  it('are not known before a schema was read, which is another thing than none', () => {
    expect(UNKNOWN.overloads('shop', 'f')).toBeNull();
    expect(of({}).overloads('shop', 'f')).toEqual([]);
  });

  it('that are aggregates run their functions, the state before the arguments', () => {
    const [total] = schema.overloads('shop', 'total')!;
    const [bigint, int] = ['bigint', 'int'].map(
      (name) => total!.runs[0]!.signature[name === 'int' ? 1 : 0],
    );
    expect(total!.runs.map(({ name, signature }) => [name, signature.length])).toEqual([
      ['add', 2],
      ['close', 1],
    ]);
    expect(total!.signature).toEqual([int]);
    expect(total!.runs[1]!.signature).toEqual([bigint]);
    expect(bigint).not.toEqual(int);
    expect(schema.overloads('shop', 'open')![0]!.runs.map(({ name }) => name)).toEqual(['add']);
    expect(schema.overloads('shop', 'f')![0]!.runs).toEqual([]);
  });
});

describe('masks', () => {
  const masks = [
    { keyspace: 'shop', table: 'people', column: 'card' },
    { keyspace: 'shop', table: 'people', column: 'phone' },
    { keyspace: 'other', table: 'people', column: 'name' },
  ];

  it('hide columns of a table of one keyspace', () => {
    const schema = of({ masks });
    expect(schema.hasMasks).toBe(true);
    expect(schema.maskedColumns('shop', 'people')).toEqual(new Set(['card', 'phone']));
    expect(schema.maskedColumns('other', 'people')).toEqual(new Set(['name']));
    expect(schema.maskedColumns('shop', 'orders')).toBeNull();
    expect([UNKNOWN.hasMasks, EMPTY.hasMasks]).toEqual([false, false]);
  });

  it('are seen through by logins as it is asked, and by all where nobody can be asked', () => {
    const asked: string[] = [];
    const schema = new SchemaSnapshot(1, { masks }, (...place) => {
      asked.push(place.join('.'));
      return false;
    });
    expect(schema.unmasks('ci', 'shop', 'people')).toBe(false);
    expect(asked).toEqual(['ci.shop.people']);
    expect(of({ masks }).unmasks('ci', 'shop', 'people')).toBe(true);
  });
});
